"""What both lobbies promise: one suite, in memory and in Valkey, each played at three servers."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from services.lobby.interface import RoundOutcome, Seating
from services.protocol.messages import Guessed, Joined, Left, TooLate, Verdict, Won
from services.protocol.rules import CLASSIC
from tests.support.lobbies import (
    SECRET,
    Watch,
    ask,
    game,
    guess,
    player,
    publish,
    round_in_play,
    rounds,
    seated_at,
)

if TYPE_CHECKING:
    from services.protocol.messages import Address

RACES = 50
ADMINISTRATORS = 10
HISTORIES = 5
STEPS = 120
CROWD = 50


@pytest.fixture(params=["memory", "valkey"])
def url(request: pytest.FixtureRequest) -> str:
    """Give each lobby's address: none for the one in memory."""
    if request.param == "memory":
        return ""
    return str(request.getfixturevalue("valkey").url)


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_list_and_events_equal_the_truth(url: str, seed: int) -> None:
    """Whatever happens wherever: the watcher's list plus the events are who plays (A-2, A-4)."""

    async def play() -> None:
        rng = random.Random(seed)
        async with game(url) as playing:
            servers = await playing.servers(3)
            truth: dict[Address, int] = {}
            watch = Watch(servers[rng.randrange(3)])
            numbers = iter(range(STEPS))
            for step in range(STEPS):
                if step == STEPS // 3:
                    assert await watch.take_seat() is Seating.SEATED
                at = rng.randrange(3)
                mine = [address for address, where in truth.items() if where == at]
                if not mine or rng.random() < 0.5:
                    address = player(next(numbers))
                    truth[address] = at
                    publish(servers[at], Joined(address))
                else:
                    address = rng.choice(mine)
                    publish(servers[at], Guessed(address, 5, Verdict.CLOSE))
                    if rng.random() < 0.5:
                        del truth[address]
                        publish(servers[at], rng.choice((Left(address), Won(address, 3))))
            for server in servers:  # a server that asks after its own events were taken hears of them
                await ask(server.list_players)
            for server in servers:
                listed = await ask(server.list_players)
                assert listed is not None
                assert set(listed) == set(truth)
            publish(watch.lobby, Joined(player(999)), Left(player(999)))
            await watch.received(f"Left {player(999)}")
            assert set(watch.players) == set(truth)
            assert set(watch.lobby.watched_players()) == set(truth)

    asyncio.run(play())


def test_the_list_is_in_the_order_of_joining(url: str) -> None:
    """Players are listed in the order in which they joined, whichever server they play at (A-2)."""

    async def play() -> None:
        async with game(url) as playing:
            servers = await playing.servers(3)
            for number in range(9):
                publish(servers[number % 3], Joined(player(number)))
                await ask(servers[number % 3].list_players)
            listed = await ask(servers[0].list_players)
            assert listed is not None
            assert list(listed) == list(map(player, range(9)))

    asyncio.run(play())


def test_one_of_ten_administrators_gets_the_seat(url: str) -> None:
    """Of ten who race for it at three servers exactly one is seated, fifty times in a row (A-7)."""

    async def play() -> None:
        async with game(url) as playing:
            servers = await playing.servers(3)
            for _ in range(RACES):
                watches = [Watch(servers[number % 3]) for number in range(ADMINISTRATORS)]
                seatings = await asyncio.gather(*(watch.take_seat() for watch in watches))
                assert seatings.count(Seating.SEATED) == 1
                assert seatings.count(Seating.OCCUPIED) == ADMINISTRATORS - 1
                winner = watches[seatings.index(Seating.SEATED)]
                winner.lobby.leave_seat()
                await ask(winner.lobby.list_players)

    asyncio.run(play())


def test_only_the_seated_one_is_told(url: str) -> None:
    """Who did not get the seat, or has left it, is told nothing; the next one is (A-4, A-7)."""

    async def play() -> None:
        async with game(url) as playing:
            first, second = await playing.servers(2)
            seated, refused = Watch(first), Watch(second)
            assert await seated.take_seat() is Seating.SEATED
            assert await refused.take_seat() is Seating.OCCUPIED
            publish(second, Joined(player(1)))
            await seated.received(f"Joined {player(1)}")
            first.leave_seat()
            await ask(first.list_players)
            assert await refused.take_seat() is Seating.SEATED
            publish(second, Left(player(1)))
            await refused.received(f"Left {player(1)}")
            assert len(seated.lines) == 1
            assert refused.lines == [f"Left {player(1)}"]

    asyncio.run(play())


