"""A person who plays with `docker compose run --rm player`, at a terminal and through a pipe."""

from __future__ import annotations

import re
import shlex
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pexpect
import pytest

from tests.support.container_log import host_of
from tests.support.topology import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.topology import Topology

COMMAND = ("run", "--rm", "player")
NAME = "a-person"
PROMPT = r"Guess \d+: "


@pytest.fixture
def terminal(topology: Topology) -> Iterator[pexpect.spawn[str]]:
    """Give a terminal in which the player has just asked for the first guess."""
    command = shlex.join([*topology.command, *COMMAND])
    with closing(pexpect.spawn(command, cwd=ROOT, encoding="utf-8", timeout=40)) as spawned:
        spawned.expect_exact("Your name (Enter: none): ")
        spawned.sendline(NAME)
        spawned.expect(PROMPT)
        yield spawned


def exit_status(terminal: pexpect.spawn[str]) -> int | None:
    """Wait for the program's end and return its exit status."""
    terminal.expect(pexpect.EOF)
    terminal.close()
    return terminal.exitstatus


def test_a_person_at_a_terminal_wins(topology: Topology, terminal: pexpect.spawn[str]) -> None:
    """What is no number is answered on the spot; guess after guess leads to the win, and exit status 0."""
    terminal.sendline("thirty-one")
    terminal.expect_exact("Pick a number between 1-30")
    for number in range(1, 31):
        terminal.expect(PROMPT)
        terminal.sendline(str(number))
        if terminal.expect([rf"\b{number} is .*(far|close)", r"You have won: it is (\d+)\. (\d+) guess"]):
            break
    assert isinstance(terminal.match, re.Match)
    assert terminal.match[1] == terminal.match[2] == str(number)
    terminal.expect_exact("Play again? (Enter: yes, n: no) ")
    terminal.sendline("n")
    assert exit_status(terminal) == 0
    wait_for_game_of_others(topology, number)


def test_pipes_play_too(topology: Topology) -> None:
    """With all numbers piped in, the player wins and exits with 0; nothing it prints steers a terminal."""
    done = subprocess.run(
        [*topology.command, "run", "--rm", "--no-TTY", "player"],
        cwd=ROOT,
        input="".join(f"{number}\n" for number in range(1, 31)),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    won = re.search(r"You have won: it is (\d+)\. (\d+) guess", done.stdout)
    assert won is not None
    assert won[1] == won[2]
    wait_for_game_of_others(topology, int(won[1]))


def test_ctrl_d_leaves_politely(terminal: pexpect.spawn[str]) -> None:
    """Ctrl-D at the prompt ends the player with exit status 0."""
    terminal.sendeof()
    assert exit_status(terminal) == 0


def test_ctrl_c_interrupts(terminal: pexpect.spawn[str]) -> None:
    """Ctrl-C at the prompt ends the player with exit status 130."""
    terminal.sendintr()
    assert exit_status(terminal) == 130


def test_playing_and_judging_change_nothing_else(topology: Topology) -> None:
    """From a shell with other settings, `run` starts its own container and leaves every other as it is."""
    before = topology.lives()
    numbers = topology.run_in_other_shell("run", "--rm", "--no-TTY", "player", "--help")
    assert "usage: " in numbers
    assert "usage: " in topology.run_in_other_shell("run", "--rm", "--no-TTY", "conformance", "--help")
    assert topology.lives() == before


def wait_for_game_of_others(topology: Topology, guesses: int) -> None:
    """Wait until the server's log has a game with so many guesses that was not won by the bots."""
    bots, log = topology.hosts("bot"), topology.log("server")

    def won() -> bool:
        return any(host_of(event) not in bots for event in log.events("game_won", guesses=guesses))

    log.wait_until(won, what=f"a game of {guesses} guesses that no bot has won")
