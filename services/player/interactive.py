"""A person's game: reads the keyboard, talks to the server and tells how it goes."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import shutil
import signal
import sys
import time
from typing import TYPE_CHECKING, Final, NoReturn

from services.player import screen
from services.player.bot import Dialect
from services.player.client import QUIET_S, REPLY_TIMEOUT_S
from services.player.conversation import Conversation
from services.player.link import CalledAwayError, EndedError, Link
from services.player.screen import Painter
from services.protocol.codec import spell
from services.protocol.errors import LineTooLongError
from services.protocol.messages import Game, Guess, Hello, Prompt, Refused, TooLate, Unknown, Verdict, Welcome
from services.protocol.printable import printable
from services.protocol.rules import CLASSIC
from services.runtime.connecting import UnreachableError
from services.strategies.choice import hint

if TYPE_CHECKING:
    from services.protocol.rules import Rules
    from services.runtime.connecting import Target

OK: Final = 0
FAILED: Final = 1
INTERRUPTED: Final = 130

_QUIT: Final = "quit"
_INTEGER: Final = re.compile(r"[0-9]{1,500}")
"""Clause P-3: ASCII digits. No line of the protocol holds more of them."""


class _OverError(Exception):
    """The game cannot go on; the text is one clear line."""


class _LeftError(Exception):
    """The person, or whoever stops the program, has had enough."""


def play(target: Target, dialect: Dialect, *, hints: bool, plain: bool, coloured: bool) -> int:
    """Play one game and return the exit status: 0 won or left, 1 server gone or refusing, 130 Ctrl-C."""
    drawn = sys.stdout.isatty() and not plain
    try:
        previous = signal.signal(signal.SIGTERM, _leave)
        try:
            with Link(target) as link:
                _Game(link, dialect, Painter(coloured=drawn and coloured), hints=hints, drawn=drawn).play(
                    str(target)
                )
        finally:
            signal.signal(signal.SIGTERM, previous)
    except _LeftError:
        return OK
    except KeyboardInterrupt:
        _say("")
        return INTERRUPTED
    except (UnreachableError, _OverError) as error:
        sys.stdout.flush()
        sys.stderr.write(f"guessing-player: {error}\n")
        return FAILED
    return OK


def _leave(*_: object) -> NoReturn:
    raise _LeftError


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class _Game:
    def __init__(self, link: Link, dialect: Dialect, painter: Painter, *, hints: bool, drawn: bool) -> None:
        self._link = link
        self._conversation = Conversation(dialect, CLASSIC)
        self._dialect = dialect
        self._painter = painter
        self._hints = hints
        self._drawn = drawn
        self._keyboard = sys.stdin.isatty()
        if isinstance(sys.stdin, io.TextIOWrapper):
            # Whatever is typed or piped in, it is at worst no number.
            sys.stdin.reconfigure(errors="replace")
        if self._keyboard:
            _edit_lines()

    def play(self, name: str) -> None:
        self._ask(Hello())
        if self._dialect is Dialect.CLASSIC:
            self._ask(Game())
        _say(screen.greeting(name, self._rules))
        if self._drawn:
            self._draw_strip()
        while True:
            number = self._read_number()
            if self._ask(Guess(number)):
                if self._drawn:
                    self._draw_strip()
                _say(screen.victory(number, self._conversation.guesses, self._rules, self._painter))
                return

    @property
    def _rules(self) -> Rules:
        return self._conversation.view.rules

    # --- the server

    def _ask(self, request: Hello | Game | Guess) -> bool:
        """Say something and take in the reply; tell whether it ends the game."""
        asked_s = time.monotonic()
        self._link.send(self._conversation.send(request))
        while self._conversation.awaiting_reply:
            timeout_s = (
                QUIET_S if self._conversation.reply_unclear else asked_s + REPLY_TIMEOUT_S - time.monotonic()
            )
            try:
                data = self._link.receive(timeout_s)
            except TimeoutError:
                if not self._conversation.reply_unclear:
                    raise _OverError(f"no reply from the server within {REPLY_TIMEOUT_S:g} s") from None
                self._conversation.assume_reply()
            except EndedError as ended:
                raise _OverError(_gone(ended)) from None
            else:
                if self._take_in(data, request):
                    return True
        return False

    def _take_in(self, data: bytes, request: Hello | Game | Guess | None) -> bool:
        try:
            replies = self._conversation.receive(data)
        except LineTooLongError as error:
            raise _OverError(f"the server sent a {error.reason}") from None
        for reply in replies:
            self._conversation.handle(reply)
            match reply:
                case Verdict.CORRECT:
                    return True
                case Verdict() if isinstance(request, Guess) and request.number is not None:
                    self._tell(request.number, reply)
                case TooLate():
                    _say(screen.TOO_LATE)
                case Refused(reason):
                    raise _OverError(f"the server refused: {printable(reason)}")
                case Prompt():
                    _say(spell(reply))
                case Unknown(text) if text:
                    _say(f"The server says: {printable(text)}")
                case Welcome():  # another dialect's greeting: no name was given
                    _say(f"The server says: {spell(reply)}")
                case _:
                    pass
        return False

    def _hear_the_end(self) -> NoReturn:
        """Find out why the connection ended while the keyboard was waited for."""
        while True:
            try:
                data = self._link.receive(QUIET_S)
            except EndedError as ended:
                raise _OverError(_gone(ended)) from None
            self._take_in(data, None)

    def _tell(self, number: int, verdict: Verdict) -> None:
        _say(screen.judgement(number, verdict, self._conversation.guesses, self._painter))
        if self._drawn:
            self._draw_strip()

    def _draw_strip(self) -> None:
        columns = shutil.get_terminal_size().columns
        for line in screen.strip(self._rules, self._conversation.view.history, columns, self._painter):
            _say(line)

    # --- the keyboard

    def _read_number(self) -> int:
        view = self._conversation.view
        best = hint(view.rules, view.history)
        if best is None and not view.range_told:
            _say(f"No number from {view.rules.low} to {view.rules.high} is left; try any other.")
        elif best is not None and self._hints:
            _say(f"Hint: {best}")
        while True:
            text = self._read_line().strip()
            if text.lower() == _QUIT:
                raise _LeftError
            if _INTEGER.fullmatch(text):
                number = int(text)
                # Where every number was tried without success, the server is to tell its range (clause P-5).
                if number in view.rules or (best is None and not view.range_told):
                    return number
            _say(spell(view.rules.prompt))

    def _read_line(self) -> str:
        try:
            with self._link.at_keyboard():
                line = input(self._prompt()) + "\n" if self._keyboard else sys.stdin.readline()
        except EOFError:
            line = ""
        except CalledAwayError:
            if self._keyboard:
                _say("")
            self._hear_the_end()
        if line:
            return line
        if self._keyboard:
            _say("")
        raise _LeftError

    def _prompt(self) -> str:
        return f"Guess {self._conversation.guesses + 1}: "


def _gone(ended: EndedError) -> str:
    why = str(ended)
    return f"the connection broke: {why}" if why else "the server closed the connection"


def _edit_lines() -> None:
    """Let the keyboard edit lines and recall old ones, where Python was built with that."""
    with contextlib.suppress(ImportError):
        importlib.import_module("readline")
