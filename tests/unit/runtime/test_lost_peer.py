"""A connection whose peer's machine is gone breaks by itself; `make e2e-swarm` sees it with a machine."""

from __future__ import annotations

import asyncio
import socket

from services.runtime.connecting import Target, connect
from services.runtime.lost_peer import ASK_AFTER_S, LOST_AFTER_S


def test_the_kernel_is_told_how_long_to_wait() -> None:
    """For whichever client: it asks the other one after some silence, and gives up after the limit."""

    async def options() -> tuple[int, int, int]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            target = Target("127.0.0.1", listener.getsockname()[1])
            transport, _ = await connect(target, lambda _: asyncio.Protocol())
            sock: socket.socket = transport.get_extra_info("socket")
            found = (
                sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
            )
            transport.close()
            await asyncio.sleep(0)
            return found

    assert asyncio.run(options()) == (1, ASK_AFTER_S, LOST_AFTER_S * 1000)
