"""Find out how a server wants to be spoken to: by some guesses in each dialect, a connection for each."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from services.player.bot import Dialect
from services.player.conversation import Conversation
from services.player.person_connection import PersonConnection
from services.protocol.messages import Game, Guess, Hello, Verdict
from services.protocol.rules import CLASSIC
from services.protocol.state import State
from services.runtime.connecting import UnreachableError, connect

if TYPE_CHECKING:
    from services.protocol.rules import Rules
    from services.runtime.connecting import Target
    from services.strategies.candidates import History

PATIENCE_S: Final = 3.0
"""A server that does not know a dialect often says nothing at all."""

MOST_GUESSES: Final = 8
"""Guesses at every fifth number: in the classic range one of six is close, if the server reads them."""


_TELLING: Final = {Verdict.FAR, Verdict.CLOSE}
"""A server that says both reads the numbers; one that takes each for 0 says one of them forever."""


class NoDialectError(UnreachableError):
    """A server judges guesses in no dialect of the family."""


class _Fit(Enum):
    NONE = auto()
    PERHAPS = auto()
    """There were verdicts, but the server may have read other numbers, or have complained before."""
    SURE = auto()


async def find_dialect(target: Target) -> Dialect:
    """Return the dialect in which a server judges guesses.

    Raises:
        NoDialectError: it does so in none.
        UnreachableError: there is no server.
    """
    perhaps: list[Dialect] = []
    for dialect in Dialect:
        fit = await _try(target, dialect)
        if fit is _Fit.SURE:
            return dialect
        if fit is _Fit.PERHAPS:
            perhaps.append(dialect)
    if not perhaps:
        raise NoDialectError(f"{target} gives no verdict in any dialect: {', '.join(Dialect)}")
    return perhaps[0]


async def _try(target: Target, dialect: Dialect) -> _Fit:
    conversation = Conversation(dialect, CLASSIC)
    connection = PersonConnection(conversation, patience_s=PATIENCE_S)
    await connect(target, lambda: connection)
    try:
        for request in (Hello(), Game()) if dialect.has_game else (Hello(),):
            await connection.ask(request)
        verdicts: set[Verdict] = set()
        for _ in range(MOST_GUESSES):
            number = _next_number(conversation.view.rules, conversation.view.history)
            if connection.failure or number is None or conversation.view.state is State.CLOSED:
                break
            await connection.ask(Guess(number))
            verdicts |= {verdict for _, verdict in conversation.view.history if verdict}
            if (conversation.misunderstood and not conversation.judged) or verdicts >= _TELLING:
                break
    finally:
        await connection.leave()
    read = Verdict.CORRECT in verdicts or verdicts >= _TELLING
    if read and not conversation.misunderstood:
        return _Fit.SURE
    return _Fit.PERHAPS if conversation.judged else _Fit.NONE


def _next_number(rules: Rules, history: History) -> int | None:
    asked = {number for number, _ in history}
    reach = 2 * rules.close_distance + 1
    numbers = range(rules.low + rules.close_distance, rules.high + 1, reach)
    return next((number for number in numbers if number not in asked), None)
