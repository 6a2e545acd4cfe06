"""Several servers' lobbies of one game, and what a test asks of them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING, TypeVar

from services.lobby.interface import RoundGuess, Seating
from services.lobby.memory import MemoryLobby
from services.lobby.valkey import ValkeyLobby
from services.protocol.codec import parse_admin_reply
from services.protocol.messages import Address, Joined, Left, Round, Won
from services.protocol.rules import CLASSIC

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from services.lobby.interface import Lobby, RoundOutcome
    from services.protocol.messages import WatchEvent

T = TypeVar("T")

SECRET = 7
"""The number of every shared round."""

TIMEOUT_S = 10.0

_names = itertools.count(1)


def player(number: int) -> Address:
    """Return the address of a player."""
    return Address(f"192.0.2.{number % 250 + 1}", 40_000 + number)


async def ask(question: Callable[[Callable[[T], None]], None]) -> T:
    """Return what a question to a lobby is answered."""
    answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    question(answer.set_result)
    return await asyncio.wait_for(answer, TIMEOUT_S)


async def until(found: Callable[[], object], what: str = "what was waited for") -> None:
    """Wait until something is so."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + TIMEOUT_S
    while not found():
        assert loop.time() < deadline_s, f"{what} did not come"
        await asyncio.sleep(0.005)


async def guess(
    lobby: Lobby, address: Address, round_number: int, number: int, name: str | None = None
) -> RoundOutcome | None:
    """Guess at the shared number."""
    return await ask(lambda done: lobby.guess(RoundGuess(address, round_number, number, 1, name), done))


async def round_in_play(lobby: Lobby) -> int:
    """Return the number of the shared round."""
    number = await ask(lobby.enter_round)
    assert number is not None
    return number


class Watch:
    """An administrator at one of the lobbies, and what he was told."""

    def __init__(self, lobby: Lobby) -> None:
        self.lobby = lobby
        self.lines: list[str] = []
        self.players: dict[Address, str | None] = {}
        """The list that he was given, with names, and the events applied to it."""
        self.unseated: str | None = None

    async def take_seat(self) -> Seating | None:
        """Try to."""

        def seated(seating: Seating | None) -> Seating | None:
            if seating is Seating.SEATED:
                names = self.lobby.names
                self.players = {one: names.get(one) for one in self.lobby.watched_players()}
            return seating

        return await ask(lambda done: self.lobby.take_seat(self, lambda found: done(seated(found))))

    def write(self, data: bytes) -> None:
        """Take lines, each of which has to fit the list."""
        for line in data.decode().splitlines():
            self.lines.append(line)
            match parse_admin_reply(line.encode()):
                case Joined(address, name):
                    assert address not in self.players, f"{line}, but is there"
                    self.players[address] = name
                case Won(address) | Left(address):
                    assert address in self.players, f"{line}, but was not there"
                    del self.players[address]
                case _:
                    pass

    def unseat(self, reason: str) -> None:
        """Lose the seat, and leave it as a session does."""
        self.unseated = reason
        self.lobby.leave_seat()

    async def received(self, line: str) -> None:
        """Wait for a line."""
        await until(lambda: line in self.lines, line)


async def seated_at(lobby: Lobby) -> Watch:
    """Return an administrator who has taken the free seat."""
    watch = Watch(lobby)
    assert await watch.take_seat() is Seating.SEATED
    return watch


class Game:
    """Servers that share a game: in memory it is one server, whatever its number."""

    def __init__(self, url: str) -> None:
        """Use the Valkey at `url`, or memory if it is empty."""
        self.url = url
        self._lobbies: list[Lobby] = []

    async def server(self) -> Lobby:
        """Start another server, and wait until it can be asked."""
        lobby: Lobby
        if self.url:
            lobby = ValkeyLobby(self.url, f"server{next(_names)}", CLASSIC, lambda: SECRET, lambda act: act())
        elif self._lobbies:
            return self._lobbies[0]
        else:
            lobby = MemoryLobby(CLASSIC, lambda: SECRET)
        self._lobbies.append(lobby)
        await reachable(lobby)
        return lobby

    async def servers(self, count: int) -> Sequence[Lobby]:
        """Start several servers."""
        return [await self.server() for _ in range(count)]

    async def close(self) -> None:
        """Stop all servers."""
        for lobby in self._lobbies:
            await lobby.close()


async def reachable(lobby: Lobby) -> None:
    """Wait until a lobby can be asked."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + TIMEOUT_S
    while await ask(lobby.list_players) is None:
        assert loop.time() < deadline_s, "the lobby cannot be reached"
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def game(url: str) -> AsyncIterator[Game]:
    """Play, and clean up."""
    playing = Game(url)
    try:
        yield playing
    finally:
        await playing.close()


def publish(lobby: Lobby, *events: WatchEvent) -> None:
    """Let something happen at one server."""
    for event in events:
        lobby.publish(event)


def rounds(lines: Sequence[str]) -> list[int]:
    """Return the numbers of the rounds that a watcher heard begin."""
    found = (parse_admin_reply(line.encode()) for line in lines)
    return [one.number for one in found if isinstance(one, Round)]
