"""The server that is judged, as the checks see it: how to talk to it, and whether it is still there."""

import contextlib
import math
import random
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar, cast

from services.conformance.clock import Clock, Deadline, WallDeadline
from services.conformance.connection import (
    Connection,
    Endpoint,
    MismatchError,
    NoConnectionError,
    NotApplicableError,
    Timing,
    in_words,
    named,
    quoted,
    quoted_lines,
)
from services.conformance.dialect import VERDICTS, Dialect, Meaning, addresses, classify
from services.conformance.procfs import is_in_time_wait, listening, release_port
from services.conformance.program import Program
from services.conformance.results import Finding
from services.conformance.timeline import EventKind, Recorder
from services.protocol.messages import Address

START_S: Final = 8.0
"""A server that the kit has started, and that waits or computes for so long, will not listen any more."""
ADMIN_START_S: Final = 1.0
"""How much later than the player port the administrator's may come."""
BLOCKED_START_S: Final = 2.0
"""... where connections that have ended may be what keeps it from listening."""
TIME_WAIT_S: Final = 65.0
"""After this time the kernel has forgotten the connections of a server that does not set SO_REUSEADDR."""
CHECK_S: Final = 12.0
"""A check that has waited so long in all gets no more answers: each has a limit of its own."""
LOST_LISTS: Final = 5
"""A reset may have overtaken a list; where nothing came so many times in a row, there was none."""
PROBE_PAUSE_S: Final = 0.05
LOOK_PAUSE_S: Final = 0.01
GAP_S: Final = 0.015
"""So much silence ends a line of a server that is known not to end its lines."""
MOST_ROUNDS: Final = 100
"""Nobody loses so many shared rounds in a row to others."""
BEYOND: Final = (0, *range(31, 101))
"""Where servers draw the secret that is not in the range."""
TRIES: Final = 8
"""So many games in a row do not have the same secret by rng."""


HUNG: Final = "it answered nobody any more, and was started again"
HINT_PLAYING: Final = (
    "this player's game has begun: keep that with each connection, and take every line for a guess "
    "from then on, also Hello and Game; what is none is answered by the prompt"
)

Gathered = TypeVar("Gathered")


class ChanceError(NotApplicableError):
    """A guess that was to lose has won: by chance, or as the secret has changed. It is to be tried again."""


class NotStartedError(Exception):
    """The server's command did not make it listen; the message says what it did instead."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the kit was told about the server's settings, and how hard it may press."""

    close_distance: int = 2
    handshake_timeout_s: float = 10.0
    idle_timeout_s: float | None = None
    max_players: int | None = None
    max_invalid: int = 20
    crowd: int = 200
    start_s: float = 0.0
    """How long the server may take to listen, where somebody else has started it just now."""
    cut: str = ""
    """A command that cuts the server off from what the servers of a game share, and one that mends it."""
    mend: str = ""

    @property
    def quiet_most_s(self) -> float:
        """How long a connection may be silent; within one line, several times in a row."""
        return min(self.handshake_timeout_s / 2, (self.idle_timeout_s or math.inf) / 8)


