"""Terminals that can do less, or are asked to: every program that people look at leaves them in peace."""

from __future__ import annotations

import re
import signal
import sys
import threading
from io import StringIO
from typing import TYPE_CHECKING

import pexpect
import pytest

from tests.support.fake_server import FakeServer, who_or_watch
from tests.support.player_process import environ
from tests.support.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


TIMEOUT_S = 20.0
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
CONSOLE = {"GAME_LOG_FORMAT": "console"}
ANY_PORTS = {"GAME_PLAYER_PORT": "0", "GAME_ADMIN_PORT": "0"}


def stop(program: pexpect.spawn[str]) -> None:
    """End a program that runs on by itself."""
    program.kill(signal.SIGTERM)


def play(program: pexpect.spawn[str]) -> None:
    """Play a person's game."""
    program.sendline("17")
    program.expect_exact("Play again")
    program.sendline("n")


PROGRAMS: dict[str, tuple[list[str], dict[str, str], str, Callable[[pexpect.spawn[str]], None]]] = {
    "server": (["services.server"], {**CONSOLE, **ANY_PORTS}, "server_listening", stop),
    "bots": (["services.player", "--bot", "smart"], CONSOLE, "bots_stopped", lambda _: None),
    "endless bots": (["services.player", "--bot", "smart", "--games", "0"], {}, "games", stop),
    "player": (["services.player", "--name", ""], {}, "Guess 1: ", play),
    "who": (["services.admin", "who"], {}, "10.0.0.1", lambda _: None),
    "watch": (["services.admin", "watch"], CONSOLE, "10.0.0.1.*Close", stop),
}  # fmt: skip
TERMINALS = {
    "NO_COLOR": {"NO_COLOR": "1"},
    "dumb": {"TERM": "dumb"},
    "ASCII": {"LC_ALL": "C"},
    "Latin-1": {"LC_ALL": "de_DE.ISO-8859-1"},
}


@pytest.fixture
def ports() -> Iterator[dict[str, int]]:
    """Give the port that each program connects to."""
    with ScriptedServer(FakeServer(secret=17)) as players, ScriptedServer(who_or_watch) as administrators:
        yield {
            **dict.fromkeys(("bots", "endless bots", "player"), players.port),
            **dict.fromkeys(("who", "watch"), administrators.port),
        }


@pytest.mark.parametrize("terminal", TERMINALS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_terminals(name: str, terminal: str, ports: dict[str, int]) -> None:
    """No colours where none are wanted, no codes where none are understood, no octet beyond the encoding."""
    arguments, variables, sign, end = PROGRAMS[name]
    settings = {**environ(**variables), **TERMINALS[terminal]}
    if name in ports:
        settings |= {"GAME_HOST": "127.0.0.1", "GAME_PORT": str(ports[name])}
    shown = StringIO()
    program = pexpect.spawn(
        sys.executable, ["-m", *arguments], dimensions=(24, 100), encoding="latin-1", timeout=20, env=settings
    )
    program.logfile_read = shown
    program.expect(sign)
    end(program)
    program.expect(pexpect.EOF)
    program.close()

    assert (program.exitstatus, program.signalstatus) == (0, None)
    assert "Traceback" not in shown.getvalue()
    match terminal:
        case "NO_COLOR":
            assert not re.findall(r"\x1b\[[0-9;]*3[0-9][0-9;]*m", shown.getvalue())
        case "dumb":
            assert "\x1b" not in shown.getvalue()
        case _:
            assert shown.getvalue().isascii()


@pytest.mark.parametrize("name", ["server", "endless bots", "watch"])
def test_a_terminal_that_is_stopped_keeps_nobody(name: str, ports: dict[str, int]) -> None:
    """After Ctrl-S, or where nobody reads what is shown, SIGTERM ends a program as at any other time."""
    arguments, variables, sign, _ = PROGRAMS[name]
    settings = {**environ(**variables), "TERM": "xterm", "GAME_LOG_FORMAT": ""}
    if name in ports:
        settings |= {"GAME_HOST": "127.0.0.1", "GAME_PORT": str(ports[name])}
    program = pexpect.spawn(
        sys.executable, ["-m", *arguments], dimensions=(24, 100), encoding="latin-1", timeout=20, env=settings
    )
    program.expect(sign)
    program.sendcontrol("s")
    program.kill(signal.SIGTERM)
    impatience = threading.Timer(TIMEOUT_S, program.kill, [signal.SIGKILL])
    impatience.start()
    program.wait()
    impatience.cancel()

    assert (program.exitstatus, program.signalstatus) == (0, None)


@pytest.mark.parametrize("name", ["endless bots", "watch"])
def test_a_terminal_is_given_back_before_it_is_left(name: str, ports: dict[str, int]) -> None:
    """The signals of Ctrl-Z and Ctrl-Backslash find the cursor shown; `fg` goes on with the picture."""
    arguments, variables, sign, _ = PROGRAMS[name]
    settings = {**environ(**variables), "TERM": "xterm", "GAME_LOG_FORMAT": ""}
    settings |= {"GAME_HOST": "127.0.0.1", "GAME_PORT": str(ports[name])}
    program = pexpect.spawn(
        sys.executable, ["-m", *arguments], dimensions=(24, 100), encoding="latin-1", timeout=20, env=settings
    )
    program.expect(sign)
    # Alone in its session it cannot be stopped by the terminal; the signal is what would stop it.
    program.kill(signal.SIGTSTP)
    program.expect_exact(SHOW_CURSOR)
    program.expect_exact(HIDE_CURSOR)
    program.expect(sign)
    program.sendcontrol("\\")
    program.expect_exact(SHOW_CURSOR)
    program.expect(pexpect.EOF)
    program.close()

    assert (program.exitstatus, program.signalstatus) == (None, signal.SIGQUIT)
