"""A person's games: reads the keyboard, talks to the server and tells how it goes."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from services.player import screen
from services.player.bot import advice
from services.player.conversation import Conversation
from services.player.dialect_search import DialectSearch
from services.player.keyboard import InterruptError, Lines, flush_terminal
from services.player.person_connection import PersonConnection
from services.player.screen import Painter
from services.protocol import refusals
from services.protocol.codec import spell
from services.protocol.messages import (
    NAME_PATTERN,
    Game,
    Guess,
    Hello,
    Name,
    Prompt,
    TooLate,
    Unknown,
    Verdict,
    Welcome,
)
from services.protocol.printable import printable
from services.protocol.rules import CLASSIC
from services.protocol.state import State
from services.runtime.connecting import connect
from services.runtime.fault import Fault
from services.runtime.hang_up import hang_up_ends
from services.strategies.choice import hint

if TYPE_CHECKING:
    from services.player.bot import Dialect
    from services.player.keyboard import Keyboard
    from services.protocol.messages import Reply
    from services.runtime.connecting import Target

_QUIT: Final = "quit"
_YES: Final = {"", "y", "yes", "again"}
_NO: Final = {"n", "no", "q", _QUIT}
_INTEGER: Final = re.compile(r"[0-9]{1,500}")
"""Clause P-3: ASCII digits. No line of the protocol holds more of them."""


class _OverError(Fault):
    """The game cannot go on; the text is one clear line."""


class _MisfitError(Exception):
    """The game led to nothing, perhaps for its dialect."""


class _LeftError(Exception):
    """The person has had enough."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a person wants to play."""

    dialect: Dialect | None
    """None: found out."""
    name: str | None
    """None: not said; empty: none."""
    shared_rounds: bool
    """Whether the server is known for them."""
    hints: bool
    drawn: bool
    """Whether the terminal may be drawn on; else all is lines of text."""
    coloured: bool


def play(target: Target, wishes: Wishes, keyboard: Keyboard | None = None) -> None:
    """Play until the person has had enough.

    Raises:
        Fault: the server is gone or refuses.
        KeyboardInterrupt: Ctrl-C.
    """
    try:
        asyncio.run(_play(_Person(target, wishes, keyboard or Lines())))
    except InterruptError:
        raise KeyboardInterrupt from None
    finally:
        # What was typed ahead were guesses, and no commands for the shell.
        flush_terminal()