@dataclass(slots=True)
class Player:
    """A connection that plays; every guess is spelled as the server's dialect wants it."""

    connection: Connection
    dialect: Dialect
    losing: int | None = None
    """A number that is known not to be the secret."""
    begun_with: list[tuple[int, Meaning]] = field(default_factory=list)
    """The guess that began the game, where `Game` does not."""

    @property
    def can_go_on(self) -> bool:
        """Whether the game is still open, with nothing that would be taken for a verdict."""
        return not (self.connection.ended or self.connection.closed or self.connection.pending())

    def spell(self, number: object) -> str:
        """Spell a guess."""
        return self.dialect.guess.format(number)

    def guess(self, number: object) -> Meaning:
        """Guess, and return the meaning of the verdict; whatever is no verdict fails."""
        self.connection.send_lines(self.spell(number))
        return self.verdict(number)

    def verdict(self, number: object) -> Meaning:
        """Take the verdict on a guess that was sent already."""
        text = self.connection.read_line(f"a verdict on the guess {number}")
        meant = classify(text)
        if meant is Meaning.CORRECT and number == self.losing:
            raise ChanceError(f"the guess {number}, which was wrong, is Correct now")
        if meant not in VERDICTS:
            self.connection.fail(f"a verdict (Far, Close or Correct) on the guess {number}", quoted(text))
        if meant not in {Meaning.CORRECT, Meaning.TOO_LATE} and isinstance(number, int):
            self.losing = number
        return meant

    def pipelines(self) -> bool:
        """Tell whether two lines at once get two replies; if not, two-lines says so."""
        self.connection.send_lines(*[self.spell(self.losing)] * 2)
        try:
            self.verdict(self.losing)
            self.verdict(self.losing)
        except MismatchError:
            return False
        return True

    def expect_prompt(self, said: str) -> None:
        """Take the prompt for what was said."""
        text = self.connection.read_line(f"the prompt, in answer to {named(said)}")
        meant = classify(text)
        if meant is not Meaning.PROMPT:
            prompt = f"Pick a number between {self.dialect.low}-{self.dialect.high}"
            note = HINT_PLAYING if meant in {Meaning.GREETING, Meaning.READY, Meaning.REFUSAL} else ""
            self.connection.fail(f"the line {quoted(prompt)}, in answer to {named(said)}", quoted(text), note)

    def sweep(self, leave: int = 0, tries: int = TRIES) -> list[tuple[int, Meaning]]:
        """Guess until it is won, from both ends inwards, so that each distance occurs on either side.

        Return the guesses with their verdicts; in a shared round won by another, start again. With `leave`
        as 1, stop before the last number that is left, which is the secret if the verdicts were right. A
        secret that changes within the game is still found in one of several `tries` with all numbers.
        """
        for _ in range(MOST_ROUNDS):
            seen = self._sweep_round(leave, tries)
            if not seen or seen[-1][1] is not Meaning.TOO_LATE:
                return seen
        return self.connection.fail("a verdict on the guess after Too late", "Too late, again and again")

    def _sweep_round(self, leave: int, tries: int) -> list[tuple[int, Meaning]]:
        seen: list[tuple[int, Meaning]] = []
        numbers = list(range(self.dialect.low, self.dialect.high + 1))
        last: Meaning | None = None
        side, closes = 0, 0
        while len(numbers) > leave and last is not Meaning.CORRECT:
            # Upwards to the first Close, downwards to the next one, then what is left between them.
            number = numbers.pop(side)
            last = self.guess(number)
            seen.append((number, last))
            closes += last is Meaning.CLOSE
            side = {0: 0, 1: -1}.get(closes, -(len(numbers) % 2))
            if last is Meaning.TOO_LATE:
                return seen
        if last is not Meaning.CORRECT and not leave:
            if self.dialect.judges_all:
                for number in BEYOND:
                    seen.append((number, self.guess(number)))
                    if seen[-1][1] is Meaning.CORRECT:
                        return seen
            if tries > 1:
                return seen + self._sweep_round(leave, tries - 1)
            self.connection.fail(
                "one of all the numbers to be Correct",
                "none of them was",
                f"every number from {self.dialect.low} to {self.dialect.high} was guessed",
            )
        return seen


