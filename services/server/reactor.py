"""The turn: everybody who has sent something is answered, in one pass.

All connections are polled in an epoll set of their own, which is nested in the event loop: the loop
watches one descriptor, and makes one callback for however many connections are ready. There is no
transport, task or callback per message (docs/adr/0002-nested-epoll.md weighs that against the usual
asyncio.Protocol). The loop stays in charge of all that is not hot: accepting, timers, signals.

A turn reads from each ready connection once, writes what it logged in one go, and only then sends
the replies: so the log of a guess reaches the kernel before its reply does.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import structlog

from services.protocol.messages import Address
from services.server.link import AGAIN, CHUNK_OCTETS
from services.server.observe import ENDS, ends_of_guesses, guessed_event
from services.server.poller import NOTHING, READABLE, WRITABLE, make_poller

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from services.lobby.interface import Lobby
    from services.runtime.logging import LogSink
    from services.server.game.player import PlayerConversation
    from services.server.link import Link
    from services.server.session import Session

TURN_CONNECTIONS: Final = 32
"""How many connections one turn answers at most; the others are next. In larger turns more guesses share the
cost of writing the log, but wait for the last of them."""

TURNS: Final = 8
"""How many turns follow each other at most before the event loop has its say."""

ACCEPT_BATCH: Final = 64
"""How many connections are accepted in one go, so that a storm of them leaves room for the players."""

SWEEP_S: Final = 0.25
"""How often deadlines are looked at. One look at all connections costs less than a timer for each."""

BACKLOG: Final = 4096
"""Connections that wait to be accepted; the kernel caps it."""


def plain_address(peer: tuple[str, int]) -> Address:
    """Return a peer's address as clause A-6 spells it."""
    host, port = peer[:2]
    if ":" in host:
        host = host.removeprefix("::ffff:").partition("%")[0]
    return Address(host, port)


