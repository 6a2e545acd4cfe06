"""Names of hosts by reverse DNS, where there are any: in a compose network, the containers' names.

A look-up may take seconds, so a thread of its own does it; a caller gets what is known already.
"""

from __future__ import annotations

import contextlib
import ipaddress
import queue
import re
import socket
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_KNOWN: Final = 4096
MOST_PENDING: Final = 256
"""Look-ups that wait. Beyond them a host is looked up later, when it is drawn again."""

FRESH_S: Final = 60.0
"""After so long a name is looked up again: an address may belong to another container by then."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


def container_name(full_name: str) -> str | None:
    """Return what `docker compose logs` calls a container; None if it is no ordinary name.

    The full name is PROJECT-SERVICE-NUMBER.PROJECT_NETWORK; another host is called by its first part.
    """
    first, _, network = full_name.partition(".")
    project = network.rpartition("_")[0]
    name = first.removeprefix(f"{project}-") if project else first
    return name if _NAME.fullmatch(name) else None


def reverse_dns(ip: str) -> str | None:
    """Ask for a host's name; it may take a while.

    Loopback has a name too, but that tells nobody anything.
    """
    if ipaddress.ip_address(ip).is_loopback:
        return None
    try:
        full_name = socket.gethostbyaddr(ip)[0]
    except OSError:
        return None
    return container_name(full_name)


class Names:
    """What is known of hosts' names. Used from one thread; `look_up` is called in another."""

    def __init__(self, look_up: Callable[[str], str | None], clock: Callable[[], float]) -> None:
        self._look_up = look_up
        self._clock = clock
        self._known: dict[str, tuple[str | None, float]] = {}
        self._pending: set[str] = set()
        self._fresh: set[str] = set()
        self._requests: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[tuple[str, str | None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def of(self, ip: str) -> str | None:
        """Return the name if it is known, and see to it that it will be."""
        self._take_results()
        name, known_s = self._known.get(ip, (None, float("-inf")))
        if (
            self._clock() - known_s > FRESH_S
            and ip not in self._pending
            and len(self._pending) < MOST_PENDING
        ):
            self._pending.add(ip)
            self._requests.put(ip)
            if self._thread is None:
                # A daemon, so that a name server that does not answer cannot hold up the end of the program.
                self._thread = threading.Thread(target=self._serve, name="reverse-dns", daemon=True)
                with contextlib.suppress(RuntimeError):  # where none may be started, nobody has a name
                    self._thread.start()
        return name

    def take_fresh(self) -> set[str]:
        """Return the hosts whose names have changed since the last call."""
        self._take_results()
        fresh, self._fresh = self._fresh, set()
        return fresh

    def _take_results(self) -> None:
        while not self._results.empty():
            ip, name = self._results.get()
            self._pending.discard(ip)
            if self._known.pop(ip, (None, 0.0))[0] != name:
                self._fresh.add(ip)
            self._known[ip] = (name, self._clock())
            if len(self._known) > MOST_KNOWN:
                del self._known[next(iter(self._known))]

    def _serve(self) -> None:
        while True:
            ip = self._requests.get()
            self._results.put((ip, self._look_up(ip)))