def test_names_are_told_to_the_watcher(url: str) -> None:
    """Names are in the watcher's list and in Joined, whichever server the players are at (N-3)."""

    async def play() -> None:
        async with game(url) as playing:
            servers = await playing.servers(3)
            publish(servers[0], Joined(player(1), "ann"), Joined(player(2)))
            publish(servers[1], Joined(player(3), "-"))
            for server in servers:
                await ask(server.list_players)
            watch = await seated_at(servers[2])
            assert watch.players == {player(1): "ann", player(2): None, player(3): "-"}
            publish(servers[0], Joined(player(4), "bob_2"))
            await watch.received(f"Joined {player(4)} bob_2")
            publish(servers[1], Left(player(3)))
            await watch.received(f"Left {player(3)}")
            assert {one: servers[2].names[one] for one in servers[2].watched_players()} == watch.players
            assert watch.players == {player(1): "ann", player(2): None, player(4): "bob_2"}

    asyncio.run(play())


@pytest.mark.parametrize(("name", "found"), [("ann", TooLate(SECRET, "ann")), (None, TooLate(SECRET))])
def test_who_is_too_late_learns_who_found_it(url: str, name: str | None, found: TooLate) -> None:
    """At whichever server: the number that was found, and the name of who found it (N-4)."""

    async def play() -> None:
        async with game(url) as playing:
            here, there = await playing.servers(2)
            now = await round_in_play(here)
            assert await guess(here, player(1), now, SECRET, name) == RoundOutcome(now, Verdict.CORRECT)
            for number in (2, 3):
                assert await guess(there, player(number), now, 5) == RoundOutcome(now + 1, found)

    asyncio.run(play())


def test_guesses_are_judged_by_the_rules(url: str) -> None:
    """Each number of the range is judged at the shared secret as the rules say (P-4, R-1)."""

    async def play() -> None:
        async with game(url) as playing:
            (server,) = await playing.servers(1)
            for number in range(CLASSIC.low, CLASSIC.high + 1):
                now = await round_in_play(server)
                expected = RoundOutcome(now, CLASSIC.judge(SECRET, number))
                assert await guess(server, player(1), now, number) == expected

    asyncio.run(play())


def test_a_round_is_won_exactly_once(url: str) -> None:
    """Of fifty who guess right at once at three servers one wins; the rest are too late (R-2, R-3)."""

    async def play() -> None:
        async with game(url) as playing:
            servers = await playing.servers(3)
            crowd = [(servers[number % 3], player(number)) for number in range(CROWD)]
            for server, address in crowd:
                publish(server, Joined(address))
            now = await round_in_play(servers[0])
            for server in servers:
                await ask(server.list_players)
            watch = await seated_at(servers[2])
            assert servers[2].watched_round() == now
            outcomes = await asyncio.gather(*(guess(one, who, now, SECRET) for one, who in crowd))
            assert outcomes.count(RoundOutcome(now, Verdict.CORRECT)) == 1
            assert outcomes.count(RoundOutcome(now + 1, TooLate(SECRET))) == CROWD - 1
            winner = crowd[outcomes.index(RoundOutcome(now, Verdict.CORRECT))][1]
            await watch.received(f"Round {now + 1}")
            assert servers[2].watched_round() == now + 1
            assert watch.lines == [
                f"Guessed {winner} {SECRET} Correct",
                f"Won {winner} 1",
                f"Round {now + 1}",
            ]
            listed = await ask(servers[1].list_players)
            assert listed is not None
            assert set(listed) == {address for _, address in crowd} - {winner}
            [loser] = [one for one in crowd[:2] if one[1] != winner][:1]
            assert await guess(*loser, now + 1, SECRET + 1) == RoundOutcome(now + 1, Verdict.CLOSE)

    asyncio.run(play())


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_a_history_of_rounds_is_sound(url: str, seed: int) -> None:
    """Each round is won once, in order, and no verdict is of another round (R-2, R-3, R-4)."""

    async def play() -> None:
        rng = random.Random(seed)
        async with game(url) as playing:
            servers = await playing.servers(3)
            watch = await seated_at(servers[0])
            first = await round_in_play(servers[0])
            won: list[int] = []

            async def play_one(number: int) -> None:
                server, address = servers[number % 3], player(number)
                publish(server, Joined(address))
                now = await round_in_play(server)
                while True:
                    chosen = rng.randint(CLASSIC.low, CLASSIC.high)
                    outcome = await guess(server, address, now, chosen)
                    assert outcome is not None
                    if isinstance(outcome.reply, TooLate):
                        assert outcome.round_number > now
                        now = outcome.round_number
                        continue
                    assert outcome == RoundOutcome(now, CLASSIC.judge(SECRET, chosen))
                    if outcome.reply is Verdict.CORRECT:
                        won.append(now)
                        return

            await asyncio.gather(*map(play_one, range(20)))
            expected = list(range(first, first + 20))
            assert sorted(won) == expected
            await watch.received(f"Round {first + 20}")
            assert rounds(watch.lines) == [number + 1 for number in expected]
            assert not watch.players

    asyncio.run(play())
