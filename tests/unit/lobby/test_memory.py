"""The lobby in memory. What both lobbies promise is tested in tests/integration/test_lobby.py."""

from __future__ import annotations

from services.lobby.interface import RoundGuess, RoundOutcome, Seating
from services.lobby.memory import MemoryLobby
from services.protocol.messages import Address, Guessed, Joined, Left, TooLate, Verdict, Won
from services.protocol.rules import CLASSIC

ONE, TWO = Address("192.0.2.7", 1), Address("192.0.2.7", 2)


class Seat:
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self.seatings: list[Seating | None] = []

    def write(self, data: bytes) -> None:
        """Keep what was said."""
        self.received.append(data.decode().strip())

    def unseat(self, reason: str) -> None:
        """Never called: nobody else can take the seat."""
        raise AssertionError(reason)


def lobby_with_secrets(*secrets: int) -> MemoryLobby:
    """Return a lobby whose rounds have known secrets."""
    left = iter(secrets)
    return MemoryLobby(CLASSIC, lambda: next(left))


def test_nothing_is_asked_elsewhere() -> None:
    """A lobby in memory is always there, and costs no command."""
    lobby = lobby_with_secrets(5)

    assert lobby.reachable
    assert lobby.operations == lobby.missed == 0


def test_the_list_follows_from_the_events() -> None:
    """Whoever joined is listed, in order, until they have won or left (A-2, A-4)."""
    lobby = lobby_with_secrets(5)
    lobby.publish(Joined(ONE))
    lobby.publish(Joined(TWO))
    lobby.publish(Guessed(ONE, 4, Verdict.CLOSE))
    listed: list[object] = []

    lobby.list_players(listed.append)
    assert listed == [(ONE, TWO)]
    lobby.publish(Won(ONE, 2))
    assert lobby.watched_players() == (TWO,)
    lobby.publish(Left(TWO))
    assert lobby.watched_players() == ()


def test_names_are_known_of_those_who_play() -> None:
    """A name is known from Joined until its player has left or won; who gave none has none (N-3)."""
    lobby = lobby_with_secrets(5)
    lobby.publish(Joined(ONE, "Ada"))
    lobby.publish(Joined(TWO))
    assert lobby.names == {ONE: "Ada", TWO: None}
    lobby.publish(Left(ONE))
    assert lobby.names == {TWO: None}


def test_there_is_one_seat() -> None:
    """The seat is one administrator's until it leaves; it gets every event (A-4, A-7)."""
    lobby, first, second = lobby_with_secrets(5), Seat(), Seat()

    lobby.take_seat(first, first.seatings.append)
    lobby.take_seat(second, second.seatings.append)
    lobby.publish(Joined(ONE))
    assert first.seatings == [Seating.SEATED]
    assert second.seatings == [Seating.OCCUPIED]
    assert first.received == ["Joined 192.0.2.7 1"]
    lobby.leave_seat()
    lobby.take_seat(second, second.seatings.append)
    assert second.seatings[-1] is Seating.SEATED


def test_a_round_is_won_once() -> None:
    """The first correct guess wins the round; later ones for it are too late (R-1, R-2, R-3, R-4, N-4)."""
    lobby, seat = lobby_with_secrets(5, 9), Seat()
    lobby.publish(Joined(ONE))
    lobby.publish(Joined(TWO))
    lobby.take_seat(seat, seat.seatings.append)
    entered: list[int | None] = []
    outcomes: list[RoundOutcome | None] = []

    lobby.enter_round(entered.append)
    lobby.guess(RoundGuess(ONE, 1, 5, 1, "Ada"), outcomes.append)
    lobby.guess(RoundGuess(TWO, 1, 5, 1), outcomes.append)
    lobby.guess(RoundGuess(TWO, 2, 8, 1), outcomes.append)
    lobby.enter_round(entered.append)

    assert entered == [1, 2]
    assert lobby.watched_round() == 2
    assert outcomes == [
        RoundOutcome(1, Verdict.CORRECT),
        RoundOutcome(2, TooLate(5, "Ada")),
        RoundOutcome(2, Verdict.CLOSE),
    ]
    assert seat.received == [
        "Guessed 192.0.2.7 1 5 Correct",
        "Won 192.0.2.7 1 1",
        "Round 2",
        "Guessed 192.0.2.7 2 8 Close",
    ]
