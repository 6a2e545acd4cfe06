"""Responses: what is looked up is what would be worked out, and only what is usual is kept."""

from __future__ import annotations

import os
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.lobby.interface import RoundOutcome
from services.protocol.codec import encode
from services.protocol.messages import Address, Guessed, Verdict
from services.protocol.rules import CLASSIC, Rules
from services.runtime.logging import LogSink
from services.server.game.admin import AdminState
from services.server.game.conversation import Judge
from services.server.game.log_events import LogEvent
from services.server.game.player import WIDEST_RANGE, GameConfig, PlayerState
from services.server.observe import Observer
from services.server.responses import ResponseCompiler
from tests.support.wire import REQUEST_LINES

if TYPE_CHECKING:
    from services.server.responses import Response, ResponseTable

PLAYER = Address("192.0.2.7", 50123)
NOWHERE_FD = os.open(os.devnull, os.O_WRONLY)
"""One for all: Hypothesis asks for hundreds of tables, and this process has only so many descriptors."""
SPELLINGS = ("My Guess is: {}\r\n", "My Guess is: {}\n", "Guess: {}\r\n", "Guess: {}\n", "{}\r\n", "{}\n")
RULES = st.builds(lambda low, width, distance: Rules(low, low + width, distance),
                  st.integers(0, 60), st.integers(1, 40), st.integers(0, 9))  # fmt: skip


def tables(rules: Rules = CLASSIC, *, shared_rounds: bool = False) -> ResponseTable:
    """Return a new player's table."""
    observer = Observer(LogSink(NOWHERE_FD), level="info")
    return ResponseCompiler(observer, 300.0).table(PlayerState(GameConfig(rules, shared_rounds, 20)))


def following(table: ResponseTable, line: bytes) -> ResponseTable:
    """Return the table after a line."""
    following = table[line].next_table
    assert following is not None
    return following


def game(table: ResponseTable, secret: int) -> ResponseTable:
    """Return the table of a game with a secret, as begun by Hello and Game."""
    begun = following(table, b"Hello\r\n")[b"Game\r\n"].rest
    assert begun is not None
    assert begun.draws_secret
    assert isinstance(begun.next_state, PlayerState)
    return table._compiler.table(begun.next_state.with_secret(secret))


def seen(response: Response) -> tuple[object, ...]:
    """Return all that anybody can see of a response, the next state included."""
    state = response.next_table.state if response.next_table is not None else None
    return (
        *(response.reply, response.log, response.guessed, response.is_guess, response.counted),
        response.timeout_s,
        *(response.rest and response.rest._replace(is_usual=False), state),
    )


@given(RULES, st.data())
def test_every_usual_guess_is_looked_up_as_it_would_be_worked_out(rules: Rules, data: st.DataObject) -> None:
    """In its six usual spellings a guess has the response of any other spelling, found or made (P-3, P-4)."""
    table = game(tables(rules), data.draw(st.integers(rules.low, rules.high)))

    for number in range(rules.low, rules.high + 1):
        unusual = table[b"my guess is :%d \n" % number]
        for spelling in SPELLINGS:
            line = spelling.format(number).encode()
            assert seen(table[line]) == seen(unusual)
            assert table[line] is table.get(line)
    assert len(table) == 6 * (rules.high - rules.low + 1)


@given(st.lists(REQUEST_LINES, max_size=8), st.booleans())
def test_no_line_is_answered_otherwise_for_having_been_met(lines: list[bytes], shared_rounds: bool) -> None:  # noqa: FBT001  Hypothesis draws it
    """Whatever was looked up before, a line leads to what its state says, in every state on the way (S-1)."""
    table = tables(shared_rounds=shared_rounds)
    visited = [table, following(table, b"Hello\n"), game(table, 21)] if not shared_rounds else [table]

    for line in (line + b"\r\n" for line in lines for _ in range(2)):
        for one in visited:
            state = one.state
            fresh = tables(shared_rounds=shared_rounds)._compiler
            assert seen(one[line]) == seen(fresh.compile(state.handle(line[:-2])))


def test_guesses_are_counted_by_themselves() -> None:
    """A guess counts as a guess and as no event, a winning one as the event that a game was won besides."""
    playing = game(tables(), 21)

    assert playing[b"7\r\n"].is_guess
    assert playing[b"7\r\n"].counted == ()
    assert playing[b"21\r\n"].counted == (LogEvent.GAME_WON,)
    assert playing[b"x\r\n"].counted == (LogEvent.GUESS_REJECTED,)


def test_a_guess_carries_what_the_watcher_is_told() -> None:
    """After the player's address, the prepared part is the rest of the event (P-4, A-4)."""
    response = game(tables(), 21)[b"Guess: 7\r\n"]

    event = b"Guessed %b%b" % (str(PLAYER).encode(), response.guessed)
    assert event == encode(Guessed(PLAYER, 7, Verdict.FAR))


