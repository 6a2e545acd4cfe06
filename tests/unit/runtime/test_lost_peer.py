"""A connection whose peer's machine is gone breaks by itself; `make e2e-swarm` sees it with a machine."""

from __future__ import annotations

import asyncio
import socket

from services.runtime.lost_peer import ASK_AFTER_S, LOST_AFTER_S, notice_lost_peer


def test_the_kernel_is_told_how_long_to_wait() -> None:
    """It asks the other one after some silence, and gives up after the limit, sent or not."""

    async def connect() -> tuple[int, int, int]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            transport, _ = await asyncio.get_running_loop().create_connection(
                asyncio.Protocol, *listener.getsockname()
            )
            notice_lost_peer(transport)
            sock: socket.socket = transport.get_extra_info("socket")
            found = (
                sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
            )
            transport.close()
            await asyncio.sleep(0)
            return found

    assert asyncio.run(connect()) == (1, ASK_AFTER_S, LOST_AFTER_S * 1000)
