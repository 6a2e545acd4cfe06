"""One end of a conversation, pure: bytes in, messages out, every step checked against the table.

Clients and tests use it as it is. The server runs the same table and codec from its game
(services.server.game), where several requests may wait in one chunk.
"""

from typing import Final

from services.protocol.codec import encode, parse_admin_reply, parse_player_reply
from services.protocol.framing import LineBuffer
from services.protocol.messages import Reply, Request
from services.protocol.state import State, advance

_READERS: Final = {State.CONNECTED: parse_player_reply, State.ADMIN_CONNECTED: parse_admin_reply}


class ClientConnection:
    """What a client knows of its conversation with a server."""

    __slots__ = ("_lines", "_parse", "state")

    def __init__(self, state: State = State.CONNECTED) -> None:
        """Begin in CONNECTED for the player port, in ADMIN_CONNECTED for the administrator port."""
        self.state = state
        self._parse = _READERS[state]
        self._lines = LineBuffer()

    def send(self, request: Request) -> bytes:
        """Return the bytes that say `request`.

        Raises:
            OutOfTurnError: it is not the client's turn to say so.
        """
        self.state = advance(self.state, request)
        return encode(request)

    def receive(self, data: bytes) -> list[Reply]:
        """Return the replies that `data` completes; `take` each of them in turn.

        Raises:
            LineTooLongError: the server sent more than a line may have.
        """
        lines = self._lines.feed(data)
        if self._lines.overlong:
            raise self._lines.overlong
        return [self._parse(line) for line in lines]

    @property
    def has_unterminated(self) -> bool:
        """Whether the beginning of a line has come, and not its end."""
        return bool(self._lines.unterminated)

    def end_line(self) -> Reply:
        """Return what has come of a line as the reply that it is: some servers end none."""
        return self._parse(self._lines.take_unterminated().removesuffix(b"\r\n"))

    def take(self, reply: Reply) -> None:
        """Let `reply` take effect on the state.

        Raises:
            OutOfTurnError: the server may not say that now.
        """
        self.state = advance(self.state, reply)
