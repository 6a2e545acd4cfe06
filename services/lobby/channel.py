"""The connection to Valkey on which everything is asked, in order, in batches, and made again when it breaks.

While Valkey is out of reach, questions are answered with None at once, and what happens is dropped: each
connection begins by telling who plays here at that moment, and nothing from an earlier one counts any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import structlog
from valkey.asyncio import Valkey
from valkey.asyncio.retry import Retry
from valkey.backoff import NoBackoff
from valkey.exceptions import ValkeyError

from services.lobby import scripts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from services.protocol.messages import Address

ANSWER_TIMEOUT_S: Final = 0.9
"""How long Valkey may take. A question waits for one batch before its own: 2 s in all (clause R-5)."""

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

ENTRY_LINES: Final = 256
"""Guesses in one entry of the stream: 16,384 such entries are 150 MB, what Valkey has room for."""

QUEUE: Final = 65_536
"""What waits for Valkey. Guesses beyond that are not told to the watcher; who plays always is."""

FAULTS: Final = (ValkeyError, OSError, TimeoutError)

TAKEN_FOR_DEAD: Final = "taken for dead by the other servers"


def make_client(url: str, timeout_s: float) -> Valkey:
    """Return a client that leaves it to its user what to do about a fault."""
    client: Valkey = Valkey.from_url(
        url,
        retry=Retry(NoBackoff(), 0),
        socket_connect_timeout=ANSWER_TIMEOUT_S,
        socket_timeout=timeout_s,
    )
    return client


class _Question(NamedTuple):
    script: str
    arguments: tuple[Any, ...]
    done: Callable[[Any], None]
    timed: bool
    """Whether Valkey is told until when the answer is waited for, as the first argument."""


class _Change(NamedTuple):
    """An event that changes the list."""

    kind: str
    address: Address
    line: bytes


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
        replica: str,
        draw_secret: Callable[[], int],
        playing: Callable[[], Sequence[Address]],
        in_turn: Callable[[Callable[[], None]], None],
    ) -> None:
        self.operations = 0
        """How many commands Valkey was sent."""
        self.generation = 0
        """The number of the connection."""
        self.memory = Memory("", 0)
        self._replica = replica
        self._draw_secret = draw_secret
        self._playing = playing
        self._in_turn = in_turn
        self._log = structlog.get_logger()
        self._client = make_client(url, ANSWER_TIMEOUT_S)
        self._shas: dict[str, str] = {}
        self.up = False
        """Whether Valkey can be asked."""
        self._introduced = False
        """Whether Valkey knows, or is being told, who plays here: what happens after that waits its turn."""
        self._outcast = False
        """Whether the others have taken this replica for dead."""
        self._queue: list[_Question | _Change | bytes] = []
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        """Whether more than guesses is among what waits."""
        self._clock_offset_s = 0.0
        """Valkey's clock less our monotonic one, or a little less than that."""
        self._task = asyncio.get_running_loop().create_task(self._work())

    def ask(
        self, script: str, arguments: tuple[Any, ...], done: Callable[[Any], None], *, timed: bool = False
    ) -> None:
        """Call a script, and `done`, in a turn, with what it returns, or with None if that is not known."""
        if self.up:
            self._queue.append(_Question(script, arguments, done, timed))
            self._wake.set()
            self._hurry.set()
        else:
            done(None)

    def change(self, kind: str, address: Address, line: bytes) -> None:
        """Say that a player of this server joined (`join`) or plays no longer (`end`)."""
        if self._introduced:
            self._queue.append(_Change(kind, address, line))
            self._wake.set()
            self._hurry.set()

    def tell(self, line: bytes) -> None:
        """Say what changes no list."""
        if self._introduced and len(self._queue) < QUEUE:
            self._queue.append(line)
            self._wake.set()

    def beat(self) -> None:
        """Say that this replica is alive, and look after the others."""
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

    async def _introduce(self) -> None:
        await self._client.connection_pool.disconnect()
        for name, script in scripts.ALL.items():
            self._shas[name] = await self._client.execute_command("SCRIPT LOAD", script)  # type: ignore[no-untyped-call]
        players = self._playing()
        self._introduced = True
        asked_s = time.monotonic()
        arguments = (self._replica, self.generation, ALIVE_MS, self._draw_secret(), *self.memory)
        clock, era, number = await self._client.execute_command(  # type: ignore[no-untyped-call]
            "EVALSHA", self._shas["sync"], 0, *arguments, *map(str, players)
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

    def _deadline_us(self) -> int:
        within_s = ANSWER_TIMEOUT_S - ANSWER_MARGIN_S
        return int((time.monotonic() + self._clock_offset_s + within_s) * 1_000_000)

    async def _send(self, batch: Sequence[_Question | _Change | bytes]) -> None:
        questions: list[_Question] = []
        events: list[Any] = []
        lines: list[bytes] = []
        async with self._client.pipeline(transaction=False) as pipe:

            def call(script: str, *arguments: object) -> None:
                pipe.execute_command("EVALSHA", self._shas[script], 0, *arguments)

            def end_lines() -> None:
                if lines:
                    events.extend(("tell", "", b"".join(lines)))
                    lines.clear()

            def publish() -> None:
                end_lines()
                if events:
                    call("publish", self._replica, self.generation, *events)
                    questions.append(_Question("publish", (), self._published, timed=False))
                    events.clear()

            for item in batch:
                match item:
                    case _Question(script, arguments, _, timed):
                        publish()
                        until = (self._deadline_us(),) if timed else ()
                        call(script, *until, *arguments)
                        questions.append(item)
                    case _Change(kind, address, line):
                        end_lines()
                        events.extend((kind, str(address), line))
                    case _:
                        lines.append(item)
                        if len(lines) == ENTRY_LINES:
                            end_lines()
            publish()
            self.operations += len(questions)
            answers: list[Any]
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    answers = await pipe.execute(raise_on_error=False)
            except FAULTS as error:
                answers = [error] * len(questions)
        self._in_turn(lambda: self._answer(questions, answers))
        if faults := [answer for answer in answers if isinstance(answer, Exception)]:
            self._fail(faults[0])
        elif self._outcast:
            self._fail(ConnectionError(TAKEN_FOR_DEAD))

    def _answer(self, questions: Sequence[_Question], answers: Sequence[Any]) -> None:
        for question, answer in zip(questions, answers, strict=True):
            question.done(None if isinstance(answer, Exception) else answer)

    def _published(self, counted: int | None) -> None:
        if counted == 0:
            self._outcast = True

    def _fail(self, error: Exception) -> None:
        self.up = self._introduced = self._outcast = False
        self._log.warning("lobby_lost", reason=str(error) or type(error).__name__)
        unanswered = [item for item in self._queue if isinstance(item, _Question)]
        self._queue.clear()
        self._wake.clear()
        self._hurry.clear()
        self._in_turn(lambda: self._answer(unanswered, [error] * len(unanswered)))
