"""Servers that play wrongly, on purpose."""

from __future__ import annotations

import contextlib
import os
import re
import traceback
from typing import TYPE_CHECKING, ClassVar

from services.protocol.codec import encode, parse_request
from services.protocol.errors import OutOfTurnError
from services.protocol.messages import (
    Greetings,
    Guess,
    Hello,
    Name,
    Prompt,
    Refused,
    Unknown,
    Verdict,
    Welcome,
)
from services.protocol.state import State
from tests.support.conformance.mutants.mutant import Mutant

if TYPE_CHECKING:
    from services.protocol.messages import (
        Message,
        Request,
    )
    from tests.support.conformance.reference_server import Connection


class GreetsOtherwise(Mutant):
    """Greets in its own words."""

    breaks = "greets"
    names = "greets with 'Welcome'"

    def encode(self, message: Message) -> bytes:
        return b"Welcome\r\n" if isinstance(message, Greetings) else encode(message)


class NoGame(Mutant):
    """Speaks the short dialect: the first guess begins the game."""

    breaks = "starts-game"
    names = "short"

    def parse(self, line: bytes) -> Request:
        request = super().parse(line)
        return Unknown("Game") if line.strip().lower() == b"game" else request


class AnyWords(Mutant):
    """Takes what stands behind a colon for a guess, whatever stands before it."""

    breaks = "other-words"

    def parse(self, line: bytes) -> Request:
        request = super().parse(line)
        number = line.rpartition(b":")[2].strip()
        return Guess(int(number)) if isinstance(request, Unknown) and number.isdigit() else request


class BareNumbers(Mutant):
    """Takes the bare number for a guess, and nothing else."""

    breaks = "guess-spelling spellings short-dialect"
    names = "bare number"

    def parse(self, line: bytes) -> Request:
        request = super().parse(line)
        return Unknown("?") if isinstance(request, Guess) and b":" in line else request


class Texts(Mutant):
    """Has texts instead of verdicts."""

    breaks = "verdict-words"
    names = "texts instead of verdicts"
    texts: ClassVar = {
        Verdict.FAR: b"You are far away",
        Verdict.CLOSE: b"You are close now",
        Verdict.CORRECT: b"Congratulations, you won!",
    }

    def encode(self, message: Message) -> bytes:
        return self.texts[message] + b"\r\n" if isinstance(message, Verdict) else encode(message)


class WrongDistance(Mutant):
    """Takes three for close."""

    breaks = "verdict-distances"
    close_distance = 3


class CaseMatters(Mutant):
    """Understands Hello, but not hELLO."""

    breaks = "any-case"

    def parse(self, line: bytes) -> Request:
        exact = re.compile(
            rb"(Admin-)?Hello|Game|Who|Watch|Pong|\s*((My +)?Guess( is)? ?:)?.*|my  guess.*|GUESS.*"
        )
        return super().parse(line) if exact.fullmatch(line) and b"hELLO" not in line else Unknown("?")


class TakesAnyInteger(Mutant):
    """Reads numbers as Python's int does."""

    breaks = "no-numbers other-words"

    def parse(self, line: bytes) -> Request:
        with contextlib.suppress(ValueError):
            return Guess(int(line.decode().rpartition(":")[2]))
        return parse_request(line)


class DiesOnWord(Mutant):
    """Falls dead on a guess that is a word."""

    breaks = "nonsense word-guess too-many-invalid short-dialect"

    def parse(self, line: bytes) -> Request:
        if line.rpartition(b" ")[2] in {b"abc", b"nonsense", b"ten"} and b"out" not in line:
            traceback.print_stack(limit=1)
            os._exit(1)
        return parse_request(line)


class LosesPlayerOnWord(Mutant):
    """Drops the connection on a guess that is a word."""

    breaks = "nonsense other-words no-numbers short-dialect too-many-invalid"

    def judge(self, connection: Connection, request: Request) -> None:
        match request:
            case Guess(int()):
                super().judge(connection, request)
            case _:
                connection.state = State.CLOSED


