"""Who is playing, and who watches them. In memory, and of this server alone."""

from collections.abc import Callable

from services.protocol.codec import encode
from services.protocol.messages import Address, End, Joined, Left, Listed, NobodyListed, WatchEvent, Won


class Lobby:
    """The list of players and the administrator's seat.

    The list follows from the events alone, and the watcher is told each event as it is applied:
    so the list it was given plus the events it was sent always equal the truth (clause A-4).
    """

    __slots__ = ("players", "tell")

    def __init__(self) -> None:
        self.players: dict[Address, None] = {}
        """Those at play, in the order in which they joined."""
        self.tell: Callable[[bytes], None] | None = None
        """How the watcher is told; None while the seat is free (clause A-7)."""

    def publish(self, event: WatchEvent) -> None:
        """Let an event take effect on the list, and tell the watcher."""
        match event:
            case Joined(address):
                self.players[address] = None
            case Won(address) | Left(address):
                del self.players[address]
            case _:
                pass
        if self.tell:
            self.tell(encode(event))

    def spell_list(self, *, within_watch: bool) -> bytes:
        """Return the list as it goes over the wire (clauses A-2, A-3)."""
        lines = [encode(Listed(address)) for address in self.players]
        if within_watch:
            lines.append(encode(End()))
        return b"".join(lines) or encode(NobodyListed())
