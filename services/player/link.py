"""A connection for a program that waits at the keyboard: it runs beside, and can call that waiting off.

Whoever waits in `input()` hears nothing of the network. So an event loop in a thread of its own holds the
connection and queues what arrives. When the connection ends while the main thread reads the keyboard, a
signal calls it away: nothing else makes `input()`, line editing included, give up and restore the terminal.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import signal
import socket
import threading
from typing import TYPE_CHECKING, Final, Self, cast

from services.runtime.connecting import CLOSE_TIMEOUT_S, cause, connect
from services.runtime.lost_peer import notice_lost_peer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from services.runtime.connecting import Target

_CALL: Final = signal.SIGUSR1

CALL_AGAIN_S: Final = 0.1
"""A signal just before `input()` begins to wait is noted but does not wake it: another must follow.

That holds for Ctrl-C and SIGTERM too, so they are seconded in the same way.
"""


class CalledAwayError(Exception):
    """The connection ended while the keyboard was waited for."""


class EndedError(Exception):
    """The connection has ended; the text says why, if it was no ordinary end."""


class Link:
    """A connection that is open from `with` to its end. Only the main thread may use it."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._runner = asyncio.Runner()
        self._loop = self._runner.get_loop()
        self._leave = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)
        self._arrived: queue.SimpleQueue[bytes | EndedError] = queue.SimpleQueue()
        self._end: EndedError | None = None
        self._at_keyboard = False
        self._ended = False
        self._protocol = _LinkProtocol(self)

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            UnreachableError: there is no server, or none to be trusted.
        """
        self._previous = signal.signal(_CALL, self._be_called)
        self._signals, noted = socket.socketpair()
        self._signals.setblocking(False)
        noted.setblocking(False)
        self._noted = noted
        self._previous_fd = signal.set_wakeup_fd(noted.fileno(), warn_on_full_buffer=False)
        self._loop.add_reader(self._signals, self._second_signal)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(
                connect(self._target, lambda: self._protocol), self._loop
            ).result()
        except BaseException:
            self._shut_down()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._protocol.close(), self._loop).result(CLOSE_TIMEOUT_S)
        self._shut_down()

    def _shut_down(self) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join()
        signal.set_wakeup_fd(self._previous_fd)
        signal.signal(_CALL, self._previous)
        self._signals.close()
        self._noted.close()

    def _run(self) -> None:
        with self._runner:
            self._runner.run(self._leave.wait())

    # --- the main thread's

    def send(self, data: bytes) -> None:
        """Send bytes, if the connection is still there."""
        self._loop.call_soon_threadsafe(self._protocol.send, data)

    def receive(self, timeout_s: float) -> bytes:
        """Return what has arrived.

        Raises:
            EndedError: the connection has ended.
            TimeoutError: nothing has arrived for so long.
        """
        if self._end is not None:
            raise self._end
        try:
            arrived = self._arrived.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError from None
        if isinstance(arrived, EndedError):
            self._end = arrived
            raise arrived
        return arrived

    @contextlib.contextmanager
    def at_keyboard(self) -> Iterator[None]:
        """Let the end of the connection interrupt what the main thread does.

        Raises:
            CalledAwayError: it has ended.
        """
        self._at_keyboard = True
        try:
            if self._ended:
                raise CalledAwayError
            yield
        finally:
            self._at_keyboard = False

    def _be_called(self, _number: int, _frame: FrameType | None) -> None:
        if self._at_keyboard and self._ended:
            self._at_keyboard = False
            raise CalledAwayError

    # --- the event loop's

    def arrived(self, data: bytes) -> None:
        """Queue bytes for the main thread."""
        self._arrived.put(data)

    def ended(self, why: str) -> None:
        """Queue the end for the main thread, and call it away from the keyboard."""
        self._arrived.put(EndedError(why))
        self._ended = True
        self._call_until_heard()

    def _call_until_heard(self) -> None:
        self._call()
        self._loop.call_later(CALL_AGAIN_S, self._call_until_heard)

    def _second_signal(self) -> None:
        """Follow a signal by one of ours, which makes sure that the first is heard."""
        numbers = self._signals.recv(64)
        if any(number != _CALL for number in numbers):
            self._loop.call_later(CALL_AGAIN_S, self._call)

    def _call(self) -> None:
        if self._at_keyboard:
            signal.pthread_kill(cast("int", threading.main_thread().ident), _CALL)


class _LinkProtocol(asyncio.Protocol):
    def __init__(self, link: Link) -> None:
        self._link = link
        self._transport: asyncio.Transport | None = None
        self._closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        notice_lost_peer(transport)

    def data_received(self, data: bytes) -> None:
        self._link.arrived(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._closed.set()
        self._link.ended(cause(exc) if isinstance(exc, OSError) else "")

    def send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        await self._closed.wait()