async def _play(person: _Person) -> None:
    loop, myself = asyncio.get_running_loop(), asyncio.current_task()
    ended_by: list[signal.Signals] = []

    def end(number: signal.Signals) -> None:
        ended_by.append(number)
        if myself is not None:
            myself.cancel()

    # Not Ctrl-C, which is a way to leave, too.
    for number in (signal.SIGTERM, signal.SIGQUIT, *([signal.SIGHUP] if hang_up_ends() else [])):
        loop.add_signal_handler(number, end, number)
    try:
        await person.play()
    except _LeftError:
        person.explain()
    except asyncio.CancelledError:
        if not ended_by:
            raise
    if signal.SIGQUIT in ended_by:
        # The terminal is as it was: now it may have its way, and a dump.
        loop.remove_signal_handler(signal.SIGQUIT)
        signal.raise_signal(signal.SIGQUIT)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class _Person:
    """A session: what is known from one game to the next."""

    def __init__(self, target: Target, wishes: Wishes, keyboard: Keyboard) -> None:
        self._target = target
        self._wishes = wishes
        self._keyboard = keyboard
        self._painter = Painter(coloured=wishes.drawn and wishes.coloured)
        self._name = wishes.name
        self._search = DialectSearch(wishes.dialect)
        self._unjudged: int | None = None
        """What was typed for a game in a dialect that was none of the server's."""
        self._rules = CLASSIC
        self._range_told = False
        self._shared = wishes.shared_rounds
        """Whether the server is known for shared rounds: it tells only whose guess comes too late."""
        self._nothing_understood = False
        self._won: list[int] = []
        """The guesses of each game."""

    async def play(self) -> None:
        if self._name is None and self._keyboard.is_person:
            self._name = await self._read_name()
        while True:
            await self._play_game()
            if not self._keyboard.is_person or not await self._again():
                return

    async def _play_game(self) -> None:
        """Play one game, in the next dialect where one leads to nothing."""
        while True:
            try:
                connection = await self._begin(self._search.dialect)
                try:
                    await self._guess(connection)
                finally:
                    await connection.leave()
            except _MisfitError:
                self._search.go_on(self._target)
            else:
                return

    async def _begin(self, dialect: Dialect) -> PersonConnection:
        """Connect and begin a game; without a name if the server takes none."""
        conversation = Conversation(dialect, self._rules, range_told=self._range_told)
        connection = PersonConnection(conversation, settled=self._search.settled)
        await connect(self._target, lambda _: connection)
        try:
            await self._ask(connection, Hello())
            if self._name:
                await self._ask(connection, Name(self._name))
            if dialect.has_game:
                await self._ask(connection, Game())
        except _OverError:
            await connection.leave()
            if not connection.conversation.name_unanswered:
                raise
            _say("The server takes no names: you play without one.")
            self._name = ""
            return await self._begin(dialect)
        except BaseException:
            await connection.leave()
            raise
        return connection

    async def _guess(self, connection: PersonConnection) -> None:
        """Play one game to its end."""
        conversation = connection.conversation
        self._learn(conversation)
        number = self._unjudged
        if number is None:
            _say(screen.greeting(str(self._target), self._rules, self._name, shared=self._shared))
            self._draw_strip(conversation)
        while True:
            if number is None:
                number = await self._read_number(connection)
            self._unjudged = number
            await self._ask(connection, Guess(number))
            self._unjudged = None
            if conversation.view.state is State.CLOSED:
                break
            number = None
        self._draw_strip(conversation)
        _say(screen.victory(number, conversation.guesses, self._rules, self._painter))
        self._won.append(conversation.guesses)

    def explain(self) -> None:
        """Say what to try, if nothing that the server said to the last game's guesses was a verdict."""
        if self._nothing_understood:
            _say(f"{self._advice().capitalize()}.")

    def _advice(self) -> str:
        return advice(self._search.dialect)

    def _why(self, connection: PersonConnection) -> str:
        failure = f"{connection.failure}"
        return f"{failure}; {self._advice()}" if self._nothing_understood else failure

    def _learn(self, conversation: Conversation) -> None:
        self._nothing_understood = conversation.misunderstood and not conversation.judged
        self._search.settled |= conversation.judged
        view = conversation.view
        self._rules, self._range_told = view.rules, view.range_told

    # --- the server

    async def _ask(self, connection: PersonConnection, request: Hello | Name | Game | Guess) -> None:
        """Say something and tell what the server replies."""
        number = request.number if isinstance(request, Guess) else None
        replies = await connection.ask(request)
        self._learn(connection.conversation)
        for reply in replies:
            self._tell(reply, number, connection.conversation)
            if reply is Verdict.CORRECT:
                return
        conversation = connection.conversation
        unheard = connection.failure and conversation.begun and not conversation.judged
        if not self._search.settled and (unheard or conversation.misfits):
            raise _MisfitError
        if connection.failure:
            raise _OverError(self._why(connection))

    def _tell(self, reply: Reply, number: int | None, conversation: Conversation) -> None:
        match reply:
            case Verdict() if reply is not Verdict.CORRECT and number is not None:
                _say(screen.judgement(number, reply, conversation.guesses, self._painter))
                self._draw_strip(conversation)
            case TooLate():
                self._shared = True
                _say(screen.too_late(reply))
            case Prompt():
                _say(spell(reply))
            case Unknown(text) if text:
                _say(f"The server says: {printable(text)}")
            case Welcome(name) if name != self._name:  # another dialect's greeting
                _say(f"The server says: {spell(reply)}")
            case _:
                pass

    def _draw_strip(self, conversation: Conversation) -> None:
        if self._wishes.drawn:
            columns = shutil.get_terminal_size().columns
            for line in screen.strip(self._rules, conversation.view.history, columns, self._painter):
                _say(line)

    # --- the keyboard

    async def _read_name(self) -> str:
        while True:
            name = (await self._read("Your name (Enter: none): ")).strip()
            if not name or re.fullmatch(NAME_PATTERN, name):
                return name
            _say(refusals.BAD_NAME.capitalize() + ".")

    async def _again(self) -> bool:
        # Numbers that were meant for the game just won are no answer.
        self._keyboard.forget_typed()
        _say(screen.results(self._won))
        while True:
            answer = (await self._read("Play again? (Enter: yes, n: no) ")).strip().lower()
            if answer in _YES:
                return True
            if answer in _NO:
                return False

    async def _read_number(self, connection: PersonConnection) -> int:
        view = connection.conversation.view
        best = hint(view.rules, view.history)
        if best is None and not view.range_told:
            _say(f"No number from {view.rules.low} to {view.rules.high} is left; try any other.")
        elif best is not None and self._wishes.hints:
            _say(f"Hint: {best}")
        while True:
            prompt = f"Guess {connection.conversation.guesses + 1}: "
            text = (await self._read_while_connected(prompt, connection)).strip()
            if text.lower() == _QUIT:
                raise _LeftError
            if _INTEGER.fullmatch(text):
                number = int(text)
                # Where every number was tried without success, the server is to tell its range (clause P-5).
                if number in view.rules or (best is None and not view.range_told):
                    return number
            _say(spell(view.rules.prompt))

    async def _read_while_connected(self, prompt: str, connection: PersonConnection) -> str:
        """Read a line of the game; the end of the connection calls the person away from it."""
        reading = asyncio.ensure_future(self._read(prompt, remembered=True))
        ending = asyncio.ensure_future(connection.over.wait())
        try:
            await asyncio.wait({reading, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reading, ending):
                task.cancel()
            typed, _ = await asyncio.gather(reading, ending, return_exceptions=True)
        if connection.over.is_set():
            for reply in connection.take_received():
                self._tell(reply, None, connection.conversation)
            raise _OverError(self._why(connection))
        if isinstance(typed, BaseException):
            raise typed
        return typed

    async def _read(self, prompt: str, *, remembered: bool = False) -> str:
        try:
            return await self._keyboard.read(prompt, remembered=remembered)
        except EOFError:
            raise _LeftError from None
