"""Which descriptors are ready: an epoll set where the system has one, the event loop itself elsewhere.

Both pollers have the same methods; `LoopPoller` says what they do.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

# As the kernel names them; spelled out, because they are missing where epoll is.
READABLE: Final = 0x001
WRITABLE: Final = 0x004
NOTHING: Final = 1 << 30
"""EPOLLONESHOT and nothing else: a broken connection is told once all the same."""


class EpollPoller:
    """All descriptors in one set, and the loop watches the set."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_ready: Callable[[], None]) -> None:
        self._loop = loop
        self._epoll = select.epoll()
        self.register = self._epoll.register
        self.modify = self._epoll.modify
        self.unregister = self._epoll.unregister
        loop.add_reader(self._epoll.fileno(), on_ready)

    def closing(self, fd: int) -> None:
        """Do nothing: the kernel takes a closed descriptor out of the set."""

    def poll(self, most: int) -> list[tuple[int, int]]:
        """Return which are ready and for what."""
        return self._epoll.poll(0, most)

    def close(self) -> None:
        """Close the set."""
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()


class LoopPoller:
    """Each descriptor is watched by the loop: slower, and for every system that has asyncio's readers."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_ready: Callable[[], None]) -> None:
        self._loop = loop
        self._on_ready = on_ready
        self._watched: set[int] = set()
        self._ready: dict[int, int] = {}
        self._is_due = False

    def register(self, fd: int, events: int) -> None:
        """Watch a descriptor for READABLE, WRITABLE or NOTHING."""
        self._watched.add(fd)
        if events & READABLE:
            self._loop.add_reader(fd, self._note, fd, READABLE)
        if events & WRITABLE:
            self._loop.add_writer(fd, self._note, fd, WRITABLE)

    def modify(self, fd: int, events: int) -> None:
        """Watch it for something else."""
        self.unregister(fd)
        self.register(fd, events)

    def unregister(self, fd: int) -> None:
        """Watch it no longer; it stays open."""
        self._watched.discard(fd)
        self._ready.pop(fd, None)
        self._loop.remove_reader(fd)
        self._loop.remove_writer(fd)

    closing = unregister
    """Watch it no longer, because it is about to be closed."""

    def poll(self, most: int) -> list[tuple[int, int]]:
        """Return which are ready and for what, `most` at most; the others are ready next time."""
        ready = list(self._ready.items())[:most]
        for fd, _ in ready:
            del self._ready[fd]
        return ready

    def close(self) -> None:
        """Watch nothing any more."""
        for fd in tuple(self._watched):
            self.unregister(fd)

    def _note(self, fd: int, event: int) -> None:
        self._ready[fd] = event
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._answer)

    def _answer(self) -> None:
        self._is_due = False
        self._on_ready()


def make_poller(loop: asyncio.AbstractEventLoop, on_ready: Callable[[], None]) -> EpollPoller | LoopPoller:
    """Return the best poller that the system has; `on_ready` is called whenever `poll` has something."""
    return EpollPoller(loop, on_ready) if hasattr(select, "epoll") else LoopPoller(loop, on_ready)
