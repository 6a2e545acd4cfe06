"""Servers that treat their administrator wrongly, on purpose."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, ClassVar

from services.protocol.codec import encode
from services.protocol.errors import ProtocolError
from services.protocol.messages import (
    End,
    Joined,
    Left,
    NobodyListed,
    Unknown,
    Watch,
    Who,
    Won,
)
from services.protocol.state import State
from tests.support.conformance.mutants.mutant import Mutant
from tests.support.conformance.reference_server import OUTBOX_OCTETS

if TYPE_CHECKING:
    from services.protocol.messages import (
        Address,
        Message,
        Request,
    )
    from tests.support.conformance.reference_server import Connection


class AdminAsPlayer(Mutant):
    """Greets the administrator like a player."""

    breaks = "admin-greets admin-greets-both"
    names = "greets the administrator with"

    def encode(self, message: Message) -> bytes:
        return encode(message).replace(b"Admin-", b"")


class Ghosts(Mutant):
    """Leaves players in the list who have gone."""

    breaks = "who-left ghosts told-who-left"

    def leave(self, connection: Connection) -> None:
        if self.players.get(connection.address) is not connection:
            super().leave(connection)


class ListsWinners(Mutant):
    """Leaves players in the list who have won, while their connection lasts."""

    breaks = "who-left"
    gone: ClassVar[list[Address]] = []

    def win(self, connection: Connection) -> None:
        super().win(connection)
        self.gone.append(connection.address)

    def list_once(self, connection: Connection) -> None:
        addresses = [*self.players, *self.gone[-1:]]
        self.send(connection, b"".join(f"{address}\r\n".encode() for address in addresses) or b"\r\n")


class ListsOnePlayer(Mutant):
    """Lists the first player only."""

    breaks = "who crowd"

    def list_once(self, connection: Connection) -> None:
        self.send(connection, b"".join(map(encode, self.listing()[:1] or [NobodyListed()])))


class ListsNothing(Mutant):
    """Sends nothing at all for an empty list."""

    breaks = "who-empty who-beside"

    def list_once(self, connection: Connection) -> None:
        self.send(connection, b"".join(map(encode, self.listing())))


class OtherForm(Mutant):
    """Lists players as IP:port."""

    breaks = "who-form"
    names = "lists a player as"

    def list_once(self, connection: Connection) -> None:
        lines = [f"{host}:{port}\r\n" for host, port in self.players] or ["\r\n"]
        self.send(connection, "".join(lines).encode())


class Mapped(Mutant):
    """Lists IPv4 addresses as IPv6."""

    breaks = "who-form"
    names = "lists a player as"

    def list_once(self, connection: Connection) -> None:
        lines = [f"::ffff:{host} {port}\r\n" for host, port in self.players] or ["\r\n"]
        self.send(connection, "".join(lines).encode())


class OwnPort(Mutant):
    """Lists its own port for every player."""

    breaks = "who who-form crowd"

    def list_once(self, connection: Connection) -> None:
        lines = [f"{host} 4000\r\n" for host, _ in self.players] or ["\r\n"]
        self.send(connection, "".join(lines).encode())


class WhoStaysOpen(Mutant):
    """Does not close after the list."""

    breaks = "who-closes"

    def list_once(self, connection: Connection) -> None:
        super().list_once(connection)
        connection.sock.settimeout(5)
        connection.sock.recv(1)


class AdminLinesByPiece(Mutant):
    """Takes what comes of an administrator at once for one line."""

    breaks = "admin-lines"

    def cut(self, connection: Connection, data: bytes) -> list[bytes]:
        is_admin = connection.state in {State.ADMIN_CONNECTED, State.ADMIN_GREETED}
        return [data.strip(b"\r\n")] if is_admin else super().cut(connection, data)


class OneHelloForAll(Mutant):
    """Takes every administrator for greeted when one has been."""

    breaks = "admins-apart"
    greeted: ClassVar = threading.Event()

    def turn(self, state: State, request: Request) -> State:
        if state is State.ADMIN_CONNECTED and isinstance(request, Who) and self.greeted.is_set():
            state = State.ADMIN_GREETED
        after = super().turn(state, request)
        if after is State.ADMIN_GREETING:
            self.greeted.set()
        return after


class ListsForLatest(Mutant):
    """Sends the list to the administrator who was greeted last."""

    breaks = "admins-apart"
    latest: ClassVar[list[Connection]] = []

    def answer(self, connection: Connection, request: Request) -> None:
        if connection.state is State.ADMIN_GREETING:
            self.latest.append(connection)
        super().answer(connection, request)

    def list_once(self, connection: Connection) -> None:
        super().list_once(self.latest[-1])


class NoWatch(Mutant):
    """Knows no Watch."""

    breaks = "watch"

    def turn(self, state: State, request: Request) -> State:
        return super().turn(state, Unknown("Watch") if isinstance(request, Watch) else request)


class NoEnd(Mutant):
    """Says an empty line where nobody plays, before End."""

    breaks = "watch-empty"

    def list_for_watcher(self, connection: Connection) -> None:
        with self.lock:
            super().list_for_watcher(connection) if self.players else self._list_nobody(connection)

    def _list_nobody(self, connection: Connection) -> None:
        players, self.listing = self.listing, lambda: [NobodyListed()]  # type: ignore[method-assign]
        try:
            super().list_for_watcher(connection)
        finally:
            self.listing = players  # type: ignore[method-assign]


class ForgetsLeft(Mutant):
    """Does not tell who left."""

    breaks = "told-who-left"

    def tell(self, event: Message) -> None:
        if not isinstance(event, Left):
            super().tell(event)


class JoinsLate(Mutant):
    """Tells who joined only with the first guess."""

    breaks = "told told-who-left"
    waiting: ClassVar[list[Message]] = []

    def tell(self, event: Message) -> None:
        if isinstance(event, Joined):
            self.waiting.append(event)
            return
        super().tell(event)
        while self.waiting:
            super().tell(self.waiting.pop())


class LeavesTwice(Mutant):
    """Reports a player that has won as gone as well."""

    breaks = "ended-once"

    def tell(self, event: Message) -> None:
        super().tell(event)
        if isinstance(event, Won):
            super().tell(Left(event.address))


class WhoEndsWatch(Mutant):
    """Closes the watch at Who."""

    breaks = "who-within pong"

    def answer(self, connection: Connection, request: Request) -> None:
        if isinstance(request, Who) and self.watcher is not None and self.watcher.connection is connection:
            connection.state = State.CLOSED
        else:
            super().answer(connection, request)


class ManyAdministrators(Mutant):
    """Lets everybody watch."""

    breaks = "seat-taken"

    def list_for_watcher(self, connection: Connection) -> None:
        with self.lock:
            if self.watcher is not None and self.watcher.connection is not connection:
                self.send(connection, b"".join(map(encode, [*self.listing(), End()])))
                return
            super().list_for_watcher(connection)


class SeatNeverFree(Mutant):
    """Does not free the administrator's seat."""

    breaks = "seat-freed"

    def leave(self, connection: Connection) -> None:
        watcher = self.watcher
        super().leave(connection)
        self.watcher = watcher


