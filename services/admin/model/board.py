"""Who plays, what they guessed and how games end: list plus events (clause A-4), folded into one board.

Time is an argument. Pages, tables and log lines are drawn from the board and keep no rules of their own.

The fold works in place. A copy of 2,000 players at each of thousands of events a second would make this
administrator the slow reader that the server disconnects (clause A-9).
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, assert_never

from services.admin.model.measures import Meter, Timeline
from services.protocol.messages import (
    End,
    Guessed,
    Joined,
    Left,
    Listed,
    Missed,
    Ping,
    Round,
    WatchEvent,
    Won,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.protocol.messages import (
        Address,
        Verdict,
    )

TRIED_KEPT: Final = 60
"""Different numbers remembered of a player, the latest ones: as many as a row can show, so few that ten
thousand players who guess without end in a wide range do not fill the memory."""

MOST_PLAYERS: Final = 100_000
"""More are not believed: ten full servers, and some 100 MiB."""

RECENT_EVENTS: Final = 50
RECENT_WINNERS: Final = 50
"""Those on show after their win; with thousands of quick bots nobody could see more."""

LINGER_S: Final = 4.0
"""How long a winner stays on show."""

LONGEST_GAME: Final = 1_000
"""Games that took more guesses are counted as if they took this many: the histogram is bounded."""


class TooManyPlayersError(Exception):
    """A server tells of more players than there can be; the text is one clear line."""

    def __init__(self) -> None:
        super().__init__(f"the server lists more than {MOST_PLAYERS} players")


@dataclass(frozen=True, slots=True)
class Away:
    """The connection to the server is not there; said once for each time it fails."""

    reason: str
    retry_in_s: float
    seat_taken: bool = False
    """Another administrator holds the seat (clause A-7)."""


Change = Listed | End | WatchEvent | Ping | Missed | Away
"""What the board is folded over."""


@dataclass(slots=True, kw_only=True)
class Player:
    """Someone who plays, or has just won."""

    id: int
    """Tells games apart: an address may come back with another game."""
    address: Address
    since_s: float
    """When the game began, or when it was first listed."""
    whole: bool
    """Seen from its beginning; otherwise there may have been guesses before `since_s`."""
    revision: int
    name: str | None = None
    """What the player calls itself; it proves nothing (clause N-1)."""
    guesses: int = 0
    tried: dict[int, Verdict] = field(default_factory=dict)
    """The numbers guessed and what became of them, the latest guess last."""
    won_s: float | None = None
    """When this player won; only those in `Board.winners` have."""


@dataclass(frozen=True, slots=True)
class Happening:
    """An event and when it came, numbered from 1."""

    number: int
    at_s: float
    event: WatchEvent
    name: str | None = None
    """That of the player it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Game:
    """A game that is over."""

    address: Address
    name: str | None
    seconds: float
    """From its beginning, or from when it was first listed."""
    guesses: int
    """Of a game that was not seen whole and not won: at least so many."""
    won: bool
    low: int
    high: int
    round: int | None
    """The shared round in which it ended, if there are any."""


