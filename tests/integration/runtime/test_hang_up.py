"""A terminal that is closed, for every program that runs until it is told to end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

import pytest

from tests.support.certificates import make_cast
from tests.support.play import finish_a_game
from tests.support.scripted_server import ScriptedServer
from tests.support.server_process import ServerProcess
from tests.support.simulated_players import Crowd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIMEOUT_S = 20.0
ANY_PORT = {"GAME_PLAYER_PORT": "0", "GAME_ADMIN_PORT": "0"}


class InTerminal:
    """A program whose terminal is its own, as one that somebody types into."""

    def __init__(self, *arguments: str, **settings: str) -> None:
        self._screen_fd, program_fd = os.openpty()
        plain = {name: text for name, text in os.environ.items() if not name.startswith("GAME_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env={**plain, "TERM": "xterm", **settings},
            stdin=program_fd,
            stdout=program_fd,
            stderr=program_fd,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  no threads yet
        )
        os.close(program_fd)
        self._shown = b""

    def wait_for(self, text: bytes) -> None:
        """Read on until something is shown."""
        while text not in self._shown:
            self._shown += os.read(self._screen_fd, 1 << 16)

    def close(self) -> int:
        """Close the terminal, and return how the program ends."""
        os.close(self._screen_fd)
        return self.process.wait(TIMEOUT_S)


@contextlib.contextmanager
def in_terminal(*arguments: str, **settings: str) -> Iterator[InTerminal]:
    """Run a program in a terminal; whatever becomes of the test, it ends."""
    program = InTerminal(*arguments, **settings)
    try:
        yield program
    finally:
        program.process.kill()
        program.process.wait()


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_server_ends_with_its_terminal(tmp_path: Path, *, encrypted: bool) -> None:
    """Started by hand it drains and ends as after SIGTERM; its port is free for the next one."""
    settings = dict(ANY_PORT)
    if encrypted:
        cast = make_cast(tmp_path)
        settings |= {"GAME_TLS_CERT": str(cast.server.cert), "GAME_TLS_KEY": str(cast.server.key)}
        settings["GAME_TLS_CLIENT_CA"] = str(cast.ca)
    with in_terminal("services.server", **settings) as server:
        server.wait_for(b"server_listening")
        assert server.close() == 0


def test_a_watch_ends_with_its_terminal() -> None:
    """The watch ends in order, history and page included."""
    with (
        ScriptedServer(Crowd(3, events_per_s=0)) as game,
        in_terminal("services.admin", "watch", "--port", str(game.port)) as watch,
    ):
        watch.wait_for(b"10.")
        assert watch.close() in {0, 1}  # 1: the last picture found no terminal


def test_bots_end_with_their_terminal() -> None:
    """They leave their games and end in order."""
    with ServerProcess() as server:
        arguments = ("--bot", "smart", "--games", "0", "--port", str(server.player[1]), "--think", "0.01")
        with in_terminal("services.player", *arguments) as bots:
            server.wait_for("game_won")
            assert bots.close() in {0, 1}  # 1: the summary found no terminal
        finish_a_game(server)


def test_a_tap_ends_with_its_terminal(tmp_path: Path) -> None:
    """Its page is written all the same."""
    page = tmp_path / "page.html"
    with in_terminal("services.tap", "--listen", "0", "--html", str(page)) as tap:
        tap.wait_for(b"admin connections")
        assert tap.close() == 0
    assert page.exists()


def test_who_started_it_with_nohup_means_it() -> None:
    """A server that ignores SIGHUP from its start goes on doing so."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ServerProcess() as server:
            server.signal(signal.SIGHUP)
            finish_a_game(server)
    finally:
        signal.signal(signal.SIGHUP, before)
