"""The server that is judged, as the checks see it: how to speak to it, and whether it is still there."""

import random
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar, cast

from services.conformance.dialect import VERDICTS, Dialect, Sense, addresses, sense
from services.conformance.program import Program
from services.conformance.results import Finding
from services.conformance.wire import MismatchError, NotApplicableError, Opening, Pace, Wire
from services.protocol.messages import Address

REVIVAL_S: Final = 3.0
"""How long a server that died may take to be back, restarted by the kit or by somebody else."""
PROBE_PAUSE_S: Final = 0.05
GAP_S: Final = 0.015
"""So much silence ends a line of a server that is known not to end its lines."""
TRIES: Final = 8
"""So many games in a row do not have the same secret by chance."""


Gathered = TypeVar("Gathered")


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


@dataclass(slots=True)
class Player:
    """A connection that plays; every guess is spelled as the server's dialect wants it."""

    wire: Wire
    dialect: Dialect
    losing: int | None = None
    """A number that is known not to be the secret."""
    begun_with: list[tuple[int, Sense]] = field(default_factory=list)
    """The guess that began the game, where `Game` does not."""

    def spell(self, number: object) -> str:
        """Spell a guess."""
        return self.dialect.guess.format(number)

    def guess(self, number: object) -> Sense:
        """Guess, and return the meaning of the verdict; whatever is no verdict fails."""
        self.wire.say(self.spell(number))
        return self.verdict(number)

    def verdict(self, number: object) -> Sense:
        """Take the verdict on a guess that was sent already."""
        text = self.wire.line(f"a verdict on the guess {number}")
        meant = sense(text)
        if meant not in VERDICTS:
            self.wire.fail(f"a verdict (Far, Close or Correct) on the guess {number}", repr(text))
        if meant not in {Sense.CORRECT, Sense.TOO_LATE} and isinstance(number, int):
            self.losing = number
        return meant

    def expect_prompt(self, said: str) -> None:
        """Take the prompt for what was said."""
        text = self.wire.line(f"the prompt, in answer to {said!r}")
        if sense(text) is not Sense.PROMPT:
            prompt = f"Pick a number between {self.dialect.low}-{self.dialect.high}"
            self.wire.fail(f"the line {prompt!r}, in answer to {said!r}", repr(text))

    def sweep(self, leave: int = 0) -> list[tuple[int, Sense]]:
        """Guess until it is won, from both ends inwards, so that each distance occurs on either side.

        Return the guesses with their verdicts; in a shared round won by another, begin anew. With `leave`
        as 1, stop before the last number that is left, which is the secret if the verdicts were right.
        """
        seen: list[tuple[int, Sense]] = []
        numbers = list(range(self.dialect.low, self.dialect.high + 1))
        last: Sense | None = None
        side, closes = 0, 0
        while len(numbers) > leave and last is not Sense.CORRECT:
            # Upwards to the first Close, downwards to the next one, then what is left between them.
            number = numbers.pop(side)
            last = self.guess(number)
            seen.append((number, last))
            closes += last is Sense.CLOSE
            side = {0: 0, 1: -1}.get(closes, -(len(numbers) % 2))
            if last is Sense.TOO_LATE:
                return self.sweep(leave)
        if last is not Sense.CORRECT and not leave:
            self.wire.fail(
                "one of all the numbers to be Correct",
                "none of them was",
                f"every number from {self.dialect.low} to {self.dialect.high} was guessed",
            )
        return seen


