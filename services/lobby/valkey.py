"""The lobby of one server among many: what they share is in Valkey.

All that is asked goes over one connection, in order and in batches; a second one listens for the watcher.
While Valkey is out of reach, questions are answered with None at once, events are dropped, and the next
connection begins by telling who plays here now.
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
from services.lobby.interface import RoundOutcome, Seating
from services.protocol.codec import encode, parse_admin_reply
from services.protocol.messages import Address, Guessed, Joined, Left, Round, Verdict, Won

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from services.lobby.interface import RoundGuess, Watcher
    from services.protocol.messages import WatchEvent
    from services.protocol.rules import Rules

ANSWER_TIMEOUT_S: Final = 0.9
"""How long Valkey may take. A question waits for one batch before its own: 2 s in all (clause R-5)."""

BEAT_S: Final = 1.0
"""How often a replica says that it is alive, and looks after the others."""

ALIVE_MS: Final = 3000
"""How long it counts as alive after that: two beats may be lost. Ghosts are gone a beat later, within 5 s."""

SEAT_LEASE_MS: Final = 3500
"""How long the seat stays taken when its replica is gone."""

SEAT_MARGIN_S: Final = 0.5
"""How long before that the replica itself gives the seat up, when it cannot renew it."""

BATCH: Final = 1024
"""What goes to Valkey at once."""

QUEUE: Final = 65_536
"""Events that wait for Valkey. Guesses beyond that are not told to the watcher; who plays always is."""

RETRY_S: Final = 0.25
READ_WAIT_MS: Final = 1000
SEAT_LOST: Final = "the seat was lost, watch again"

FAULTS: Final = (ValkeyError, OSError, TimeoutError)


class _Question(NamedTuple):
    script: str
    arguments: tuple[Any, ...]
    done: Callable[[Any], None]


class _Change(NamedTuple):
    """An event that changes the list."""

    kind: str
    address: Address
    line: bytes


class _Seat(NamedTuple):
    watcher: Watcher
    token: int
    reader: asyncio.Task[None]


def _addresses(flat: Sequence[bytes]) -> list[Address]:
    """Return the players of a hash, in the order in which they joined."""
    pairs = zip(flat[::2], flat[1::2], strict=True)
    ordered = sorted((int(value.split()[1]), name.decode().split()) for name, value in pairs)
    return [Address(host, int(port)) for _, (host, port) in ordered]


class ValkeyLobby:
    """A lobby that is shared with other servers."""

    def __init__(
        self,
        url: str,
        replica: str,
        rules: Rules,
        draw_secret: Callable[[], int],
        in_turn: Callable[[Callable[[], None]], None],
    ) -> None:
        self.tell: Callable[[bytes], None] | None = self._tell
        self.operations = 0
        """How many commands Valkey was sent."""
        self._replica = replica
        self._rules = rules
        self._draw_secret = draw_secret
        self._in_turn = in_turn
        self._log = structlog.get_logger()
        # Two clients of one connection each: the second waits for events and must hold up nothing.
        self._client, self._reader_client = (
            Valkey.from_url(
                url,
                retry=Retry(NoBackoff(), 0),  # what to do about a fault is decided here
                socket_connect_timeout=ANSWER_TIMEOUT_S,
                socket_timeout=timeout_s,
            )
            for timeout_s in (ANSWER_TIMEOUT_S, READ_WAIT_MS / 1000 + ANSWER_TIMEOUT_S)
        )
        self._shas: dict[str, str] = {}
        self._generation = 0
        self._up = False
        self._queue: list[_Question | _Change | bytes] = []
        self._wake = asyncio.Event()
        self._playing: dict[Address, None] = {}
        """Who plays on this server."""
        self._clock_offset_s = 0.0
        """Valkey's clock less our monotonic one."""
        self._seat: _Seat | None = None
        self._seat_until_s = 0.0
        self._watched: dict[Address, None] = {}
        self._tasks = [asyncio.get_running_loop().create_task(work()) for work in (self._work, self._beat)]

    # --- what the server asks

    def publish(self, event: WatchEvent) -> None:
        """Let an event take effect on the list of players, and tell the watcher (clause A-4)."""
        match event:
            case Joined(address):
                self._playing[address] = None
                self._put(_Change("join", address, encode(event)))
            case Won(address) | Left(address):
                del self._playing[address]
                self._put(_Change("end", address, encode(event)))
            case Guessed() | Round():
                self._tell(encode(event))

    def _tell(self, line: bytes) -> None:
        if len(self._queue) < QUEUE:
            self._put(line)

    def list_players(self, done: Callable[[Sequence[Address] | None], None]) -> None:
        """Find out who is playing, on whichever server, in the order in which they joined."""
        self._ask("list", (), lambda flat: done(None if flat is None else _addresses(flat)))

    def enter_round(self, done: Callable[[int | None], None]) -> None:
        """Find out which shared round is in play (clause R-1)."""
        self._ask("enter", (), lambda number: done(None if number is None else int(number)))

    def guess(self, guess: RoundGuess, done: Callable[[RoundOutcome | None], None]) -> None:
        """Judge a guess at the shared number, and publish what follows from it (clauses R-2, R-3)."""
        address, number = guess.address, guess.number
        arguments = (
            int((time.monotonic() + self._clock_offset_s + 2 * ANSWER_TIMEOUT_S) * 1_000_000),
            guess.round_number,
            number,
            self._draw_secret(),
            self._replica,
            str(address),
            encode(Guessed(address, number, Verdict.CORRECT)),
            encode(Won(address, guess.guesses)),
            encode(Round(guess.round_number + 1)),
        )

        def answered(found: list[bytes] | None) -> None:
            match found:
                case [_, secret]:
                    verdict = self._rules.judge(int(secret), number)
                    if verdict is Verdict.CORRECT:
                        self._playing.pop(address, None)
                    else:
                        self._tell(encode(Guessed(address, number, verdict)))
                    done(RoundOutcome(guess.round_number, verdict))
                case [current]:
                    done(RoundOutcome(int(current), None))
                case _:
                    done(None)

        self._ask("guess", arguments, answered)

    def take_seat(self, watcher: Watcher, done: Callable[[Seating | None], None]) -> None:
        """Take the administrator's seat (clause A-7), of all servers."""
        asked_s = time.monotonic()

        def answered(found: list[Any] | None) -> None:
            if not found:
                done(None if found is None else Seating.OCCUPIED)
                return
            token, last, flat = found
            self._watched = dict.fromkeys(_addresses(flat))
            self._seat_until_s = asked_s + SEAT_LEASE_MS / 1000 - SEAT_MARGIN_S
            reader = asyncio.get_running_loop().create_task(self._read_events(watcher, int(last)))
            self._seat = _Seat(watcher, token, reader)
            done(Seating.SEATED)

        self._ask("take_seat", (self._replica, SEAT_LEASE_MS), answered)

    def watched_players(self) -> Sequence[Address]:
        """Return who is playing as of the last event that the watcher was told."""
        return tuple(self._watched)

    def leave_seat(self) -> None:
        """Leave the seat that was taken here."""
        if self._seat:
            seat, self._seat = self._seat, None
            seat.reader.cancel()
            self._ask("leave_seat", (self._replica, seat.token), lambda _: None)

    async def close(self) -> None:
        """Let go of everything; players of this server are listed no longer."""
        self.leave_seat()
        retired = asyncio.Event()
        self._ask("retire", (self._replica,), lambda _: retired.set())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(retired.wait(), ANSWER_TIMEOUT_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for client in (self._client, self._reader_client):
            with contextlib.suppress(*FAULTS):
                await client.aclose()

    # --- the connection that is asked

    def _ask(self, script: str, arguments: tuple[Any, ...], done: Callable[[Any], None]) -> None:
        if self._up:
            self._put(_Question(script, arguments, done))
        else:
            done(None)

    def _put(self, item: _Question | _Change | bytes) -> None:
        if self._up:
            self._queue.append(item)
            self._wake.set()

    async def _work(self) -> None:
        while True:
            await self._connect()
            while self._up:
                await self._wake.wait()
                batch, self._queue = self._queue[:BATCH], self._queue[BATCH:]
                if not self._queue:
                    self._wake.clear()
                try:
                    await self._send(batch)
                except FAULTS as error:
                    self._fail(batch, error)

    async def _connect(self) -> None:
        """Connect, and tell who plays here: nothing that was queued before counts any more."""
        while not self._up:
            self._generation += 1
            try:
                async with asyncio.timeout(2 * ANSWER_TIMEOUT_S):
                    await self._client.connection_pool.disconnect()
                    for name, script in scripts.ALL.items():
                        self._shas[name] = await self._client.script_load(script)
                    arguments = (self._replica, self._generation, ALIVE_MS, self._draw_secret())
                    players = [str(address) for address in self._playing]
                    seconds, micros = await self._client.evalsha(self._shas["sync"], 0, *arguments, *players)
            except FAULTS:
                await asyncio.sleep(RETRY_S)
                continue
            self._clock_offset_s = int(seconds) + int(micros) / 1_000_000 - time.monotonic()
            # If somebody came or went meanwhile, it must be told anew.
            self._up = players == [str(address) for address in self._playing]
        self._log.info("lobby_connected", players=len(self._playing))

    async def _send(self, batch: list[_Question | _Change | bytes]) -> None:
        questions: list[_Question] = []
        events: list[Any] = []
        async with self._client.pipeline(transaction=False) as pipe:

            def publish() -> None:
                if events:
                    pipe.evalsha(self._shas["publish"], 0, self._replica, self._generation, *events)
                    questions.append(_Question("publish", (), lambda _: None))
                    events.clear()

            for item in batch:
                match item:
                    case _Question(script, arguments):
                        publish()
                        pipe.evalsha(self._shas[script], 0, *arguments)
                        questions.append(item)
                    case _Change(kind, address, line):
                        events.extend((kind, str(address), line))
                    case _:
                        events.extend(("tell", "", item))
            publish()
            self.operations += len(questions)
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                answers = await pipe.execute()

        def tell_all() -> None:
            for question, answer in zip(questions, answers, strict=True):
                question.done(answer)

        self._in_turn(tell_all)

    def _fail(self, batch: list[_Question | _Change | bytes], error: Exception) -> None:
        self._up = False
        self._log.warning("lobby_lost", reason=str(error) or type(error).__name__)
        unanswered = [item for item in (*batch, *self._queue) if isinstance(item, _Question)]
        self._queue = []
        self._wake.clear()

        def tell_all() -> None:
            for question in unanswered:
                question.done(None)

        self._in_turn(tell_all)

    # --- life

    async def _beat(self) -> None:
        while True:
            self._ask("beat", (self._replica, ALIVE_MS), self._on_beat)
            self._renew_seat()
            await asyncio.sleep(BEAT_S)

    def _on_beat(self, alive: int | None) -> None:
        if alive == 0:
            # Others have taken us for dead, and our players with us.
            self._fail([], ConnectionError("taken for dead"))
            self._wake.set()

    # --- the seat

    def _renew_seat(self) -> None:
        seat, asked_s = self._seat, time.monotonic()
        if seat is None:
            return
        if asked_s >= self._seat_until_s:
            self._lose_seat(seat)
            return

        def answered(renewed: int | None) -> None:
            if self._seat is not seat or renewed is None:
                return
            if renewed:
                self._seat_until_s = asked_s + SEAT_LEASE_MS / 1000 - SEAT_MARGIN_S
            else:
                self._lose_seat(seat)

        self._ask("renew_seat", (self._replica, seat.token, SEAT_LEASE_MS), answered)

    def _lose_seat(self, seat: _Seat) -> None:
        if self._seat is seat:
            self._in_turn(lambda: seat.watcher.unseat(SEAT_LOST))

    async def _read_events(self, watcher: Watcher, last: int) -> None:
        """Tell the watcher every event after `last`, without a gap."""
        try:
            while True:
                found = await self._reader_client.xread(
                    {scripts.EVENTS: f"{last}-1"}, count=BATCH, block=READ_WAIT_MS
                )
                if not found:
                    continue
                [(_, entries)] = found
                first, last = (int(entries[index][0].partition(b"-")[0]) for index in (0, -1))
                if last - first + 1 != len(entries):
                    raise ConnectionError("events were lost")
                lines = [fields[b"line"] for _, fields in entries]
                for line in lines:
                    self._follow(line)
                self._in_turn(lambda: watcher.say(b"".join(lines)))  # noqa: B023  called at once
        except FAULTS as error:
            self._log.warning("seat_lost", reason=str(error) or type(error).__name__)
            with contextlib.suppress(*FAULTS):
                await self._reader_client.connection_pool.disconnect()
            self._in_turn(lambda: watcher.unseat(SEAT_LOST))

    def _follow(self, line: bytes) -> None:
        match parse_admin_reply(line.removesuffix(b"\r\n")):
            case Joined(address):
                self._watched[address] = None
            case Won(address) | Left(address):
                self._watched.pop(address, None)
            case _:
                pass
