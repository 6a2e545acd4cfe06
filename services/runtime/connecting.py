"""How a client reaches its server, and in one line why it could not: for every program that connects.

All addresses of a name are tried, each with a short head start on the next (RFC 8305, "Happy Eyeballs"): an
address that does not answer, as IPv6 where only the local network has it, delays a connection by that much
and no more. Looking up, connecting and the TLS handshake share one time limit, and a cancellation, such as
Ctrl-C's, ends each of them at once.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from services.protocol.messages import Address
from services.runtime.fault import Fault
from services.runtime.lost_peer import notice_lost_peer
from services.runtime.resolver import look_up
from services.runtime.tls import explain_tls

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from services.runtime.resolver import AddressInfo
    from services.runtime.tls import ReloadingContext

CONNECT_TIMEOUT_S: Final = 5.0

HEAD_START_S: Final = 0.25
"""RFC 8305 recommends it: longer than most connections take, too short to be noticed."""

CLOSE_TIMEOUT_S: Final = 2.0
"""How long the end of an encrypted connection may take."""

ClientProtocol = TypeVar("ClientProtocol", bound=asyncio.BaseProtocol)


class UnreachableError(Fault):
    """A server cannot be reached, or does not answer as one; the text is one clear line."""


class UntrustedError(UnreachableError):
    """The server cannot prove that it is the one: trying again does not help."""


@dataclass(frozen=True, slots=True)
class Target:
    """A port of a server."""

    host: str
    port: int
    tls: ReloadingContext | None = None
    """None: in the clear."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Ends(NamedTuple):
    """Both ends of a connection."""

    peer: Address
    local: Address


async def connect(
    target: Target, factory: Callable[[Ends], ClientProtocol], *, timeout_s: float = CONNECT_TIMEOUT_S
) -> tuple[asyncio.Transport, ClientProtocol]:
    """Connect a protocol to the server.

    Raises:
        UnreachableError: there is no server.
        UntrustedError: there is one, but not the one that was meant.
    """
    loop = asyncio.get_running_loop()
    silent = f"cannot reach {target}: no name service answers"
    try:
        async with asyncio.timeout(timeout_s):
            addresses = await asyncio.wrap_future(look_up(target.host, target.port))
            silent = f"{target} does not answer"
            sock = await _open_first(addresses)
            ends = _ends(sock)
            if target.tls is None:
                return await loop.create_connection(lambda: factory(ends), sock=sock)
            return await loop.create_connection(
                lambda: factory(ends),
                sock=sock,
                ssl=target.tls.current(),
                # No certificate names an interface, or the root.
                server_hostname=target.host.partition("%")[0].removesuffix("."),
                ssl_shutdown_timeout=CLOSE_TIMEOUT_S,
            )
    except TimeoutError:
        raise UnreachableError(silent) from None
    except ssl.SSLCertVerificationError as error:
        raise UntrustedError(f"{target} is not trusted: {error.verify_message}") from None
    except OSError as error:
        raise UnreachableError(f"cannot reach {target}: {cause(error)}") from None
    except UnicodeError:
        raise UnreachableError(f"cannot reach {target}: that is no host name") from None
    except ExceptionGroup as errors:
        causes = dict.fromkeys(cause(error) for error in errors.exceptions if isinstance(error, OSError))
        raise UnreachableError(f"cannot reach {target}: {', '.join(causes)}") from None


async def open_stream(
    target: Target, *, timeout_s: float = CONNECT_TIMEOUT_S
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect a reader and a writer to the server.

    Raises:
        UnreachableError: there is no server.
        UntrustedError: there is one, but not the one that was meant.
    """
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await connect(target, lambda _: protocol, timeout_s=timeout_s)
    return reader, asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop())


def cause(error: OSError) -> str:
    """Say in a few words what went wrong with a connection."""
    if isinstance(error, ssl.SSLError):
        return explain_tls(error)
    # asyncio repeats the address in its text; a failed look-up (errno below zero) has no other text.
    if error.errno is None or error.errno < 0:
        # asyncio says nothing of a peer that closes in the TLS handshake, as a balancer without servers does.
        return error.strerror or str(error) or "it closed the connection"
    return os.strerror(error.errno)


async def _open_first(addresses: Sequence[AddressInfo]) -> socket.socket:
    """Return a connection to the first address that answers.

    Raises:
        ExceptionGroup: none does; of OSErrors, one for each.
    """
    untried = _alternating(addresses)
    attempts: set[asyncio.Task[socket.socket]] = set()
    failures: list[BaseException] = []
    try:
        while untried or attempts:
            if untried:
                attempts.add(asyncio.get_running_loop().create_task(_open(untried.pop(0))))
            done, _ = await asyncio.wait(
                attempts, timeout=HEAD_START_S if untried else None, return_when=asyncio.FIRST_COMPLETED
            )
            for attempt in done:
                attempts.discard(attempt)
                failure = attempt.exception()
                if failure is None:
                    return attempt.result()
                failures.append(failure)
        raise ExceptionGroup("no address answers", [one for one in failures if isinstance(one, OSError)])
    finally:
        for attempt in attempts:
            attempt.cancel()
        for outcome in await asyncio.gather(*attempts, return_exceptions=True):
            if isinstance(outcome, socket.socket):
                outcome.close()


async def _open(address: AddressInfo) -> socket.socket:
    family, kind, protocol, _, where = address
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        notice_lost_peer(sock)
        await asyncio.get_running_loop().sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock


def _ends(sock: socket.socket) -> Ends:
    """Read both ends while there are any; whoever asks a transport later may get none.

    Raises:
        ConnectionResetError: the peer has reset the connection by now.
    """
    try:
        return Ends(Address(*sock.getpeername()[:2]), Address(*sock.getsockname()[:2]))
    except OSError:
        sock.close()
        raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)) from None


def _alternating(addresses: Sequence[AddressInfo]) -> list[AddressInfo]:
    """Order addresses so that the two families take turns, the one that the system prefers first."""
    first = [address for address in addresses if address[0] == addresses[0][0]]
    others = [address for address in addresses if address[0] != addresses[0][0]]
    return [address for address in chain(*zip_longest(first, others)) if address is not None]
