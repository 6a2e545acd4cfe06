"""The lobby in Valkey when something fails: a server, the way to Valkey, or Valkey itself."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from services.lobby import channel, scripts
from services.lobby.interface import RoundOutcome, Seating
from services.lobby.valkey import ValkeyLobby
from services.protocol.messages import Guessed, Joined, Left, TooLate, Verdict
from tests.support.lobbies import (
    SECRET,
    Watch,
    ask,
    game,
    guess,
    player,
    publish,
    reachable,
    round_in_play,
    rounds,
    seated_at,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from services.lobby.interface import Lobby
    from services.protocol.messages import Address
    from tests.support.valkey_container import ValkeyContainer

REFUSED_WITHIN_S = 2.0
"""Clause R-5."""

RECOVERED_WITHIN_S = 5.0
GHOSTS_WITHIN_S = 5.0


def crash(lobby: Lobby) -> None:
    """Let a server vanish."""
    assert isinstance(lobby, ValkeyLobby)
    assert lobby._seat
    for task in (lobby._life, lobby._channel._task, lobby._seat.reader):
        task.cancel()


async def answers(lobby: Lobby) -> list[object]:
    """Ask everything that can be asked, all at once."""
    return list(
        await asyncio.gather(
            ask(lobby.list_players),
            ask(lobby.enter_round),
            Watch(lobby).take_seat(),
            guess(lobby, player(1), 1, SECRET),
        )
    )


async def known_players(lobby: Lobby) -> Sequence[Address]:
    """Return who is playing, and nobody where that is not known."""
    players = await ask(lobby.list_players)
    return players or ()


def test_a_dead_servers_players_and_seat_are_free_within_5_s(valkey: ValkeyContainer) -> None:
    """Players of a server that vanished are off the list, its administrator off the seat, in 5 s (A-7)."""

    async def play() -> None:
        async with game(valkey.url) as playing:
            dying, staying = await playing.servers(2)
            publish(dying, Joined(player(1)))
            publish(staying, Joined(player(2)))
            await seated_at(dying)
            crash(dying)
            begun_s = time.monotonic()
            second = Watch(staying)
            while await second.take_seat() is not Seating.SEATED:
                assert time.monotonic() - begun_s < GHOSTS_WITHIN_S
                await asyncio.sleep(0.05)
            await until(lambda: list(second.players) == [player(2)])
            assert time.monotonic() - begun_s < GHOSTS_WITHIN_S
            assert await ask(staying.list_players) == [player(2)]

    asyncio.run(play())


def test_a_stopped_servers_players_are_listed_no_longer(valkey: ValkeyContainer) -> None:
    """A server that stops in an orderly way leaves nobody behind, at once."""

    async def play() -> None:
        async with game(valkey.url) as playing:
            stopping, staying = await playing.servers(2)
            publish(stopping, Joined(player(1)))
            watch = await seated_at(staying)
            await stopping.close()
            await watch.received(f"Left {player(1)}")
            assert await ask(staying.list_players) == []

    asyncio.run(play())


def test_valkey_out_of_reach_is_known_within_2_s(valkey: ValkeyContainer) -> None:
    """Paused in the middle or stopped: every question has its answer, that it is not known, in 2 s (R-5)."""

    async def play() -> None:
        async with game(valkey.url) as playing:
            (lobby,) = await playing.servers(1)
            now = await round_in_play(lobby)
            publish(lobby, Joined(player(1)), Joined(player(2)))
            watch = await seated_at(lobby)
            valkey.container.pause()
            try:
                begun_s = time.monotonic()
                lobby.publish(Guessed(player(2), 3, Verdict.FAR))
                await asyncio.sleep(0.05)  # the first batch is under way: the rest has to wait for it
                assert await answers(lobby) == [None, None, None, None]
                assert time.monotonic() - begun_s < REFUSED_WITHIN_S
                assert await answers(lobby) == [None, None, None, None]
                publish(lobby, Left(player(2)), Joined(player(3)))
                await until(lambda: watch.unseated, "the loss of the seat")
            finally:
                valkey.container.unpause()
            begun_s = time.monotonic()
            await reachable(lobby)
            assert time.monotonic() - begun_s < RECOVERED_WITHIN_S
            listed = await ask(lobby.list_players)
            assert listed is not None
            assert set(listed) == {player(1), player(3)}
            # Whoever was refused has won nothing meanwhile, though the guess had reached Valkey.
            assert await round_in_play(lobby) == now

    asyncio.run(play())


def test_a_restarted_valkey_learns_everything_anew(valkey: ValkeyContainer) -> None:
    """Valkey came back empty: who plays is listed again, and no round's number is used again (R-2)."""

    async def play() -> None:
        async with game(valkey.url) as playing:
            servers = await playing.servers(3)
            for number, server in enumerate(servers):
                publish(server, Joined(player(number), f"player{number}"))
            now = await round_in_play(servers[0])
            assert await guess(servers[2], player(9), now, SECRET) == RoundOutcome(now, Verdict.CORRECT)
            assert await guess(servers[2], player(8), now, SECRET) == RoundOutcome(now + 1, TooLate(SECRET))
            watch = await seated_at(servers[0])
            await asyncio.to_thread(valkey.restart)
            begun_s = time.monotonic()
            await until(lambda: watch.unseated, "the loss of the seat")
            # A server that asks before it has noticed the restart is answered, and has told nothing yet.
            for server in servers:
                while set(await known_players(server)) != {player(0), player(1), player(2)}:
                    assert time.monotonic() - begun_s < RECOVERED_WITHIN_S
                    await asyncio.sleep(0.01)
            assert time.monotonic() - begun_s < RECOVERED_WITHIN_S
            assert await round_in_play(servers[0]) > now + 1
            assert await watch.take_seat() is Seating.SEATED
            assert watch.players == {player(number): f"player{number}" for number in range(3)}
            outcome = await guess(servers[2], player(2), now + 1, SECRET)
            assert outcome is not None
            assert outcome.reply == TooLate()  # nobody knows any more what was found

    asyncio.run(play())