class Traceback(Mutant):
    """Sends a thread's traceback instead of the prompt."""

    breaks = "nonsense other-words no-numbers short-dialect too-many-invalid"

    def judge(self, connection: Connection, request: Request) -> None:
        match request:
            case Guess(int()):
                super().judge(connection, request)
            case _:
                try:
                    int("abc")
                except ValueError:
                    self.send(connection, traceback.format_exc().replace("\n", "\r\n").encode())


class PromptsOtherwise(Mutant):
    """Prompts in its own words."""

    breaks = "prompt-words"
    names = "prompts with"

    def encode(self, message: Message) -> bytes:
        return b"Out of range!\r\n" if isinstance(message, Prompt) else encode(message)


class NeverCloses(Mutant):
    """Leaves the connection open after Correct."""

    breaks = "closes-after-correct"

    def win(self, connection: Connection) -> None:
        super().win(connection)
        connection.secret = -1

    def close(self, connection: Connection) -> None:
        won = connection.secret < 0
        connection.sock.settimeout(10)
        with contextlib.suppress(OSError):
            while won and connection.sock.recv(4096):
                pass
        super().close(connection)


class AnswersAfterCorrect(Mutant):
    """Answers the lines behind the winning one."""

    breaks = "no-reset"

    def judge(self, connection: Connection, request: Request) -> None:
        super().judge(connection, request)
        if connection.state is State.CLOSED and connection.lines.unterminated:
            self.send(connection, b"Far\r\n")

    def close(self, connection: Connection) -> None:
        connection.sock.settimeout(0.05)
        with contextlib.suppress(TimeoutError):
            if connection.guesses and connection.sock.recv(4096):
                self.send(connection, b"Far\r\n")
        super().close(connection)


class OneSecret(Mutant):
    """Draws one secret for all players."""

    breaks = "own-secret"

    def draw(self) -> int:
        return 17


class RefusesOtherwise(Mutant):
    """Refuses in its own words."""

    breaks = (
        "refusal-words long-line unterminated too-many-invalid full reasons idle-timeout unterminated-timeout"
    )
    breaks += " greeted-timeout dripping-timeout admin-timeout seat-taken watcher-refused"
    short_idle_s = 3.0

    def encode(self, message: Message) -> bytes:
        return b"Protocol error\r\n" if isinstance(message, Refused) else encode(message)


class RefusesNobody(Mutant):
    """Greets whoever comes, whatever they say."""

    breaks = "refusal refusal-words out-of-turn admin-out-of-turn reasons"

    def turn(self, state: State, request: Request) -> State:
        if state in {State.CONNECTED, State.ADMIN_CONNECTED}:
            request = Hello()
        return super().turn(state, request)


class RefusesWithoutReason(Mutant):
    """Does not say what it expected."""

    breaks = "reasons"

    def turn(self, state: State, request: Request) -> State:
        try:
            return super().turn(state, request)
        except OutOfTurnError:
            raise OutOfTurnError("no") from None


class GreetsTwice(Mutant):
    """Greets again who has been greeted."""

    breaks = "out-of-turn"

    def turn(self, state: State, request: Request) -> State:
        if state is State.GREETED and isinstance(request, Hello):
            return State.GREETING
        return super().turn(state, request)


class KnowsNoNames(Mutant):
    """Knows no names."""

    breaks = "named"

    def turn(self, state: State, request: Request) -> State:
        return super().turn(state, Unknown("Name") if isinstance(request, Name) else request)


class AnyName(Mutant):
    """Welcomes whatever is called a name."""

    breaks = "bad-names"

    def take_name(self, connection: Connection, request: Request) -> None:
        if isinstance(request, Name):
            self.reply(connection, Welcome(request.name or "?"))


class NoShortDialect(Mutant):
    """Insists on Game."""

    breaks = "short-dialect"

    def turn(self, state: State, request: Request) -> State:
        if state is State.GREETED and isinstance(request, Guess):
            raise OutOfTurnError("say Game first")
        return super().turn(state, request)
