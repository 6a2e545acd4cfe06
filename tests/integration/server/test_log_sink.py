"""Whether or not anybody reads the log, the game goes on."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import termios
import tty
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from services.runtime.logging import BACKLOG_OCTETS
from tests.support.play import finish_a_game, start_a_game
from tests.support.server_process import AS_IT_IS, LOOPS, Alteration, ServerProcess, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GUESSES = 40_000
"""Of which each makes a line of 150 octets and more: more than is kept for a log that does not flow."""

BATCH = 400

UNBOUNDED = {"GAME_MAX_LINE_RATE": "0"}
"""Guesses as fast as the server answers them: the default rate would make this a matter of many seconds."""


def guess_on(server: ServerProcess, guesses: int = GUESSES) -> int:
    """Let a player guess that often, with every guess answered, and return how many were."""
    assert guesses * 150 > BACKLOG_OCTETS
    player, guess, reply = start_a_game(server)
    with player:
        for _ in range(guesses // BATCH):
            player.send(guess * BATCH)
            assert player.read(len(reply) * BATCH) == reply * BATCH
    return guesses + 1


@pytest.mark.parametrize("without", LOOPS)
def test_an_unread_pipe_stops_nobody(without: tuple[str, ...]) -> None:
    """While nobody reads the log, play goes on; afterwards the log tells how many lines are lost."""
    with ServerProcess(Alteration(without=without), **UNBOUNDED) as server:
        server.stop_reading()
        finish_a_game(server)
        guesses = guess_on(server)
        finish_a_game(server)
        server.read_again()
        dropped = server.wait_for("log_lines_dropped")["lines"]
        assert dropped > 0
        with server.new_player("Hello") as player:
            server.wait_for("handshake_advanced", peer=player.peer)
        server.signal(signal.SIGTERM)
        server.wait()
        numbered = [event["attempt"] for event in server.events("guess_judged")]
        lost = sum(event["lines"] for event in server.events("log_lines_dropped"))
        assert len(numbered) < guesses < len(numbered) + lost


@pytest.mark.parametrize("without", LOOPS)
def test_a_reader_that_is_gone_stops_nobody(without: tuple[str, ...]) -> None:
    """The end of the program that reads the log is not the end of the game."""
    with ServerProcess(Alteration(without=without), **UNBOUNDED) as server:
        server.lose_the_reader()
        guess_on(server)
        finish_a_game(server)
        assert server.idle_share() < 0.05
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


def test_a_full_disk_stops_nobody(tmp_path: Path) -> None:
    """While there is no room for the log, play goes on; with room the log goes on, and tells what is lost."""
    with ServerProcess(AS_IT_IS, tmp_path / "log", **UNBOUNDED) as server:
        size = (tmp_path / "log").stat().st_size
        _, most = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size + 1000, most))
        guess_on(server)
        finish_a_game(server)
        assert (tmp_path / "log").stat().st_size == size + 1000
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (most, most))
        assert server.wait_for("log_lines_dropped")["lines"] > 0
        with server.new_player("Hello") as player:
            server.wait_for("handshake_advanced", peer=player.peer)


@contextmanager
def raw_terminal() -> Iterator[Terminal]:
    """Give the two ends of a terminal that shows what it is sent as it is."""
    terminal = Terminal(*os.openpty())
    tty.setraw(terminal.program_fd)
    try:
        yield terminal
    finally:
        for fd in terminal:
            os.close(fd)


def test_a_terminal_that_is_held_stops_nobody() -> None:
    """Whoever stops the terminal that shows the log, by Ctrl-S or a selection, does not stop the game."""
    with raw_terminal() as terminal, ServerProcess(AS_IT_IS, terminal, **UNBOUNDED) as server:
        termios.tcflow(terminal.program_fd, termios.TCOOFF)
        guess_on(server)
        finish_a_game(server)
        # A shell would stumble over that.
        assert not fcntl.fcntl(terminal.program_fd, fcntl.F_GETFL) & os.O_NONBLOCK
        termios.tcflow(terminal.program_fd, termios.TCOON)
        assert server.wait_for("log_lines_dropped")["lines"] > 0


@pytest.mark.parametrize("without", LOOPS)
def test_a_kill_loses_no_guess_that_was_answered(without: tuple[str, ...]) -> None:
    """The line of a guess reaches the kernel before its reply does, so the log has it whatever comes next."""
    for batch in (1, 1, 1, 28, 300):
        with ServerProcess(Alteration(without=without)) as server:
            player, guess, reply = start_a_game(server)
            answered = 1
            with player:
                for _ in range(20):
                    player.send(guess * batch)
                    assert player.read(len(reply) * batch) == reply * batch
                    answered += batch
                player.send(guess * 1000)
                answered += len(player.read_some()) // len(reply)
                server.signal(signal.SIGKILL)
                server.wait()
            judged = [event["attempt"] for event in server.events("guess_judged", peer=player.peer)]
            assert judged == [*range(1, len(judged) + 1)]
            assert len(judged) >= answered
