"""The protocol on uvloop again, with each whole line looked up in a table of replies first."""

import contextlib

import uvloop

from benchmarks.reference.game import TABLES
from benchmarks.reference.protocol import Connection, serve


class TableConnection(Connection):
    """One player whose ordinary guesses are never parsed."""

    __slots__ = ("replies",)

    def __init__(self) -> None:
        super().__init__()
        self.replies: dict[bytes, bytes] = {}

    def data_received(self, data: bytes) -> None:
        """Answer one whole ordinary guess, or many, from the table, and the rest as before."""
        if reply := self.replies.get(data):
            self.transport.write(reply)
            return
        if self.replies:
            with contextlib.suppress(KeyError):
                self.transport.write(
                    b"".join([self.replies[line] for line in data.splitlines(keepends=True)])
                )
                return
        super().data_received(data)
        self.replies = {} if self.rest else TABLES.get(self.player.secret, {})


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(TableConnection))
