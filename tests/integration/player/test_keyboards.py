"""Standard input that ends in another way than a file does."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.fake_server import FakeServer
from tests.support.player_process import environ
from tests.support.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_S = 30.0


def terminal() -> tuple[int, Callable[[], None]]:
    """Return a terminal, and how to hang it up."""
    shown, program = os.openpty()
    return program, lambda: os.close(shown)


def connection() -> tuple[int, Callable[[], None]]:
    """Return a connection, and how to break it off."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return peer.detach(), ours.close


@pytest.mark.parametrize("make", [terminal, connection])
def test_input_that_breaks_off_is_the_end_of_it(make: Callable[[], tuple[int, Callable[[], None]]]) -> None:
    """Whether a terminal is hung up or a connection is reset: the player leaves the game, and all is well."""
    fd, break_off = make()
    with (
        ScriptedServer(FakeServer(secret=17)) as server,
        subprocess.Popen(
            [sys.executable, "-m", "services.player", "--name", "", "--port", str(server.port)],
            env=environ(GAME_HOST="127.0.0.1"),
            stdin=fd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as player,
    ):
        os.close(fd)
        assert player.stdout
        assert player.stdout.readline().startswith("You play at ")
        break_off()
        _, complaint = player.communicate(timeout=TIMEOUT_S)

    assert (player.returncode, complaint) == (0, "")
