"""Talk to a server's administrator port: ask once, or keep watching. What is known meanwhile is the board's.

Asking once gets on with any server of the family; watching is for servers that follow docs/protocol.md.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from services.admin.dialects import find_players
from services.admin.model.board import Away, TooManyPlayersError
from services.protocol import refusals
from services.protocol.codec import encode, parse_admin_reply, spell
from services.protocol.connection import ClientConnection
from services.protocol.errors import LineTooLongError, OutOfTurnError
from services.protocol.messages import (
    AdminGreetings,
    AdminHello,
    End,
    Guessed,
    Hello,
    Joined,
    Left,
    Listed,
    Missed,
    Ping,
    Pong,
    Refused,
    Round,
    Watch,
    Who,
    Won,
)
from services.protocol.state import State
from services.runtime.backoff import Backoff
from services.runtime.connecting import UnreachableError, UntrustedError, cause, open_stream
from services.runtime.environ import escaped

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.admin.model.board import Change
    from services.protocol.messages import (
        Address,
        Reply,
    )
    from services.runtime.connecting import Target

CLOSE_TIMEOUT_S: Final = 1.0

ANSWER_TIMEOUT_S: Final = 5.0
"""A server that has said nothing for so long will not."""

QUIET_S: Final = 0.7
"""Many servers of the family neither close after the list nor mark its end: this much silence ends it."""

SECOND_TIMEOUT_S: Final = 2.0
"""The same, where it has not answered another spelling."""

WHOLE_ANSWER_S: Final = 30.0
MOST_OCTETS: Final = 4 << 20
"""Bounds on an answer, in time and size, against a server that never stops: room for 80,000 players."""

_PLAYER_GREETING: Final = b"Greetings"
"""What the player port answers to Hello (clause P-1)."""

_OPENINGS: Final = ((Hello(), True), (AdminHello(), True), (Hello(), False), (AdminHello(), False))
"""What to begin with, and whether lines are ended: some servers compare all that they have received."""

SILENCE_S: Final = 25.0
"""A watcher that hears nothing for so long, not even Ping, asks Who; after as long again it gives up."""


@dataclass(frozen=True, slots=True)
class _Wire:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def close(self) -> None:
        self.writer.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self.writer.wait_closed()
        except (OSError, TimeoutError):
            self.writer.transport.abort()


# --- once


class _NotGreetedError(Exception):
    """The server does not take what it was greeted with; the text is one clear line."""


class _EndlessError(Exception):
    """The server does not stop."""


async def ask_who(target: Target) -> list[Address]:
    """Return the players that a server of whatever dialect lists (clause A-2, and its looser relatives).

    Raises:
        UnreachableError: It cannot be reached, refuses or says nothing at all.
    """
    complaints: list[str] = []
    for hello, ended in _OPENINGS:
        try:
            wire = _Wire(*await open_stream(target))
        except UnreachableError as error:
            complaints.append(str(error))
            break
        try:
            async with asyncio.timeout(WHOLE_ANSWER_S):
                timeout_s = SECOND_TIMEOUT_S if complaints else ANSWER_TIMEOUT_S
                return await _ask(target, wire, (hello, Who()), timeout_s, ended=ended)
        except _EndlessError:
            raise UnreachableError(f"{target} went on and on without an end to its list") from None
        except TimeoutError:
            # Perhaps it drips; perhaps it is we who stood still meanwhile.
            raise UnreachableError(f"{target} has not ended its list within {WHOLE_ANSWER_S:g} s") from None
        except _NotGreetedError as error:
            complaints.append(str(error))
        finally:
            await wire.close()
    raise UnreachableError(complaints[0])


async def _ask(
    target: Target, wire: _Wire, questions: tuple[Hello | AdminHello, Who], timeout_s: float, *, ended: bool
) -> list[Address]:
    hello, who = (encode(question) if ended else spell(question).encode() for question in questions)
    try:
        wire.writer.write(hello)
        greeting = await _read(wire.reader, timeout_s, a_line=True)
        if ended and not greeting and not wire.reader.at_eof():
            # Some that compare all that they have received end with the connection, so it is tried here.
            hello, who = (spell(question).encode() for question in questions)
            wire.writer.write(hello)
            greeting = await _read(wire.reader, SECOND_TIMEOUT_S, a_line=True)
    except OSError as error:
        raise _NotGreetedError(f"{target} broke off: {cause(error)}") from None
    refusal = _refusal(greeting)
    if refusal is not None:
        raise _NotGreetedError(f"{target} refused: {escaped(refusal)}")
    if not greeting:
        raise _NotGreetedError(f"{target} did not answer Hello: is this the administrator port?")
    # Some servers send the list along with the greeting, and may be gone before they are asked for it.
    line, _, list_begun = greeting.partition(b"\n")
    try:
        wire.writer.write(who)
        listing = await _read(wire.reader, ANSWER_TIMEOUT_S, a_line=False)
    except OSError as error:
        if not find_players(greeting.decode("latin-1")):
            raise UnreachableError(f"{target} broke off: {cause(error)}") from None
        listing = b""
    refusal = _refusal(listing)
    if refusal is not None and not find_players(list_begun.decode("latin-1")):
        port = ": is this the administrator port?" if line.strip() == _PLAYER_GREETING else ""
        raise UnreachableError(f"{target} refused: {escaped(refusal)}{port}")
    return find_players((list_begun + listing if list_begun or listing else line).decode("latin-1"))


async def _read(reader: asyncio.StreamReader, timeout_s: float, *, a_line: bool) -> bytes:
    """Read to the end of the stream, a quiet interval or, if that is enough, the end of a line.

    Raises:
        _EndlessError: It is more than any list.
    """
    received = bytearray()
    while not (a_line and b"\n" in received):
        if len(received) > MOST_OCTETS:
            raise _EndlessError
        try:
            async with asyncio.timeout(QUIET_S if received else timeout_s):
                data = await reader.read(65536)
        except TimeoutError:
            break
        except ConnectionError:
            # Some servers end with a reset; what they said before it counts.
            if received:
                break
            raise
        if not data:
            break
        received += data
    return bytes(received)


def _refusal(answer: bytes) -> str | None:
    """Return the reason if an answer begins with a refusal."""
    reply = parse_admin_reply(answer.strip().split(b"\n")[0].strip())
    return reply.reason if isinstance(reply, Refused) else None


# --- all the time


class _LostError(Exception):
    """The watch is over; `seat_taken` if it never began because of another administrator."""

    def __init__(self, reason: str, *, seat_taken: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seat_taken = seat_taken


async def follow(target: Target, observe: Callable[[Change], None], chance: Callable[[], float]) -> NoReturn:
    """Watch forever, whatever becomes of the server; hand on each change and each failure.

    Raises:
        UntrustedError: The server's certificate is not accepted.
    """
    backoff = Backoff()
    while True:
        try:
            await _watch(target, observe, backoff)
        except _LostError as lost:
            wait_s = backoff.next_s(chance())
            observe(Away(lost.reason, wait_s, lost.seat_taken))
        await asyncio.sleep(wait_s)


async def _watch(target: Target, observe: Callable[[Change], None], backoff: Backoff) -> NoReturn:
    try:
        wire = _Wire(*await open_stream(target))
    except UntrustedError:
        raise
    except UnreachableError as error:
        raise _LostError(str(error)) from None
    connection = ClientConnection(State.ADMIN_CONNECTED)
    try:
        wire.writer.write(connection.send(AdminHello()))
        while True:
            data = await _hear(wire, connection)
            for reply in connection.receive(data):
                _take(connection, reply)
                match reply:
                    case AdminGreetings():
                        wire.writer.write(connection.send(Watch()))
                    case Ping():
                        wire.writer.write(connection.send(Pong()))
                        observe(reply)
                    case Refused(reason):
                        raise _LostError(
                            f"refused: {escaped(reason)}", seat_taken=reason == refusals.SEAT_TAKEN
                        )
                    case End():
                        backoff.reset()
                        observe(reply)
                    case Listed() | Joined() | Guessed() | Won() | Left() | Round() | Missed():
                        observe(reply)
                    case _:
                        # An empty line, where the list says that nobody is on it: nothing changes.
                        continue
    except LineTooLongError as error:
        raise _LostError(f"the server sent a {error.reason}") from None
    except TooManyPlayersError as error:
        raise _LostError(str(error)) from None
    except OSError as error:
        raise _LostError(f"the connection broke: {cause(error)}") from None
    finally:
        await wire.close()


def _take(connection: ClientConnection, reply: Reply) -> None:
    try:
        connection.take(reply)
    except OutOfTurnError:
        raise _LostError(f"unexpected words from the server: {escaped(spell(reply))}") from None


async def _hear(wire: _Wire, connection: ClientConnection) -> bytes:
    for _ in range(2):
        try:
            async with asyncio.timeout(SILENCE_S):
                data = await wire.reader.read(65536)
        except TimeoutError:
            if connection.state is not State.WATCHING:
                break
            # Any server that knows Watch answers this; one that is gone does not (clause A-5).
            wire.writer.write(connection.send(Who()))
            continue
        if not data:
            raise _LostError("the server closed the connection")
        return data
    raise _LostError("the server is silent")
