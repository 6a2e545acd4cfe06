"""The connection to Valkey on which everything is asked, in order, in batches, and made again when it breaks.

While Valkey is out of reach, questions are answered with None at once, and what happens is dropped: each
connection begins by telling who plays here at that moment, and nothing from an earlier one counts any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import structlog
from valkey.asyncio import Valkey
from valkey.asyncio.retry import Retry
from valkey.backoff import NoBackoff
from valkey.exceptions import ConnectionError as NotConnectedError
from valkey.exceptions import ValkeyError

from services.lobby import scripts
from services.lobby.interface import RoundOutcome
from services.protocol.codec import encode
from services.protocol.messages import Missed, TooLate, Verdict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

    from valkey.asyncio.connection import Connection

    from services.lobby.interface import RoundGuess
    from services.protocol.messages import Address, Joined
    from services.protocol.rules import Rules

ANSWER_TIMEOUT_S: Final = 1.5
"""How long an answer may take, counted from the question: 2 s with all that is around it (clause R-5).

A machine that is busy, or a disk that is, makes Valkey slow for a moment; no game has to end for that.
"""

LEAST_TIMEOUT_S: Final = 0.3
"""What a batch is given however long its questions have waited for the one before."""

ANSWER_MARGIN_S: Final = 0.1
"""Of that, how long before the end Valkey itself no longer judges a guess: who is refused must not win."""

CONNECT_TIMEOUT_S: Final = 1.8
RETRY_S: Final = 0.25

ALIVE_MS: Final = 3000
"""How long a replica counts as alive after a beat. Two may be lost; ghosts are gone a beat later, in 5 s."""

PROMPT_S: Final = 0.3
"""An answer that came so soon sets the clock."""

BATCH: Final = 1024
"""What goes to Valkey at once."""

GATHER_S: Final = 0.01
"""How long guesses wait for others to go with them, unless something goes before."""

QUEUE: Final = 65_536
"""What waits for Valkey. Guesses beyond that are not told to the watcher; who plays always is."""

FAULTS: Final = (ValkeyError, OSError, TimeoutError)

VERDICTS: Final = {"F": Verdict.FAR, "C": Verdict.CLOSE, "W": Verdict.CORRECT}
LATE: Final = "L"
"""How the script spells what came of a guess."""

TAKEN_FOR_DEAD: Final = "taken for dead by the other servers"


def make_client(
    url: str, timeout_s: float, connected: Callable[[Connection], Awaitable[None]] | None = None
) -> Valkey:
    """Return a client that leaves it to its user what to do about a fault.

    `connected` is called for each new connection: by default it logs in.
    """
    client: Valkey = Valkey.from_url(
        url,
        valkey_connect_func=connected,
        retry=Retry(NoBackoff(), 0),
        socket_connect_timeout=ANSWER_TIMEOUT_S,
        socket_timeout=timeout_s,
    )
    return client


class _Question(NamedTuple):
    script: str
    arguments: tuple[Any, ...]
    done: Callable[[Any], None]
    asked_s: float = 0.0
    """When; 0 for one that is made of several."""


class _Guess(NamedTuple):
    """A guess at the number of the shared round. Those that wait together are one question."""

    guess: RoundGuess
    done: Callable[[RoundOutcome | None], None]
    asked_s: float


class _Change(NamedTuple):
    """An event that changes the list."""

    kind: str
    address: Address
    line: bytes


_Item = _Question | _Guess | _Change | bytes
"""What waits for Valkey; octets are the line of an event that changes no list."""


def _kind(item: _Item) -> type:
    return type(item) if isinstance(item, _Question | _Guess) else _Change


def _events(items: Iterable[_Change | bytes]) -> Iterator[str | bytes]:
    """Yield kind, address and line of each event; lines that change no list share an entry."""
    lines: list[bytes] = []
    octets = 0

    def entry() -> tuple[str, str, bytes]:
        return "tell", "", b"".join(lines)

    for item in items:
        if isinstance(item, bytes):
            lines.append(item)
            octets += len(item)
        if lines and (isinstance(item, _Change) or octets >= scripts.ENTRY_OCTETS):
            yield from entry()
            lines, octets = [], 0
        if isinstance(item, _Change):
            yield from (item.kind, str(item.address), item.line)
    if lines:
        yield from entry()


class Memory(NamedTuple):
    """What a replica has seen of Valkey: it may have lost its memory when it comes back."""

    era: str
    round_number: int
    """The highest that was seen."""


class Channel:
    """Everything that one replica says to Valkey and asks it, but for the watcher's events."""

    def __init__(
        self,
        url: str,
        *,
        replica: str,
        rules: Rules,
        draw_secret: Callable[[], int],
        playing: Callable[[], Sequence[Joined]],
        in_turn: Callable[[Callable[[], None]], None],
    ) -> None:
        self.operations = 0
        """How many commands Valkey was sent."""
        self.missed = 0
        """How many lines no watcher was told of."""
        self._missed_told = 0
        """Of them, how many the watcher knows of."""
        self.generation = 0
        """The number of the connection."""
        self.memory = Memory("", 0)
        self._replica = replica
        self._close_distance = rules.close_distance
        self._draw_secret = draw_secret
        self._playing = playing
        self._in_turn = in_turn
        self._log = structlog.get_logger()
        self._client = make_client(url, ANSWER_TIMEOUT_S, self._log_in)
        self._shas: dict[str, str] = {}
        self.up = False
        """Whether Valkey can be asked."""
        self._introduced = False
        """Whether Valkey knows, or is being told, who plays here: what happens after that waits its turn."""
        self._outcast = False
        """Whether the others have taken this replica for dead."""
        self._queue: list[_Item] = []
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        """Whether more than guesses is among what waits."""
        self._clock_offset_s = 0.0
        """Valkey's clock less our monotonic one, or a little less than that."""
        self._task = asyncio.get_running_loop().create_task(self._work())

    def ask(self, script: str, arguments: tuple[Any, ...], done: Callable[[Any], None]) -> None:
        """Call a script, and `done`, in a turn, with what it returns, or with None if that is not known."""
        self._ask(_Question(script, arguments, done, time.monotonic()))

    def guess(self, guess: RoundGuess, done: Callable[[RoundOutcome | None], None]) -> None:
        """Have a guess judged, and call `done` as `ask` does."""
        self._ask(_Guess(guess, done, time.monotonic()))

    def _ask(self, item: _Question | _Guess) -> None:
        if self.up:
            self._queue.append(item)
            self._wake.set()
            self._hurry.set()
        else:
            item.done(None)

    def change(self, kind: str, address: Address, line: bytes) -> None:
        """Say that a player of this server joined (`join`) or plays no longer (`end`)."""
        if self._introduced:
            self._queue.append(_Change(kind, address, line))
            self._wake.set()
            self._hurry.set()

    def tell(self, line: bytes) -> None:
        """Say what changes no list, unless too much waits already."""
        if not self._introduced:
            return
        if len(self._queue) < QUEUE:
            self._queue.append(line)
            self._wake.set()
        else:
            self.missed += 1

    def beat(self) -> None:
        """Say that this replica is alive, and look after the others; tell how much was left out."""
        if self.missed > self._missed_told and self._introduced:
            count, self._missed_told = self.missed - self._missed_told, self.missed
            self._queue.append(encode(Missed(count)))
            self._log.warning("guesses_missed", count=count)
        asked_s = time.monotonic()

        def answered(found: list[bytes] | None) -> None:
            if found:
                self._set_clock(found, asked_s)
            elif found is not None:
                self._outcast = True

        self.ask("beat", (self._replica, ALIVE_MS), answered)

    def saw_round(self, number: int) -> None:
        """Remember the number of a round, so that it is not used again."""
        if number > self.memory.round_number:
            self.memory = self.memory._replace(round_number=number)

    async def close(self) -> None:
        """Say that this replica stops, and hang up."""
        retired = asyncio.Event()
        self.ask("retire", (self._replica,), lambda _: retired.set())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(retired.wait(), ANSWER_TIMEOUT_S)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(*FAULTS):
            await self._client.aclose()

    # --- the connection

    async def _work(self) -> None:
        while True:
            await self._connect()
            while self.up:
                await self._wake.wait()
                if not self._hurry.is_set():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._hurry.wait(), GATHER_S)
                batch, self._queue = self._queue[:BATCH], self._queue[BATCH:]
                if not self._queue:
                    self._wake.clear()
                    self._hurry.clear()
                await self._send(batch)

    async def _connect(self) -> None:
        while not self.up:
            self.generation += 1
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await self._introduce()
            except FAULTS as error:
                self._introduced = False
                self._queue.clear()
                if self.generation == 1:
                    self._log.warning("lobby_lost", reason=str(error) or type(error).__name__)
                await asyncio.sleep(RETRY_S)

    async def _log_in(self, connection: Connection) -> None:
        """Begin a connection, unless the client makes one by itself because it has lost the one in use.

        That one introduced itself; the new one may be to a Valkey that knows nobody.
        """
        if self.up:
            raise NotConnectedError("the connection was lost")
        await connection.on_connect()

    async def _introduce(self) -> None:
        await self._client.connection_pool.disconnect()
        for name, script in scripts.ALL.items():
            self._shas[name] = await self._client.execute_command("SCRIPT LOAD", script)  # type: ignore[no-untyped-call]
        players = self._playing()
        self._introduced = True
        asked_s = time.monotonic()
        arguments = (self._replica, self.generation, ALIVE_MS, self._draw_secret(), *self.memory)
        lines = map(encode, players)
        clock, era, number = await self._client.execute_command(  # type: ignore[no-untyped-call]
            "EVALSHA", self._shas["sync"], 0, *arguments, *lines
        )
        self.memory = Memory(era.decode(), int(number))
        self._clock_offset_s = -time.monotonic()  # no guess is judged before the clock is right
        self._set_clock(clock, asked_s)
        self.up = True
        self._log.info("lobby_connected", players=len(players))

    def _set_clock(self, found: Sequence[bytes], asked_s: float) -> None:
        """Learn Valkey's time. The answer was under way: so a guess's time ends early rather than late."""
        now_s = time.monotonic()
        if now_s - asked_s <= PROMPT_S:
            seconds, micros = found
            self._clock_offset_s = int(seconds) + int(micros) / 1_000_000 - now_s

    async def _send(self, batch: Sequence[_Item]) -> None:
        now_s = time.monotonic()
        asked_s = next((item.asked_s for item in batch if isinstance(item, _Question | _Guess)), now_s)
        until_s = max(asked_s + ANSWER_TIMEOUT_S, now_s + LEAST_TIMEOUT_S)
        questions = list(self._questions(batch, until_s))
        async with self._client.pipeline(transaction=False) as pipe:
            for question in questions:
                pipe.execute_command("EVALSHA", self._shas[question.script], 0, *question.arguments)
            self.operations += len(questions)
            answers: list[Any]
            try:
                async with asyncio.timeout(until_s - now_s):
                    answers = await pipe.execute(raise_on_error=False)
            except FAULTS as error:
                answers = [error] * len(questions)
        self._in_turn(lambda: self._answer(questions, answers))
        if faults := [answer for answer in answers if isinstance(answer, Exception)]:
            self._fail(faults[0])
        elif self._outcast:
            self._fail(ConnectionError(TAKEN_FOR_DEAD))

    def _questions(self, batch: Sequence[_Item], until_s: float) -> Iterator[_Question]:
        """Make one call of events that follow each other, and one of such guesses; the order stays."""
        for kind, items in groupby(batch, _kind):
            if kind is _Question:
                yield from cast("Iterator[_Question]", items)
            elif kind is _Guess:
                yield self._judging(tuple(cast("Iterator[_Guess]", items)), until_s)
            else:
                events = _events(cast("Iterator[_Change | bytes]", items))
                yield _Question("publish", (self._replica, self.generation, *events), self._published)

    def _judging(self, asked: Sequence[_Guess], until_s: float) -> _Question:
        guesses = (item.guess for item in asked)
        text = "".join(
            f"{one.address} {one.round_number} {one.number} {one.guesses} {one.name or ''}\n"
            for one in guesses
        )
        deadline_us = int((until_s - ANSWER_MARGIN_S + self._clock_offset_s) * 1_000_000)
        arguments = (deadline_us, self._replica, self.generation, self._close_distance)

        def judged(found: list[Any] | None) -> None:
            if not found:
                for item in asked:
                    item.done(None)
                return
            before, after, letters = int(found[0]), int(found[1]), found[2].decode()
            self.saw_round(after)
            outcomes = {letter: RoundOutcome(before, verdict) for letter, verdict in VERDICTS.items()}
            number, _, name = found[3].decode().partition(" ")
            outcomes[LATE] = RoundOutcome(after, TooLate(int(number) if number else None, name or None))
            for item, letter in zip(asked, letters, strict=True):
                item.done(outcomes[letter])

        return _Question("guesses", (*arguments, self._draw_secret(), text), judged)

    def _answer(self, questions: Sequence[_Question | _Guess], answers: Sequence[Any]) -> None:
        for question, answer in zip(questions, answers, strict=True):
            question.done(None if isinstance(answer, Exception) else answer)

    def _published(self, counted: int | None) -> None:
        if counted == 0:
            self._outcast = True

    def _fail(self, error: Exception) -> None:
        self.up = self._introduced = self._outcast = False
        self._log.warning("lobby_lost", reason=str(error) or type(error).__name__)
        unanswered = [item for item in self._queue if isinstance(item, _Question | _Guess)]
        self._queue.clear()
        self._wake.clear()
        self._hurry.clear()
        self._in_turn(lambda: self._answer(unanswered, [error] * len(unanswered)))