def test_no_list_is_of_a_valkey_that_was_not_told(valkey: ValkeyContainer) -> None:
    """A server that has not noticed yet that Valkey came back empty answers nothing, or the whole list."""

    async def play() -> None:
        async with game(valkey.url) as playing:
            (lobby,) = await playing.servers(1)
            assert isinstance(lobby, ValkeyLobby)
            publish(lobby, Joined(player(1)))
            assert await ask(lobby.list_players) == [player(1)]
            lobby._life.cancel()  # or its next beat may notice first
            await asyncio.to_thread(valkey.restart)
            for script in scripts.ALL.values():  # as another server does, which is quicker
                valkey.command("SCRIPT LOAD", script)
            listed = [await ask(lobby.list_players)]
            while listed[-1] is None:
                await asyncio.sleep(0.01)
                listed.append(await ask(lobby.list_players))
            assert listed[-1] == [player(1)]

    asyncio.run(play())


def test_a_server_that_was_taken_for_dead_says_that_it_lives(valkey: ValkeyContainer) -> None:
    """One that was only slow is taken off the list, wins nothing meanwhile, and comes back by itself."""

    async def play() -> None:
        async with game(valkey.url) as playing:
            slow, other = await playing.servers(2)
            assert isinstance(slow, ValkeyLobby)
            publish(slow, Joined(player(1)))
            now = await round_in_play(slow)
            watch = await seated_at(other)
            slow._life.cancel()
            await watch.received(f"Left {player(1)}")
            assert await guess(slow, player(1), now, SECRET) is None
            publish(slow, Guessed(player(1), 3, Verdict.FAR))
            await watch.received(f"Joined {player(1)}")
            assert watch.lines == [f"Left {player(1)}", f"Joined {player(1)}"]
            assert await round_in_play(other) == now

    asyncio.run(play())


def test_a_watcher_who_lags_too_far_loses_the_seat(valkey: ValkeyContainer) -> None:
    """A watcher who has missed an event is told no others: they would not add up to the truth (A-4)."""

    async def play() -> None:
        async with game(valkey.url) as playing:
            (lobby,) = await playing.servers(1)
            watch = await seated_at(lobby)
            publish(lobby, Joined(player(1)))
            await watch.received(f"Joined {player(1)}")
            sequence = int(valkey.command("INCRBY", "game:sequence", 5))
            publish(lobby, Joined(player(2)))
            await until(lambda: watch.unseated, "the loss of the seat")
            assert watch.lines == [f"Joined {player(1)}"]
            assert int(valkey.command("GET", "game:sequence")) == sequence + 1

    asyncio.run(play())