@dataclass(slots=True)
class JudgedServer:
    """A server, reached through its ports alone."""

    player_port: Endpoint
    admin_port: Endpoint
    timing: Timing
    limits: Limits
    rng: random.Random
    dialect: Dialect = field(default_factory=Dialect)
    program: Program | None = None
    """The server's own process, where the kit was told how to start it: each check meets a fresh one."""
    clock: Clock = field(default_factory=Clock)
    recorder: Recorder = field(default_factory=Recorder)
    deaths: list[tuple[str, str]] = field(default_factory=list)
    """After which checks, though they had passed, the server was gone, and how it ended."""
    _connections: list[Connection] = field(default_factory=list)
    _players: list[Player] = field(default_factory=list)
    _memory: dict[object, tuple[object, Recorder]] = field(default_factory=dict)
    _touched: bool = False
    """Whether somebody has connected since the process was started."""
    _hung: str = ""
    """Said where it had to be started again as it answered nobody any more."""
    _rebinds: bool | None = None
    """Whether it has SO_REUSEADDR, so far as is known: was it started beside connections that had ended?"""
    _start_s: float = 0.0
    """How long it took from the last start until it listened."""
    _with_admin: bool | None = None
    """Whether the server listens for administrators too, so far as is known."""

    def __post_init__(self) -> None:
        """Let no silence be waited for longer than this server's timeouts allow."""
        self.timing = replace(self.timing, quiet_most_s=self.limits.quiet_most_s)

    # --- speaking to it

    def open(self, port: Endpoint, prepare: Callable[[socket.socket], None] = lambda _: None) -> Connection:
        """Open a connection that is closed when the check ends."""
        self._touched = True

        def prepare_all(sock: socket.socket) -> None:
            prepare(sock)
            if self.program is not None and not self._rebinds:
                # A port that no other client shares, so that `release_ports` can have it again.
                with contextlib.suppress(OSError):
                    sock.bind(("", 0))

        try:
            connection = port.connect(self.timing, self.clock, self.recorder, prepare_all)
        except OSError as error:
            reason = in_words(error)
            if self.program is not None and (how := self.program.ended()):
                reason = f"{reason}; the server is gone: {how}"
            raise NoConnectionError(Finding(f"a connection to {port}", f"none: {reason}")) from error
        dialect = self.dialect
        to_admin = port.name == self.admin_port.name
        connection.terminator = dialect.admin_terminator if to_admin else dialect.terminator
        lines_end = dialect.admin_lines_end if to_admin else dialect.lines_end
        connection.gap_s = None if lines_end else GAP_S
        self._connections.append(connection)
        return connection

    def open_player(self) -> Connection:
        """Connect to the player port, and listen to the banner if there is one."""
        connection = self.open(self.player_port)
        for _ in range(self.dialect.banner_lines):
            connection.read_line("the banner")
        return connection

    def greeted(self) -> Connection:
        """Connect and be greeted."""
        connection = self.open_player()
        if self.dialect.greets:
            connection.send_lines("Hello")
            connection.read_line("the line 'Greetings'")
        return connection

    def play(self) -> Player:
        """Connect and begin a game."""
        if self.dialect.game:
            return self._joined(Player(self._ready(), self.dialect))
        # Only a guess makes a player of this one; it must not be the winning one.
        for _ in range(TRIES):
            player = self._joined(Player(self.greeted(), self.dialect))
            player.begun_with.append((self.dialect.low, player.guess(self.dialect.low)))
            if player.losing is not None:
                return player
            player.connection.close()
        raise NotApplicableError(f"{self.dialect.low} is the secret of every game")

    def another_game(self) -> Player:
        """Begin a game after others; a server that one of those has ended, or hung, is started again first.

        What did that is for the checks to say that are about it.
        """
        alone = not any(connection.is_open for connection in self._connections)
        fresh = not self._touched
        try:
            return self.play()
        except MismatchError as error:
            if not self.is_gone():
                if self.program is None or fresh or not alone:
                    raise
                self._hung = HUNG
                self.close_all()
            try:
                self.start()
            except NotStartedError:
                raise error from None
            return self.play()

    def is_gone(self) -> bool:
        """Whether the server has ended by itself, so far as the kit can know."""
        self.settle()
        return self.program is not None and bool(self.program.ended())

    def has_ended_after_a_win(self) -> bool:
        """Whether it has ended in this check, and a game was won: in many checks a matter of chance."""
        self.is_gone()  # the timeline learns of it
        events = self.recorder.timeline().events
        came = (event.data.decode("latin-1") for event in events if event.kind is EventKind.RECEIVED)
        won = any(classify(line) is Meaning.CORRECT for text in came for line in text.splitlines())
        return won and any(event.kind is EventKind.EXITED for event in events)

    def settle(self) -> None:
        """Give the server time to notice what has happened, where its work can be seen."""
        if self.program is not None:
            self.program.settle()

    def _ready(self) -> Connection:
        """Begin a game; a server that shares its rounds may be unable to for a moment, and says so (R-5)."""
        deadline = self.clock.deadline(self.timing.timeout_s)
        while True:
            connection = self.greeted()
            connection.send_lines("Game")
            text = connection.read_line("the line 'Ready'")
            if classify(text) is not Meaning.REFUSAL or self.pause(deadline):
                return connection
            connection.close()

    def _joined(self, player: Player) -> Player:
        self._players.append(player)
        return player

    def bystander(self) -> Player:
        """Begin a game that is to go on, whatever happens to others: a losing guess is known."""
        for _ in range(TRIES):
            player = self.another_game()
            if player.guess(self.dialect.low) is not Meaning.CORRECT:
                return player
            player.connection.close()
        raise NotApplicableError(f"{self.dialect.low} is the secret of every game")

    def greeted_admin(self, prepare: Callable[[socket.socket], None] = lambda _: None) -> Connection:
        """Connect to the administrator's port and be greeted."""
        connection = self.open(self.admin_port, prepare)
        connection.send_lines(self.dialect.admin_hello)
        connection.read_line("the line 'Admin-Greetings'")
        return connection

    def who(self) -> tuple[Connection, list[str]]:
        """Ask who is playing; return the lines as they came, and the connection for a report."""
        connection = self.greeted_admin()
        connection.send_lines("Who")
        text = connection.read_rest(None if self.dialect.who_closes else self.timing.quiet_s)
        connection.close()
        return connection, text.decode("ascii", "backslashreplace").replace("\r\n", "\n").splitlines()

    def listed(self) -> list[tuple[str, int]]:
        """Ask who is playing; return the addresses in it, whatever their form."""
        return addresses("\n".join(self.who()[1]))

    def await_listed(self, wanted: Callable[[list[tuple[str, int]]], bool], expected: str) -> None:
        """Ask who is playing until the list is as wanted; a server may need a moment to notice."""
        deadline = self.clock.deadline(self.timing.timeout_s)
        lost = 0
        while True:
            connection, lines = self.who()
            lost = lost + 1 if connection.was_reset and not lines else 0
            is_answer = not 0 < lost < LOST_LISTS or deadline.over
            if is_answer and wanted(addresses("\n".join(lines))):
                if not lines:
                    # Nothing at all may be a list of nobody, or the end of a server that has just died.
                    self.greeted_admin().close()
                return
            if self.pause(deadline):
                connection.fail(expected, f"the list: {quoted_lines(lines)}")

    def pause(self, deadline: Deadline) -> bool:
        """Wait a moment before the server is asked again; tell whether it need not be asked any more.

        The deadline is looked at after the pause: whoever has been asked just now is still at work, and a
        server that is asked again and again would never have nothing to do.
        """
        time.sleep(PROBE_PAUSE_S)
        return deadline.over

    def watch(self) -> tuple[Connection, list[str]]:
        """Take the administrator's seat; return the connection after `End`, and the list before it.

        The check before may have sat there, and a server may need a moment to notice that it has gone.
        """
        deadline = self.clock.deadline(self.timing.timeout_s)
        lines: list[str] = []
        while True:
            connection = self.greeted_admin()
            connection.send_lines("Watch")
            while (line := connection.read_line("the list, ended by a line 'End'")) != "End":
                lines.append(line)
                if classify(line) is Meaning.REFUSAL:
                    break
            else:
                return connection, lines
            connection.close()
            if self.pause(deadline):
                connection.fail("the list, ended by a line 'End'", quoted(line))
            lines.clear()

    def who_is_answered(self, port: Endpoint) -> tuple[bool, bool]:
        """Ask as somebody new at a port, and at once as another: a new player, or one of those who play.

        Tell of each whether there is an answer. It is a check that has failed which asks.
        """
        self.clock.begin(CHECK_S)
        new = self._says_hello(port)
        other = self._says_hello(self.player_port) if port is self.admin_port else self._guesses_again()
        deadline = self.clock.deadline(self.timing.timeout_s)
        if new is not None and new.receive(deadline):
            return True, True
        # Meanwhile it has had as much time as the new one.
        rest = deadline if new is None else WallDeadline(LOOK_PAUSE_S)
        return False, other is not None and bool(other.receive(rest))

    def _says_hello(self, port: Endpoint) -> Connection | None:
        shown, self.recorder = self.recorder, Recorder()  # it is no part of the check
        try:
            connection = self.open(port)
        except MismatchError:
            return None
        finally:
            self.recorder = shown
        connection.send_lines(self.dialect.admin_hello if port is self.admin_port else "Hello")
        return connection

    def _guesses_again(self) -> Connection | None:
        for player in self._players:
            if player.can_go_on and player.losing is not None:
                player.connection.send_lines(player.spell(player.losing))
                return player.connection
        return None

    def seen_address(self, connection: Connection) -> Address | None:
        """Return how the server should list this connection, if that can be known."""
        return Address(*connection.address) if self.dialect.direct else None

    # --- the others

    def expect_serves(self, *bystanders: Player) -> None:
        """Take a newcomer to be able to play, and each bystander to be judged as before."""
        newcomer = self.play()
        for bystander in bystanders:
            number = self.dialect.low if bystander.losing is None else bystander.losing
            bystander.guess(number)
        newcomer.guess(self.dialect.low)  # the last one: it may win, and many a server dies of that

    def bystanders(self) -> tuple[Player, ...]:
        """Begin a game that is to go on, if the server serves several players at all."""
        return (self.bystander(),) if self.dialect.several else ()

    def make_room(self, connection: Connection) -> None:
        """Close a connection that is in the way of others, where the server serves one after the other."""
        if not self.dialect.several:
            connection.close()

    def once(self, gather: "Callable[[JudgedServer], Gathered]") -> "Gathered":
        """Gather something once that several checks look at; each of them shows how that went."""
        if gather not in self._memory:
            self._memory[gather] = gather(self), self.recorder
        else:
            self._memory[gather][1].unmark()
        gathered, self.recorder = self._memory[gather]
        return cast("Gathered", gathered)

    # --- life and death

    def begin_check(self) -> None:
        """Begin a timeline; start the server, unless it is fresh.

        Raises:
            NotStartedError: it does not listen.
        """
        self.recorder = Recorder()
        self.clock.begin(CHECK_S)
        self._hung = ""
        if self.program is None:
            return
        self.program.recorder = self.recorder
        if self._touched or not self.program.running:
            self.start()
        self.program.mark()

    def end_check(self) -> str:
        """Close what the check opened; return how the server ended or hung meanwhile, if it did."""
        if self.program is None:
            self._finish_games()
        self.close_all()
        if self.program is None:
            return ""
        if self._touched:
            self.program.settle()
        return self.program.ended() or self._hung

    def close_all(self) -> None:
        """Close what the check has opened."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self._players.clear()

    def _finish_games(self) -> None:
        # Somebody else's process goes on after the check: a game that is broken off may be the end of it.
        with contextlib.suppress(MismatchError, NotApplicableError):
            for player in self._players:
                if player.can_go_on:
                    player.sweep()
                    player.connection.read_rest(self.timing.quiet_s)

    def start(self) -> None:
        """Start the server's process and wait until it listens, without connecting to it.

        Raises:
            NotStartedError: it does not listen.
        """
        program = self.program
        if program is None:
            return
        begun = time.monotonic()
        program.stop()
        if self._rebinds is False:
            self.release_ports()
        blocked = self._blocked()
        program.start()
        started = time.monotonic()
        while not self._await_listening(program, BLOCKED_START_S if blocked else START_S):
            if not self._blocked() or time.monotonic() > begun + TIME_WAIT_S:
                raise NotStartedError(self._why_not(program))
            # It lacks SO_REUSEADDR, which one check is about; the others wait until it can be started.
            self._rebinds = blocked = False
            program.stop()
            self.release_ports()
            time.sleep(PROBE_PAUSE_S)
            started = time.monotonic()
            program.start()
        self._start_s = time.monotonic() - started
        if blocked:
            self._rebinds = True
        self._touched = False

    def release_ports(self) -> None:
        """See to it that a server without SO_REUSEADDR can have its ports again, if it runs here."""
        for port in (self.player_port, self.admin_port):
            release_port(port.port)

    def _blocked(self) -> bool:
        return any(is_in_time_wait(port.port) for port in (self.player_port, self.admin_port))

    def restart(self, connection: Connection) -> None:
        """Start the killed server again, and take it to listen at once; `connection` is for the report."""
        if self.program is None:
            return
        self.program.start()
        # It has listened before: whoever does not after such a time has waited for the port in vain.
        if not self._await_listening(self.program, BLOCKED_START_S + self._start_s):
            connection.fail(
                f"the server to listen again on {self.player_port} as soon as it is restarted",
                self._why_not(self.program),
            )

    def _await_listening(self, program: Program, limit_s: float = START_S) -> bool:
        deadline = self.clock.deadline(limit_s)
        while not (there := listening(self.player_port.port)):
            if there is None:
                # Nothing can be known from outside: the first conversation finds it out.
                return self.serves_again(START_S)
            if program.ended() or deadline.over:
                return False
            time.sleep(LOOK_PAUSE_S)
        # A server whose second port is refused may have died of that, or go on without it.
        deadline = self.clock.deadline(limit_s if self._with_admin else ADMIN_START_S)
        while self._with_admin is not False and not listening(self.admin_port.port):
            if program.ended():
                return False
            if deadline.over:
                if self._with_admin:
                    return False
                self._with_admin = False
            time.sleep(LOOK_PAUSE_S)
        self._with_admin = self._with_admin is not False
        return True

    def first_connection(self) -> Connection:
        """Connect, and wait for somebody else's server that may just have been started.

        Raises:
            NotStartedError: nobody is there.
        """
        deadline = self.clock.deadline(self.limits.start_s)
        while True:
            try:
                return self.open(self.player_port)
            except MismatchError as error:
                if self.pause(deadline):
                    if isinstance(error.__cause__, socket.gaierror):
                        raise NotStartedError(f"{self.player_port}: {error.__cause__.strerror}") from error
                    raise NotStartedError(f"nothing listens on {self.player_port}") from error

    def _why_not(self, program: Program) -> str:
        how = program.ended()
        said = f"it ended before that: {how}" if how else "it is still running"
        elsewhere = sorted(program.ports())
        if elsewhere:
            said += f", and listens on {' and '.join(map(str, elsewhere))} instead"
        printed = program.new_output()
        said += f"; it printed: {' / '.join(printed)}" if printed else "; it printed nothing"
        silent = self.admin_port if listening(self.player_port.port) else self.player_port
        return f"nobody listens on {silent}: {said}"

    def serves_again(self, within_s: float) -> bool:
        """Wait until a player can play a whole game: no conversation is left half done."""
        deadline = self.clock.deadline(within_s)
        while True:
            with contextlib.suppress(MismatchError, NotApplicableError):
                player = self.play()
                player.sweep()
                player.connection.read_rest(self.timing.quiet_s)
                return True
            if self.pause(deadline):
                return False


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Do `work` for 0 to count - 1, all at once, and raise the first problem."""
    problems: list[Exception] = []

    def guarded(index: int) -> None:
        try:
            work(index)
        except Exception as error:  # noqa: BLE001 - it is raised again below, in the thread that waits
            problems.append(error)

    threads = [threading.Thread(target=guarded, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
