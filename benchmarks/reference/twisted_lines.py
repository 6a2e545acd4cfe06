"""Twisted's line receiver on its usual reactor, which on Linux is the one of epoll."""

from typing import Any

from twisted.internet import reactor as usual_reactor
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver

from benchmarks.reference.game import BACKLOG, CORRECT, HOST, Player, arguments

reactor: Any = usual_reactor  # its declared interfaces are Twisted's own, which a type checker takes amiss


class Connection(LineReceiver):  # type: ignore[misc] # the type checker does not see the folder of its own
    """One player."""

    delimiter = b"\r\n"
    transport: Any

    def __init__(self) -> None:
        self.player = Player()

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Send small replies at once, as the other servers do."""
        self.transport.setTcpNoDelay(True)

    def lineReceived(self, line: bytes) -> None:  # noqa: N802 - Twisted's name
        """Answer a line."""
        reply = self.player.answer(line)
        if reply is not None:
            self.transport.write(reply)
        if reply is None or reply is CORRECT:
            self.transport.loseConnection()


if __name__ == "__main__":
    factory = Factory.forProtocol(Connection)
    factory.noisy = False
    reactor.listenTCP(arguments().port, factory, backlog=BACKLOG, interface=HOST)
    reactor.run()
