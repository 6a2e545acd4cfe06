"""`who` and `watch` on a terminal, through a pseudo terminal."""

from __future__ import annotations

import os
import re
import signal
import sys
from io import StringIO
from typing import TYPE_CHECKING

import pexpect
import pytest

from tests.support.fake_server import who_or_watch
from tests.support.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.scripted_server import Peer

ENTER_SCREEN, LEAVE_SCREEN = "\x1b[?1049h", "\x1b[?1049l"
SHOW_CURSOR = "\x1b[?25h"


def shown(program: pexpect.spawn[str]) -> str:
    """Return all that the terminal was sent."""
    assert isinstance(program.logfile_read, StringIO)
    return program.logfile_read.getvalue()


def terminal(
    port: int, *arguments: str, term: str = "xterm-256color", encoding: str = "utf-8", **environ: str
) -> pexpect.spawn[str]:
    """Start the program on a terminal of 100 by 30."""
    program = pexpect.spawn(
        sys.executable,
        ["-m", "services.admin", *arguments, "--host", "127.0.0.1", "--port", str(port)],
        dimensions=(30, 100),
        encoding=encoding,
        timeout=20,
        env={**os.environ, "TERM": term, **environ},
    )
    program.logfile_read = StringIO()
    return program


def test_who_is_a_table() -> None:
    """On a terminal the list is a table under a count."""
    with ScriptedServer(who_or_watch) as server:
        program = terminal(server.port, "who")
        program.expect(r"Playing at 127\.0\.0\.1:\d+: 1")
        program.expect("10.0.0.1 +5")
        program.expect(pexpect.EOF)
        program.close()

    assert program.exitstatus == 0


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (lambda program: program.sendintr(), 130),
        (lambda program: program.kill(signal.SIGTERM), 0),
    ],
    ids=["Ctrl-C", "SIGTERM"],
)
def test_watch_restores_the_terminal(end: Callable[[pexpect.spawn[str]], None], status: int) -> None:
    """The live table is on the alternate screen; Ctrl-C and SIGTERM give the terminal back as it was."""
    with ScriptedServer(who_or_watch) as server:
        program = terminal(server.port, "watch")
        program.expect_exact(ENTER_SCREEN)
        program.expect("10.0.0.1 5 .*guesses 7: Close")
        end(program)
        program.expect_exact(SHOW_CURSOR)
        program.expect_exact(LEAVE_SCREEN)
        program.expect(pexpect.EOF)
        program.close()

    assert program.exitstatus == status


def test_watch_follows_the_size() -> None:
    """A terminal made narrower is drawn again in its new width; absurd sizes are bounded."""
    with ScriptedServer(who_or_watch) as server:
        program = terminal(server.port, "watch")
        program.expect("─{100}")
        program.setwinsize(20, 70)
        program.expect("[^─]─{70}[^─]")
        program.setwinsize(60_000, 60_000)
        program.expect("[^─]─{1000}[^─]")
        program.sendintr()
        program.expect(pexpect.EOF)


def test_a_peer_cannot_steer_the_terminal() -> None:
    """Control characters in what the server says are shown escaped, never obeyed."""

    def script(peer: Peer) -> None:
        peer.receive()
        peer.send("Refused: \x1b]0;owned\x07 [red]no[/]")
        peer.close()

    with ScriptedServer(script) as server:
        program = terminal(server.port, "watch")
        program.expect(r"AWAY.*refused: '\\x1b\]0;owned\\x07 \[red\]no\[/\]'")
        program.sendintr()
        program.expect(pexpect.EOF)

    assert "\x1b]0;" not in shown(program)


def test_a_dumb_terminal_gets_lines() -> None:
    """Where the cursor cannot be moved, each change is a line of text."""
    with ScriptedServer(who_or_watch) as server:
        program = terminal(server.port, "watch", term="dumb")
        program.expect("players_listed")
        program.expect("player_guessed")
        program.sendintr()
        program.expect(pexpect.EOF)
        program.close()

    assert ENTER_SCREEN not in shown(program)
    assert program.exitstatus == 130


@pytest.mark.parametrize(
    "environ", [{"LC_ALL": "de_DE.ISO-8859-1"}, {"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}], ids=str
)
def test_a_terminal_without_utf_8_gets_ascii(environ: dict[str, str]) -> None:
    """Bars and frames are of characters that the encoding has, and nothing is a question mark."""
    with ScriptedServer(who_or_watch) as server:
        program = terminal(server.port, "watch", encoding="iso-8859-1", **environ)
        program.expect("Players over time .*@")
        program.expect("guesses 7: Close")
        program.sendintr()
        program.expect(pexpect.EOF)
        program.close()

    assert shown(program).isascii()
    assert "?" not in shown(program).replace("\x1b[?", "")
    assert program.exitstatus == 130


def test_no_color_is_obeyed() -> None:
    """With NO_COLOR the picture has no colour; letters tell the verdicts apart."""
    with ScriptedServer(who_or_watch) as server:
        program = terminal(server.port, "watch", NO_COLOR="1")
        program.expect("guesses 7: Close")
        program.sendintr()
        program.expect(pexpect.EOF)

    codes = {code for found in re.findall(r"\x1b\[([0-9;]*)m", shown(program)) for code in found.split(";")}
    assert not {code for code in codes if code and 30 <= int(code) <= 49}


def test_ctrl_z_gives_the_terminal_back() -> None:
    """Suspended or in the background, the watch leaves the shell its screen and cursor; `fg` draws again."""
    with ScriptedServer(who_or_watch) as server:
        shell = pexpect.spawn(
            "bash",
            ["--norc", "-i"],
            dimensions=(30, 100),
            encoding="utf-8",
            timeout=20,
            env={**os.environ, "TERM": "xterm-256color", "PS1": "ready$ "},
        )
        shell.expect_exact("ready$ ")
        shell.sendline(f"{sys.executable} -m services.admin watch --host 127.0.0.1 --port {server.port}")
        shell.expect("guesses 7: Close")
        shell.sendcontrol("z")
        shell.expect_exact(SHOW_CURSOR)
        shell.expect_exact(LEAVE_SCREEN)
        shell.expect("Stopped")
        shell.sendline("bg; sleep 0.6; echo still $((1 + 1)) here")
        shell.expect("still 2 here")
        assert ENTER_SCREEN not in str(shell.before)
        shell.sendline("fg")
        shell.expect_exact(ENTER_SCREEN)
        shell.expect("guesses 7: Close")
        shell.sendintr()
        shell.expect_exact(SHOW_CURSOR)
        shell.expect_exact(LEAVE_SCREEN)
        shell.expect_exact("ready$ ")
        shell.sendline("echo status $?; exit")
        shell.expect("status 130")
        shell.expect(pexpect.EOF)
