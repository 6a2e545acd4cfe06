"""The log of one container, as events that a test can wait for."""

from __future__ import annotations

import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

import docker.errors

from tests.support.log_contract import Events, check_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker.models.containers import Container

    from tests.support.log_contract import Event

T = TypeVar("T")

RESTART_POLL_S = 0.25
"""How often a stopped container is looked at: it may be started again."""

BUSY_S = 90.0
"""A busy machine may take so long to log something: a bot that thinks for a second may guess thirty times."""


class ContainerLog:
    """Follows a container's standard output from its beginning, over restarts, until closed.

    Every line has to keep the contract of docs/logs.md; the first that does not fails the next wait.
    """

    def __init__(self, container: Container) -> None:
        self.container = container
        self._events = Events()
        self._fault: Exception | None = None
        self._grown = threading.Condition()
        self._closed = threading.Event()
        self._stream: Any = None
        self._thread = threading.Thread(target=self._follow, name=f"log of {container.name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop following."""
        self._closed.set()
        if self._stream is not None:
            self._stream.close()
        self._thread.join(timeout=10)

    def events(self, name: str | None = None, /, **fields: object) -> list[Event]:
        """Return the events so far, those of one name if given, with just these fields."""
        with self._grown:
            return self._events.found(name, **fields)

    def wait_for(self, name: str, /, *, count: int = 1, timeout_s: float = BUSY_S, **fields: object) -> Event:
        """Wait until `count` events of that name with these fields are there; return the last of them."""
        found = self.wait_until(
            lambda: self.events(name, **fields)[count - 1 : count],
            what=f"{count} x {name} {fields}",
            timeout_s=timeout_s,
        )
        return found[0]

    def wait_until(self, found: Callable[[], T], *, what: str, timeout_s: float = BUSY_S) -> T:
        """Ask `found` again at every new event until what it returns is true, and return that."""
        deadline = time.monotonic() + timeout_s
        with self._grown:
            while True:
                if self._fault is not None:
                    raise self._fault
                if answer := found():
                    return answer
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    raise TimeoutError(f"{what} not in the log of {self.container.name} within {timeout_s} s")
                self._grown.wait(left_s)

    def _follow(self) -> None:
        seen = 0
        while not self._closed.is_set():
            try:
                started_at = self._state()["StartedAt"]
                first = 0
                for lines in self._pieces():
                    self._add(lines[max(0, seen - first) :])
                    first += len(lines)
                    seen = max(seen, first)
                # All is read again when there may be more, but no sooner: many logs are long.
                while not self._closed.wait(RESTART_POLL_S):
                    state = self._state()
                    if state["Running"] or state["StartedAt"] != started_at:
                        break
            except docker.errors.NotFound:
                return
            except docker.errors.APIError as error:
                if error.status_code != HTTPStatus.CONFLICT:  # it is about to be removed
                    raise
            except (OSError, ValueError):
                if not self._closed.is_set():
                    raise

    def _state(self) -> dict[str, Any]:
        """Return whether the container runs, and when it was started last, as the engine spells it."""
        self.container.reload()
        return dict(self.container.attrs["State"])

    def _pieces(self) -> Iterator[list[bytes]]:
        """Yield the container's lines from the first one on, as many at once as come, until it stops."""
        self._stream = self.container.logs(stream=True, follow=True, stderr=False)
        rest = b""
        for piece in self._stream:
            *lines, rest = (rest + piece).split(b"\n")
            yield lines

    def _add(self, lines: list[bytes]) -> None:
        with self._grown:
            for line in lines:
                try:
                    event = check_line(line.decode())
                except AssertionError as breach:
                    self._fault = AssertionError(
                        f"{self.container.name} broke the contract of the log: {breach}"
                    )
                else:
                    self._events.add(event)
            self._grown.notify_all()


def host_of(event: Event) -> str:
    """Return the address, without the port, of the peer that an event is about; empty if of none."""
    return str(event.get("peer", "")).partition(" ")[0]
