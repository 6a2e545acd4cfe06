"""A connection whose peer's machine is gone breaks by itself; `make e2e-swarm` sees it with a machine."""

from __future__ import annotations

import asyncio
import socket

from services.runtime.lost_peer import LOST_AFTER_S, notice_lost_peer


def test_the_kernel_is_told_how_long_to_wait() -> None:
    """The connection's own socket has the limit, in milliseconds."""

    async def connect() -> int:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            transport, _ = await asyncio.get_running_loop().create_connection(
                asyncio.Protocol, *listener.getsockname()
            )
            notice_lost_peer(transport)
            sock: socket.socket = transport.get_extra_info("socket")
            limit = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            transport.close()
            await asyncio.sleep(0)
            return limit

    assert asyncio.run(connect()) == LOST_AFTER_S * 1000