class Reactor:
    """Polls all connections of the server."""

    def __init__(
        self,
        sink: LogSink,
        lobby: Lobby,
        *,
        guess_head: bytes,
        idle_timeout_s: float,
        write_timeout_s: float,
    ) -> None:
        self.write_timeout_s = write_timeout_s
        self.now_s = time.monotonic()
        """The current turn's time on the monotonic clock."""
        self.links: dict[int, Link] = {}
        self.ordinary_guesses = 0
        """How many guesses were answered the short way."""
        self.talking: dict[Session, list[bytes]] = {}
        """Those with something to send, or to close, at the end of the turn."""
        self.again: set[Link] = set()
        """Those that TLS may have read more of than it gave out: the kernel will not tell."""
        self._sink = sink
        self._lobby = lobby
        self._guess_head = guess_head
        self._idle_timeout_s = idle_timeout_s
        self._loop = asyncio.get_running_loop()
        self._listeners: dict[socket.socket, Callable[[socket.socket, Address], None]] = {}
        self._poller = make_poller(self._loop, self._turns)
        self._sweeper = self._loop.call_later(SWEEP_S, self._sweep)
        self._resting: set[socket.socket] = set()

    # --- listening

    def listen(self, listener: socket.socket, admit: Callable[[socket.socket, Address], None]) -> None:
        """Hand each connection that `listener` accepts to `admit`, which makes a session of it."""
        self._listeners[listener] = admit
        self._loop.add_reader(listener, self._accept, listener)

    def stop_listening(self) -> None:
        """Let in who waits, to be told how things stand, and close all listeners."""
        for listener in self._listeners:
            while self._accept(listener):
                pass
            self._loop.remove_reader(listener)
            listener.close()
        self._listeners.clear()

    def _accept(self, listener: socket.socket) -> bool:
        """Accept connections, and return whether more may wait."""
        admit = self._listeners[listener]
        self.begin()
        for _ in range(ACCEPT_BATCH):
            try:
                sock, peer = listener.accept()
            except BlockingIOError:
                break
            except ConnectionAbortedError:  # it was reset while it waited
                continue
            except OSError as error:  # no descriptor left: try again at the next sweep
                structlog.get_logger().error("accept_failed", reason=error.strerror or str(error))
                self._loop.remove_reader(listener)
                self._resting.add(listener)
                break
            sock.setblocking(False)
            admit(sock, plain_address(peer))
        else:
            self.finish()
            return True
        self.finish()
        return False

    # --- polling

    def add(self, link: Link) -> None:
        """Poll a new connection."""
        self.links[link.fd] = link
        link.polled_for = READABLE
        self._poller.register(link.fd, link.polled_for)

    def forget(self, link: Link) -> None:
        """Poll a connection no longer; it is about to be closed."""
        self._poller.closing(link.fd)
        del self.links[link.fd]
        self.again.discard(link)

    def hand_over(self, link: Link) -> None:
        """Poll a connection no longer; its socket goes on in another link."""
        del self.links[link.fd]
        self._poller.unregister(link.fd)

    def _poll_for(self, link: Link, events: int) -> None:
        if events != link.polled_for:  # the end of each game would be a system call dearer
            link.polled_for = events
            self._poller.modify(link.fd, events)

    def watch_readable(self, link: Link) -> None:
        """Call when the link can be read."""
        self._poll_for(link, READABLE)

    def watch_nothing(self, link: Link) -> None:
        """Do not call; a broken connection is told once all the same."""
        self._poll_for(link, NOTHING)

    def watch_writable(self, link: Link) -> None:
        """Call when the link can be written."""
        self._poll_for(link, WRITABLE)

    # --- turns

    def begin(self) -> None:
        """Begin a turn: outside of one, nothing may be logged of sessions or sent to them."""
        self.now_s = time.monotonic()
        self._sink.hold()

    def finish(self) -> None:
        """End a turn: first the log, then what there is to say."""
        self._sink.flush()
        while self.talking:
            talking, self.talking = self.talking, {}
            for session, said in talking.items():
                session.transmit(b"".join(said))
        self._sink.flush()
        if self.again:
            self._loop.call_soon(self._turns)

    def perform(self, action: Callable[[], None]) -> None:
        """Do something in a turn of its own."""
        self.begin()
        action()
        self.finish()

    def _turns(self) -> None:
        """Take turns as long as there are full ones."""
        for _ in range(TURNS):
            ready = self._poller.poll(TURN_CONNECTIONS)
            is_full = len(ready) == TURN_CONNECTIONS
            if self.again:
                # Once each: a second chunk answered in the same turn could overtake the first (clause F-3).
                polled = {fd for fd, _ in ready}
                ready += [(link.fd, READABLE) for link in self.again if link.fd not in polled]
                self.again.clear()
            self._turn(ready)
            if not is_full:
                break

    def _turn(self, ready: list[tuple[int, int]]) -> None:
        """Answer those who have something for us."""
        self.begin()
        # The loop below runs for each guess. What it does beside reading, looking up and sending was
        # measured in tenths of a microsecond; so it keeps to local names and makes no calls of its own.
        links, sink, lobby = self.links, self._sink, self._lobby
        parts, start, logged = sink.parts, sink.stamp + self._guess_head, bool(self._guess_head)
        ready_ends = len(ENDS)
        idle_deadline_s = self.now_s + self._idle_timeout_s
        replies: list[tuple[Session, bytes]] = []
        for fd, _ in ready:
            # Whatever is no session is slow.
            session: Session | None = links.get(fd)  # type: ignore[assignment]
            if session is None:  # closed earlier in this turn
                continue
            try:
                if session.slow:
                    session.step()
                    continue
                data = session.sock.recv(CHUNK_OCTETS)
            except AGAIN:
                continue
            except OSError as error:
                session.broken(error)
                continue
            except Exception:  # noqa: BLE001  our own mistake must cost one session, not the server
                session.failed()
                continue
            answer = session.answers.get(data)
            if answer is None:
                session.received(data)
                continue
            # An ordinary guess, alone in its chunk: the most frequent case by far.
            game: PlayerConversation = session.conversation  # type: ignore[assignment]  # only players
            game.guesses = attempt = game.guesses + 1
            session.deadline_s = idle_deadline_s
            reply, log_part, event_part = answer
            replies.append((session, reply))
            if logged:
                parts += (
                    start,
                    session.text,
                    log_part,
                    ENDS[attempt] if attempt < ready_ends else ends_of_guesses(attempt, 1)[0],
                )
            if lobby.tell:
                lobby.tell(guessed_event(session.address, event_part))
        self.ordinary_guesses += len(replies)
        self._reply(replies)
        self.finish()

    def _reply(self, replies: list[tuple[Session, bytes]]) -> None:
        """Send the replies to ordinary guesses, once their log is written."""
        self._sink.flush()
        for session, reply in replies:
            try:
                sent = session.sock.send(reply)
            except AGAIN:
                sent = 0
            except OSError as error:
                session.broken(error)
                continue
            if sent < len(reply):
                session.transmit(reply[sent:])

    def _sweep(self) -> None:
        """Look at all deadlines, and at what else waits for better times."""
        self._sweeper = self._loop.call_later(SWEEP_S, self._sweep)
        self.begin()
        for session in [one for one in self.links.values() if one.deadline_s <= self.now_s]:
            try:
                session.timed_out()
            except Exception:  # noqa: BLE001  as in a turn
                session.failed()
        self.finish()
        self._sink.drain_by(self._loop)
        for listener in self._resting:
            if listener in self._listeners:
                self._loop.add_reader(listener, self._accept, listener)
        self._resting.clear()

    def close(self) -> None:
        """Drop every connection, and stop."""
        self.stop_listening()
        self._sweeper.cancel()
        for link in list(self.links.values()):
            link.drop()
        self._poller.close()
