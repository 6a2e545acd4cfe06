"""Find out how a server wants to be spoken to, pure: by a real game in one dialect after the other.

Servers die of a wrong word, and of a connection that is left: so there are no games but those that are meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.player.bot import Dialect
from services.runtime.connecting import UnreachableError

if TYPE_CHECKING:
    from services.runtime.connecting import Target

_BY_FREQUENCY: Final = (Dialect.CLASSIC, Dialect.SHORT, Dialect.BARE_SHORT, Dialect.BARE)


class NoDialectError(UnreachableError):
    """A server can be played in no dialect of the family."""


class DialectSearch:
    """The dialect in use: told, or still looked for."""

    def __init__(self, told: Dialect | None) -> None:
        self._untried = iter(_BY_FREQUENCY)
        self.dialect = told or next(self._untried)
        self.settled = told is not None
        """Whether the dialect is the server's."""

    def go_on(self, target: Target) -> None:
        """Take the next dialect: a game in this one led to nothing.

        Raises:
            NoDialectError: that was the last.
        """
        try:
            self.dialect = next(self._untried)
        except StopIteration:
            raise NoDialectError(f"{target} can be played in no dialect: {', '.join(Dialect)}") from None