@dataclass(slots=True)
class JudgedServer:
    """A server, reached through its ports alone."""

    player_port: Opening
    admin_port: Opening
    pace: Pace
    limits: Limits
    chance: random.Random
    dialect: Dialect = field(default_factory=Dialect)
    program: Program | None = None
    """The server's own process, where the kit was told how to start it."""
    _wires: list[Wire] = field(default_factory=list)
    _memory: dict[object, object] = field(default_factory=dict)

    # --- speaking to it

    def open(self, port: Opening, prepare: Callable[[socket.socket], None] = lambda _: None) -> Wire:
        """Open a connection that is closed when the check ends."""
        try:
            wire = port.connect(self.pace, prepare)
        except OSError as error:
            raise MismatchError(Finding(f"a connection to {port}", f"none: {error}")) from error
        self._tune(wire)
        self._wires.append(wire)
        return wire

    def _tune(self, wire: Wire) -> None:
        wire.terminator = self.dialect.terminator
        wire.gap_s = None if self.dialect.lines_end else GAP_S

    def open_player(self) -> Wire:
        """Connect to the player port, and listen to the banner if there is one."""
        wire = self.open(self.player_port)
        for _ in range(self.dialect.banner_lines):
            wire.line("the banner")
        return wire

    def greeted(self) -> Wire:
        """Connect and be greeted."""
        wire = self.open_player()
        wire.say("Hello")
        wire.line("the line 'Greetings'")
        return wire

    def play(self) -> Player:
        """Connect and begin a game."""
        if self.dialect.game:
            wire = self.greeted()
            wire.say("Game")
            wire.line("the line 'Ready'")
            return Player(wire, self.dialect)
        # Only a guess makes a player of this one; it must not be the winning one.
        for _ in range(TRIES):
            player = Player(self.greeted(), self.dialect)
            player.begun_with.append((self.dialect.low, player.guess(self.dialect.low)))
            if player.losing is not None:
                return player
        raise NotApplicableError(f"{self.dialect.low} is the secret of every game")

    def bystander(self) -> Player:
        """Begin a game that is to go on, whatever happens to others: a losing guess is known."""
        for _ in range(TRIES):
            player = self.play()
            if player.guess(self.dialect.low) is not Sense.CORRECT:
                return player
        raise NotApplicableError(f"{self.dialect.low} is the secret of every game")

    def greeted_admin(self) -> Wire:
        """Connect to the administrator's port and be greeted."""
        wire = self.open(self.admin_port)
        wire.say(self.dialect.admin_hello)
        wire.line("the line 'Admin-Greetings'")
        return wire

    def who(self) -> tuple[Wire, list[str]]:
        """Ask who is playing; return the lines as they came, and the connection for a report."""
        wire = self.greeted_admin()
        wire.say("Who")
        text = wire.rest(None if self.dialect.who_closes else self.pace.quiet_s)
        return wire, text.decode("ascii", "backslashreplace").replace("\r\n", "\n").splitlines()

    def listed(self) -> list[tuple[str, int]]:
        """Ask who is playing; return the addresses in it, whatever their form."""
        return addresses("\n".join(self.who()[1]))

    def await_listed(self, wanted: Callable[[list[tuple[str, int]]], bool], expected: str) -> None:
        """Ask who is playing until the list is as wanted; a server may need a moment to notice."""
        deadline = time.monotonic() + self.pace.patience_s
        while True:
            wire, lines = self.who()
            if wanted(addresses("\n".join(lines))):
                return
            if time.monotonic() > deadline:
                wire.fail(expected, f"the list {lines!r}")
            wire.close()
            time.sleep(PROBE_PAUSE_S)

    def watch(self) -> tuple[Wire, list[str]]:
        """Take the administrator's seat; return the connection after `End`, and the list before it.

        The check before may have sat there, and a server may need a moment to notice that it has gone.
        """
        deadline = time.monotonic() + self.pace.patience_s
        lines: list[str] = []
        while True:
            wire = self.greeted_admin()
            wire.say("Watch")
            while (line := wire.line("the list, ended by a line 'End'")) != "End":
                lines.append(line)
                if sense(line) is Sense.REFUSAL:
                    break
            else:
                return wire, lines
            if time.monotonic() > deadline:
                wire.fail("the list, ended by a line 'End'", repr(line))
            wire.close()
            lines.clear()
            time.sleep(PROBE_PAUSE_S)

    def seen_address(self, wire: Wire) -> Address | None:
        """Return how the server should list this connection, if that can be known."""
        return Address(*wire.address) if self.dialect.direct else None

    # --- the others

    def expect_serves(self, *bystanders: Player) -> None:
        """Take a newcomer to be able to play, and each bystander to be judged as before."""
        newcomer = self.play()
        newcomer.guess(self.dialect.low)
        for bystander in bystanders:
            number = self.dialect.low if bystander.losing is None else bystander.losing
            bystander.guess(number)

    def close_all(self) -> None:
        """Close what the check opened."""
        for wire in self._wires:
            wire.close()
        self._wires.clear()

    def once(self, gather: "Callable[[JudgedServer], Gathered]") -> "Gathered":
        """Gather something once that several checks look at."""
        if gather not in self._memory:
            self._memory[gather] = gather(self)
        return cast("Gathered", self._memory[gather])

    # --- life and death

    def alive(self) -> bool:
        """Tell whether the server still answers."""
        try:
            wire = self.player_port.connect(self.pace)
        except OSError:
            return False
        self._tune(wire)
        try:
            if not self.dialect.greets:
                return True
            wire.say("Hello")
            wire.line("Greetings")
        except MismatchError:
            return False
        finally:
            wire.close()
        return True

    def revive(self) -> bool:
        """Start the server again, or wait for somebody else to; tell whether it answers."""
        if self.program is not None:
            self.program.restart()
        return self.await_port() and self.alive()

    def await_port(self, within_s: float = REVIVAL_S) -> bool:
        """Wait until somebody listens on the player port; tell whether somebody does."""
        deadline = time.monotonic() + within_s
        while True:
            try:
                self.player_port.connect(self.pace).close()
            except OSError:
                if time.monotonic() > deadline:
                    return False
                time.sleep(PROBE_PAUSE_S)
            else:
                return True


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
