"""Open a connection to the player port, for bots and for people."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Final, TypeVar

from services.runtime.target import UnreachableError, UntrustedError, cause

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.runtime.target import Target

CONNECT_TIMEOUT_S: Final = 5.0

HEAD_START_S: Final = 0.25
"""What an address has before the next one of the same name is tried beside it (RFC 8305)."""

REPLY_TIMEOUT_S: Final = 30.0
"""A server that owes a reply for so long will not give it; a paused one is waited for."""

QUIET_S: Final = 1.0
"""After so much silence a line in unknown words counts as the reply."""

CLOSE_TIMEOUT_S: Final = 2.0
"""How long an encrypted connection may take to say goodbye."""

ConversationProtocol = TypeVar("ConversationProtocol", bound=asyncio.Protocol)


async def connect(target: Target, factory: Callable[[], ConversationProtocol]) -> ConversationProtocol:
    """Connect a protocol to the server.

    Raises:
        UnreachableError: there is no server.
        UntrustedError: there is one, but not the one that was meant.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            if target.tls is None:
                _, protocol = await loop.create_connection(
                    factory, target.host, target.port, happy_eyeballs_delay=HEAD_START_S
                )
            else:
                _, protocol = await loop.create_connection(
                    factory,
                    target.host,
                    target.port,
                    happy_eyeballs_delay=HEAD_START_S,
                    ssl=target.tls.current(),
                    ssl_shutdown_timeout=CLOSE_TIMEOUT_S,
                )
    except TimeoutError:
        raise UnreachableError(f"{target} does not answer") from None
    except ssl.SSLCertVerificationError as error:
        raise UntrustedError(f"{target} is not trusted: {error.verify_message}") from None
    except OSError as error:
        raise UnreachableError(f"cannot reach {target}: {cause(error)}") from None
    return protocol