def test_guesses_at_own_numbers_are_told_in_batches(valkey: ValkeyContainer) -> None:
    """A thousand guesses that happen together cost Valkey a handful of commands, and come in order."""

    async def play() -> None:
        async with game(valkey.url) as playing:
            here, there = await playing.servers(2)
            watch = await seated_at(there)
            publish(here, Joined(player(1)))
            await ask(here.list_players)
            before = here.operations
            expected = [Guessed(player(1), 1 + number % 30, Verdict.FAR) for number in range(1000)]
            publish(here, *expected)
            await until(lambda: len(watch.lines) == 1001, "every guess")
            assert watch.lines[1:] == [f"Guessed {player(1)} {one.number} Far" for one in expected]
            assert here.operations - before < 10
            assert rounds(watch.lines) == []

    asyncio.run(play())


def test_what_is_too_much_to_tell_is_left_out_and_counted(
    valkey: ValkeyContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guesses are left out first, and the watcher hears how many; who comes and goes is always told (A-4)."""
    monkeypatch.setattr(channel, "QUEUE", 100)

    async def play() -> None:
        async with game(valkey.url) as playing:
            here, there = await playing.servers(2)
            watch = await seated_at(there)
            publish(here, Joined(player(1)))
            publish(here, *(Guessed(player(1), 5, Verdict.FAR) for _ in range(1000)))
            publish(here, Joined(player(2)), Left(player(1)))
            await until(lambda: watch.lines and watch.lines[-1].startswith("Missed "), "the count")
            guesses = watch.lines.count(f"Guessed {player(1)} 5 Far")
            assert 0 < guesses < 1000
            assert [line for line in watch.lines if not line.startswith("Guessed ")] == [
                f"Joined {player(1)}",
                f"Joined {player(2)}",
                f"Left {player(1)}",
                f"Missed {1000 - guesses}",
            ]
            assert here.missed == 1000 - guesses

    asyncio.run(play())


def test_entries_for_a_watcher_are_bounded_in_octets(valkey: ValkeyContainer) -> None:
    """However many guesses go together, no entry of the stream is longer than its bound and a line."""

    async def play() -> None:
        async with game(valkey.url) as playing:
            (lobby,) = await playing.servers(1)
            now = await round_in_play(lobby)
            publish(lobby, *(Guessed(player(1), 5, Verdict.FAR) for _ in range(1000)))
            await asyncio.gather(*(guess(lobby, player(1), now, SECRET + 9) for _ in range(1000)))
            entries = valkey.command("XRANGE", scripts.EVENTS, "-", "+")
            lengths = [len(fields[b"line"]) for _, fields in entries]
            assert sum(lengths) > 2000 * len(f"Guessed {player(1)} 5 Far\r\n")
            assert max(lengths) < scripts.ENTRY_OCTETS + 100
            assert len(entries) < 60
        assert scripts.KEPT_ENTRIES * scripts.ENTRY_OCTETS <= 64 << 20

    asyncio.run(play())


def test_nothing_that_happens_while_connecting_is_lost(valkey: ValkeyContainer) -> None:
    """Players who come and go while a server introduces itself are listed rightly, however busy it is."""

    async def play() -> None:
        async with game(valkey.url) as playing:
            (lobby,) = await playing.servers(1)
            for number in range(500):
                publish(lobby, Joined(player(number)))
            valkey.command("CLIENT", "KILL", "TYPE", "normal")
            here = set(range(500))
            for number in range(500, 1500):
                publish(lobby, Joined(player(number)), Left(player(number - 500)))
                here = here - {number - 500} | {number}
                await asyncio.sleep(0)
            await reachable(lobby)
            listed = await ask(lobby.list_players)
            assert listed is not None
            assert set(listed) == set(map(player, here))

    asyncio.run(play())
