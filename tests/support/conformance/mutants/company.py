"""Servers that one client can spoil for the others, and servers without limits, on purpose."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, ClassVar

from services.conformance.server_robust import FORGED_HEADER, FORGED_HOST
from services.protocol.messages import Address
from services.protocol.state import State
from tests.support.conformance.mutants.mutant import Mutant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.protocol.messages import Request
    from tests.support.conformance.reference_server import Connection


class OneAtATime(Mutant):
    """Serves one connection after the other."""

    breaks = "two-players idle-player idle-admin-beside"

    def begin(self, connection: Connection) -> None:
        self.serve(connection)


class StallsOnIdlePlayer(Mutant):
    """Lets everybody wait for a player who has begun a line."""

    breaks = "cut-line"
    stall: ClassVar = threading.Lock()

    def answer(self, connection: Connection, request: Request) -> None:
        with self.stall:
            super().answer(connection, request)

    def cut(self, connection: Connection, data: bytes) -> list[bytes]:
        lines = super().cut(connection, data)
        if connection.lines.unterminated == b"My Gu":
            with self.stall:
                time.sleep(3)
        return lines


class DiesOnReset(Mutant):
    """Falls dead when a player's connection is reset."""

    breaks = "vanished-player ghosts told-who-left"

    def read_message(self, connection: Connection) -> Iterator[bytes]:
        try:
            yield from super().read_message(connection)
        except ConnectionResetError:
            if connection.state is State.PLAYING:
                os._exit(1)
            raise


class BelievesHeader(Mutant):
    """Takes any player for a balancer that passes another one on."""

    breaks = "forged-header"

    def cut(self, connection: Connection, data: bytes) -> list[bytes]:
        if data.startswith(FORGED_HEADER[:12]):
            connection.address = Address(FORGED_HOST, 50_000)
            data = data[len(FORGED_HEADER) :]
        return super().cut(connection, data)


class DiesOnLongLine(Mutant):
    """Falls dead when a line does not end."""

    breaks = "endless-line"

    def cut(self, connection: Connection, data: bytes) -> list[bytes]:
        if len(data) > 4000 and b"\n" not in data:
            os._exit(1)
        return super().cut(connection, data)


class FewPlayers(Mutant):
    """Cannot have more than ten players, and says nothing."""

    breaks = "crowd full"

    def welcome(self, connection: Connection) -> None:
        while connection.state is State.CONNECTED and self.connections > 12:
            time.sleep(0.1)


class PortTaken(Mutant):
    """Does not get its ports back at once."""

    breaks = "rebound"
    reuse_address = False


class WaitsForEver(Mutant):
    """Has no handshake timeout."""

    breaks = "silent-timeout unterminated-timeout greeted-timeout dripping-timeout admin-timeout"

    def time_left(self, connection: Connection) -> float | None:
        return super().time_left(connection) if connection.state is State.PLAYING else None


class WordsForSilence(Mutant):
    """Refuses even who has never said anything."""

    breaks = "silent-timeout"

    def time_is_up(self, connection: Connection) -> None:
        connection.said_something = True
        super().time_is_up(connection)


class CountsAnew(Mutant):
    """Restarts the handshake timeout with each octet."""

    breaks = "dripping-timeout"

    def cut(self, connection: Connection, data: bytes) -> list[bytes]:
        connection.since = time.monotonic()
        return super().cut(connection, data)


class NeverIdle(Mutant):
    """Has no idle timeout."""

    breaks = "idle-timeout"
    short_idle_s = 3.0

    def time_left(self, connection: Connection) -> float | None:
        return None if connection.state is State.PLAYING else super().time_left(connection)


class NeverFull(Mutant):
    """Has no limit of players."""

    breaks = "full"

    def __init__(self) -> None:
        super().__init__()
        self.max_players = 100_000


class EndlessPatience(Mutant):
    """Prompts forever."""

    breaks = "too-many-invalid"

    def __init__(self) -> None:
        super().__init__()
        self.max_invalid = 100_000