class WhoRefusedBesideWatch(Mutant):
    """Refuses Who while somebody watches."""

    breaks = "who-beside"

    def list_once(self, connection: Connection) -> None:
        if self.watcher is not None:
            raise ProtocolError("another administrator is watching")
        super().list_once(connection)


class AnswersPong(Mutant):
    """Answers Pong."""

    breaks = "pong"

    def take_pong(self, connection: Connection) -> None:
        if self.watcher is not None:
            self.watcher.put(b"Ok\r\n")


class WaitsForWatcher(Mutant):
    """Lets every player wait until the watcher has read."""

    breaks = "slow-watcher"

    def tell(self, event: Message) -> None:
        if self.watcher:
            self.watcher.connection.sock.settimeout(5)
            self.watcher.connection.sock.sendall(encode(event))


class KeepsEverything(Mutant):
    """Keeps events without bound for a watcher that does not read."""

    breaks = "slow-watcher"

    def tell(self, event: Message) -> None:
        if self.watcher:
            self.watcher._octets = -(10**9)
            super().tell(event)


class LosesEvents(Mutant):
    """Leaves out whatever a watcher that does not read has no room for, and does not say so."""

    breaks = "slow-watcher"

    def tell(self, event: Message) -> None:
        if self.watcher and self.watcher._octets < OUTBOX_OCTETS // 2:
            super().tell(event)


class TakesAnythingInWatch(Mutant):
    """Overhears what a watcher may not say."""

    breaks = "watcher-refused"

    def turn(self, state: State, request: Request) -> State:
        if state is State.WATCHING and isinstance(request, Watch | Unknown):
            return state
        return super().turn(state, request)