class Board:
    """All that the administrator knows."""

    def __init__(self, now: float, *, low: int = 1, high: int = 30) -> None:
        """Begin with nobody and no server; the range widens if a guess says so."""
        self.low = low
        self.high = high
        self.revision = 0
        """Grows with every change; a player's own revision is that of its last change."""
        self.away: Away | None = Away("not connected yet", 0.0)
        self.away_since_s = now
        self.watching_since_s: float | None = None
        """Since when the server has been watched without a gap."""
        self.up_since_s: float | None = None
        """Since when the server is up; None until it has told (clause A-8)."""
        self.happenings: deque[Happening] = deque(maxlen=RECENT_EVENTS)
        self.verdicts: Counter[Verdict] = Counter()
        self.joined = 0
        self.won = 0
        self.left = 0
        self.round_number: int | None = None
        """The shared round in play (clause R-4); None as long as the server has not told of one."""
        self.guesses_to_win: Counter[int] = Counter()
        self._players: dict[Address, Player] = {}
        self._winners: deque[Player] = deque(maxlen=RECENT_WINNERS)
        self._listing: list[Listed] = []
        self._ids = 0
        self._events = 0
        self._games = Meter()
        self._guesses = Meter()
        self.timeline = Timeline()
        """How many played when; None while nobody could tell."""

    @property
    def _is_full(self) -> bool:
        return max(len(self._players), len(self._listing)) >= MOST_PLAYERS

    @property
    def players(self) -> Mapping[Address, Player]:
        """Those who play now, in the order in which they began."""
        return self._players

    def winners(self, now: float) -> list[Player]:
        """Return those who have won within the last few seconds, oldest first."""
        return [
            player for player in self._winners if player.won_s is not None and now - player.won_s < LINGER_S
        ]

    def games_per_minute(self, now: float) -> int:
        """Return how many games were won in the last minute."""
        return self._games.per_minute(now)

    def guesses_per_minute(self, now: float) -> int:
        """Return how many guesses were judged in the last minute."""
        return self._guesses.per_minute(now)

    def apply(self, change: Change, now: float) -> Game | None:
        """Handle what the server said or what became of the connection; return the game that it ended.

        Raises:
            TooManyPlayersError: there is no room for one more.
        """
        ended = None
        if isinstance(change, Listed | Joined) and self._is_full:
            raise TooManyPlayersError
        match change:
            case Listed():
                self._listing.append(change)
            case End():
                self._take_list(now)
            case Ping(uptime_s):
                self.up_since_s = None if uptime_s is None else now - uptime_s
            case Missed():
                pass  # who plays is known all the same
            case Joined() | Guessed() | Won() | Left() | Round():
                ended = self._take_event(change, now)
            case _:
                self._lose(change, now)
        self.revision += 1
        return ended

    def _take_list(self, now: float) -> None:
        before = self._players
        self._players = {}
        for listed in self._listing:
            known = before.get(listed.address)
            self._players[listed.address] = known or self._player(listed, now, whole=False)
        self._listing = []
        if self.away is not None:
            self.away = None
            self.watching_since_s = now
        self._count(now)

    def _take_event(self, event: WatchEvent, now: float) -> Game | None:
        self._events += 1
        ended = None
        player = None if isinstance(event, Round) else self._players.get(event.address)
        name = None if player is None else player.name
        match event:
            case Joined(address, name):
                self.joined += 1
                self._players[address] = self._player(event, now, whole=True)
                self._count(now)
            case Guessed(_, number, verdict):
                self._guesses.add(now)
                self.verdicts[verdict] += 1
                self.low, self.high = min(self.low, number), max(self.high, number)
                if player is not None:
                    self._note_guess(player, number, verdict)
            case Won(address, guesses):
                self.won += 1
                self._games.add(now)
                self.guesses_to_win[min(guesses, LONGEST_GAME)] += 1
                self._players.pop(address, None)
                if player is not None:
                    player.won_s = now
                    player.guesses = guesses
                    player.revision = self.revision + 1
                    self._winners.append(player)
                    ended = self._game(player, now)
                self._count(now)
            case Left(address):
                self.left += 1
                self._players.pop(address, None)
                if player is not None:
                    ended = self._game(player, now)
                self._count(now)
            case Round(number):
                self.round_number = number
                for player in self._players.values():  # what they tried was tried at another number
                    player.tried.clear()
                    player.revision = self.revision + 1
            case _:
                assert_never(event)
        self.happenings.append(Happening(self._events, now, event, name))
        return ended

    def _game(self, player: Player, now: float) -> Game:
        return Game(
            address=player.address,
            name=player.name,
            seconds=now - player.since_s,
            guesses=player.guesses,
            won=player.won_s is not None,
            low=self.low,
            high=self.high,
            round=self.round_number,
        )

    def _note_guess(self, player: Player, number: int, verdict: Verdict) -> None:
        player.guesses += 1
        player.tried.pop(number, None)
        player.tried[number] = verdict
        if len(player.tried) > TRIED_KEPT:
            del player.tried[next(iter(player.tried))]
        player.revision = self.revision + 1

    def _lose(self, away: Away, now: float) -> None:
        if self.away is None:
            self.away_since_s = now
            self.watching_since_s = None
            self.up_since_s = None
        self.away = away
        # What comes next is a new list, and its players may have guessed meanwhile.
        self._players = {}
        self._listing = []
        self.timeline.record(None, now)

    def _player(self, told: Listed | Joined, now: float, *, whole: bool) -> Player:
        self._ids += 1
        return Player(
            id=self._ids,
            address=told.address,
            since_s=now,
            whole=whole,
            revision=self.revision + 1,
            name=told.name,
        )

    def _count(self, now: float) -> None:
        self.timeline.record(len(self._players), now)