@pytest.mark.parametrize(
    "line",
    [
        b" 7\r\n",
        b"007\r\n",
        b"guess: 7\r\n",
        b"31\r\n",
        b"%d\r\n" % 10**300,
        b"x\r\n",
        b"Hello\r\n",
        b"Name: ann\r\n",
        b"\r\n",
    ],
)
def test_nothing_unusual_is_kept(line: bytes) -> None:
    """Lines in rare spellings, out of range or without sense are answered, and forgotten."""
    new = tables()
    greeted = following(new, b"Hello\r\n")
    playing = game(new, 21)

    for table in (greeted, playing):
        before = dict(table)
        assert table[line] is not None
        assert table == before


def test_nothing_of_an_administrator_is_kept() -> None:
    """Administrators are few, and are pinged instead of timed out: their tables stay empty (A-8)."""
    compiler = tables()._compiler
    table = compiler.table(AdminState())

    assert table[b"Hello\r\n"].reply == b"Admin-Greetings\r\n"
    assert not table
    assert table.timeout_s == 0
    assert not table.state.is_engaged
    assert compiler.table(AdminState()) is not table


def test_a_mistake_leads_back_to_the_table_of_the_game() -> None:
    """Between an invalid guess and the next valid one nothing is kept; after that, the game is as before."""
    playing = game(tables(), 21)
    mistaken = following(playing, b"x\r\n")

    assert following(mistaken, b"7\r\n") is playing
    assert not mistaken


def test_a_wide_range_keeps_no_guesses() -> None:
    """In a range beyond the limit guesses are worked out each time, and the handshake is still kept."""
    for width, kept in ((WIDEST_RANGE - 1, True), (WIDEST_RANGE, False)):
        new = tables(Rules(0, width))
        greeted = following(new, b"Hello\n")
        for table in (greeted, game(new, 0), game(new, 5)):
            assert table[b"7\r\n"] is not None
            assert (b"7\r\n" in table) is kept
        assert following(new, b"Hello\n") is greeted


def test_a_shared_number_is_always_asked_for() -> None:
    """With shared rounds a guess is a question to the lobby, which no table answers (R-2)."""
    greeted = following(tables(shared_rounds=True), b"Hello\n")
    begun = greeted[b"Game\n"].rest
    assert begun is not None
    assert begun.question is not None


def test_the_tables_stay_within_what_is_said_of_them() -> None:
    """All guesses at all secrets of the widest range, in every usual spelling, take 5 MiB at most."""
    rules = Rules(1, WIDEST_RANGE)
    new = tables(rules)
    lines = [spelling.format(number).encode() for number in range(1, 129) for spelling in SPELLINGS]
    for line in lines:  # what all secrets share is there then
        game(new, 64)[line]
    tracemalloc.start()
    try:
        for secret in range(1, 5):
            table = game(new, secret)
            for line in lines:
                table[line]
        # Other threads and what earlier tests left behind allocate as well.
        ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/services/*")])
        octets = sum(trace.size for trace in ours.statistics("filename"))
    finally:
        tracemalloc.stop()
    assert octets / 4 * WIDEST_RANGE < 5 << 20


def round_table(table: ResponseTable, number: int) -> ResponseTable:
    """Return the table of a game in a shared round."""
    question = following(table, b"Hello\r\n")
    assert isinstance(question.state, PlayerState)
    begun = question.state.entered(number, b"").next_state
    assert begun is not None
    return table._compiler.table(begun)


def test_players_of_a_round_share_its_table_and_the_next_round_replaces_it() -> None:
    """What follows from guesses in a round is worked out once, and forgotten with the round (R-1)."""
    table = tables(shared_rounds=True)
    first = round_table(table, 1)
    assert round_table(table, 1) is first
    assert first[b"15\r\n"] is first[b"15\r\n"]
    kept = len(table._compiler._tables)
    for number in range(2, 50):
        passing = round_table(table, number)
        assert passing[b"15\r\n"].rest == first[b"15\r\n"].rest
        assert passing[b""].rest
    assert len(table._compiler._tables) == kept
    assert round_table(table, 1) is not first


@pytest.mark.parametrize(("rules", "is_kept"), [(CLASSIC, True), (Rules(1, 1000, 2), False)])
def test_an_answer_of_the_lobby_is_worked_out_once_in_a_round(rules: Rules, *, is_kept: bool) -> None:
    """The same verdict on the same number is the same response; in a wide range nothing is kept."""
    table = round_table(tables(rules, shared_rounds=True), 7)
    state = table.state
    assert isinstance(state, PlayerState)
    found = RoundOutcome(7, Verdict.FAR)
    first, second = (table.after((15, found), lambda: state.judged(Judge(15), found)) for _ in range(2))
    assert (first is second) is is_kept
    assert seen(first) == seen(second)
    assert first.reply == b"Far\r\n"
    assert first.is_guess
