"""A correct server whose players share their rounds, and servers that share them wrongly, on purpose."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

from services.protocol.errors import ProtocolError
from services.protocol.messages import Round, TooLate
from services.protocol.state import State
from tests.support.conformance.mutants.mutant import Mutant

if TYPE_CHECKING:
    from services.protocol.messages import Address, Message, Request
    from tests.support.conformance.reference_server import Connection


class SharedRounds(Mutant):
    """All players guess at one number, and whoever finds it begins the next round; it is correct."""

    too_late_times = 1

    def __init__(self) -> None:
        super().__init__()
        self.round = 1
        self.secret = self.before = self.draw()
        self.began: dict[Address, int] = {}
        """In which round each player is."""
        self.owed: dict[Address, int] = {}
        """How often each player is still to be told that it was too late."""

    def draw(self) -> int:
        """Draw a secret that is never the number which the kit tries first."""
        return random.SystemRandom().randint(self.low + 1, self.high)

    @property
    def cut_off(self) -> bool:
        """Whether what the servers share cannot be reached."""
        return Path(os.environ["CUT_OFF"]).exists()

    def answer(self, connection: Connection, request: Request) -> None:
        """Refuse whatever needs what the servers share while it cannot be reached."""
        if connection.state in {State.STARTING, State.JUDGING, State.LISTING_ONCE} and self.cut_off:
            raise ProtocolError("the round cannot be reached")
        super().answer(connection, request)

    def join(self, connection: Connection) -> None:
        """Begin to play in the round that is under way."""
        with self.lock:
            super().join(connection)
            self.began[connection.address] = self.round
            connection.secret = self.secret

    def judge(self, connection: Connection, request: Request) -> None:
        """Tell who has missed the end of a round; judge the others."""
        with self.lock:
            if connection.secret and self.is_late(connection, self.number(request)):
                self.reply(connection, TooLate())
            else:
                super().judge(connection, request)

    def is_late(self, connection: Connection, number: int | None) -> bool:
        """Tell whether another player has won meanwhile, and take the player into the new round."""
        if self.began[connection.address] != self.round:
            self.began[connection.address] = self.round
            connection.secret = self.secret
            self.owed[connection.address] = self.too_late_times
        owed = self.owed.get(connection.address, 0)
        if number is None or not owed:
            return False
        self.owed[connection.address] = owed - 1
        return True

    def win(self, connection: Connection) -> None:
        """Begin a new round."""
        super().win(connection)
        self.round += 1
        self.before, self.secret = self.secret, self.draw()
        self.tell(Round(self.round))


class TwoWinners(SharedRounds):
    """Lets a player win a round that another one has won already."""

    breaks = "one-secret"

    def is_late(self, connection: Connection, number: int | None) -> bool:
        late = super().is_late(connection, number)
        if late and number == self.before:
            connection.secret = self.before
            return False
        return late


class LateAgain(SharedRounds):
    """Tells players again and again that they are too late."""

    breaks = "too-late"
    too_late_times = 6


class SilentRounds(SharedRounds):
    """Does not tell who watches of a new round."""

    breaks = "told-of-rounds"

    def tell(self, event: Message) -> None:
        if not isinstance(event, Round):
            super().tell(event)


class BegunWithoutOthers(SharedRounds):
    """Goes on by itself where what the servers share cannot be reached."""

    breaks = "cut-off"
    cut_off = False
