"""Players in an epoll set of their own, nested in an asyncio loop, with the table of replies.

It is the bare form of the design that the server has.

The loop watches one descriptor, the epoll set, and one callback answers however many players are ready.
"""

import asyncio
import contextlib
import select
import socket

import uvloop

from benchmarks.reference.game import BACKLOG, CORRECT, HOST, TABLES, Player, arguments


class Connection:
    """One player."""

    __slots__ = ("player", "recv", "replies", "rest", "send", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.player = Player()
        self.replies: dict[bytes, bytes] = {}
        self.rest = b""
        self.sock, self.recv, self.send = sock, sock.recv, sock.send

    def answer(self, data: bytes) -> bool:
        """Answer what is no single ordinary guess; tell whether the player stays."""
        if data and self.replies:
            with contextlib.suppress(KeyError):
                self.send(b"".join([self.replies[line] for line in data.splitlines(keepends=True)]))
                return True
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            reply = self.player.answer(line.rstrip())
            if reply is None:
                return False
            self.send(reply)
            if reply is CORRECT:
                return False
        self.replies = {} if self.rest else TABLES.get(self.player.secret, {})
        return bool(data)


class Reactor:
    """All players."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._epoll = select.epoll()
        self._connections: dict[int, Connection] = {}
        loop = asyncio.get_running_loop()
        loop.add_reader(listener, self._accept)
        loop.add_reader(self._epoll.fileno(), self._turn)

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                sock, _ = self._listener.accept()
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._connections[sock.fileno()] = Connection(sock)
                self._epoll.register(sock.fileno(), select.EPOLLIN)

    def _turn(self) -> None:
        connections = self._connections
        for number, _ in self._epoll.poll(0, 512):
            connection = connections[number]
            try:
                data = connection.recv(448)
                if reply := connection.replies.get(data):
                    connection.send(reply)
                    continue
                stays = connection.answer(data)
            except OSError:
                stays = False
            if not stays:
                del connections[number]
                connection.sock.close()


async def main() -> None:
    """Serve until killed."""
    listener = socket.create_server((HOST, arguments().port), backlog=BACKLOG)
    listener.setblocking(False)
    reactor = Reactor(listener)
    await asyncio.Event().wait()
    del reactor


if __name__ == "__main__":
    uvloop.run(main())
