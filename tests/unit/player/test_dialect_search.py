"""In which order dialects are tried."""

from __future__ import annotations

import pytest

from services.player.bot import Dialect
from services.player.dialect_search import DialectSearch, NoDialectError
from services.runtime.connecting import Target


def test_a_dialect_that_was_told_is_settled() -> None:
    """Nothing is looked for."""
    search = DialectSearch(Dialect.BARE)

    assert (search.dialect, search.settled) == (Dialect.BARE, True)


def test_every_dialect_is_tried_once_the_frequent_ones_first() -> None:
    """After the last there is one line that names them all."""
    target = Target("game", 4000)
    search = DialectSearch(None)
    tried = [search.dialect]
    for _ in range(3):
        search.go_on(target)
        tried.append(search.dialect)

    assert tried == [Dialect.CLASSIC, Dialect.SHORT, Dialect.BARE_SHORT, Dialect.BARE]
    assert not search.settled
    with pytest.raises(NoDialectError, match="can be played in no dialect: classic, short, bare, bare-short"):
        search.go_on(target)
