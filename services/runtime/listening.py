"""Which sockets a program listens on: one place, so that a host means the same to every program."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Final

from services.runtime.resolver import look_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.runtime.resolver import AddressInfo

LOOK_UP_TIMEOUT_S: Final = 5.0

FREE_PORT_TRIES: Final = 10
"""A port that is free at one address may be taken at the next."""

_NOT_HERE: Final = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""A name may have addresses that this machine has not, such as `::1` where IPv6 is off."""


def open_listeners(host: str, port: int, *, backlog: int) -> list[socket.socket]:
    """Listen on a port of every address that a host stands for, one socket for each.

    Nothing and `::` stand for all addresses of IPv4 and IPv6, `0.0.0.0` for those of IPv4, a name for each of
    its own: `localhost` is loopback in both families. Port 0 is any free one, the same for all.

    Raises:
        OSError: the port is taken, no address is of this machine, or the name has none.
    """
    if host in {"", "::"}:
        return [_listen_everywhere(port, backlog)]
    try:
        addresses = look_up(host, port, to_listen=True).result(LOOK_UP_TIMEOUT_S)
    except TimeoutError:
        raise TimeoutError("no name service answers") from None
    except UnicodeError:
        raise OSError("that is no host name") from None
    for _ in range(0 if port else FREE_PORT_TRIES):
        try:
            return _listen_at_each(addresses, port, backlog)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    return _listen_at_each(addresses, port, backlog)


def _listen_at_each(addresses: Sequence[AddressInfo], port: int, backlog: int) -> list[socket.socket]:
    listeners: list[socket.socket] = []
    faults: list[OSError] = []
    for family, _, _, _, (where, _, *scope) in dict.fromkeys(addresses):
        if listeners:
            port = listeners[0].getsockname()[1]
        try:
            listeners.append(socket.create_server((where, port, *scope), family=family, backlog=backlog))
        except OSError as error:
            faults.append(error)
            if error.errno not in _NOT_HERE:
                break
    else:
        if listeners:
            return listeners
    for listener in listeners:
        listener.close()
    raise faults[-1]


def _listen_everywhere(port: int, backlog: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=backlog)
    return socket.create_server(("", port), backlog=backlog)
