"""Servers that each break one clause, on purpose: `python -m tests.support.conformance.server_mutants NAME`."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, ClassVar

from services.protocol.codec import encode, parse_request
from services.protocol.errors import OutOfTurnError, ProtocolError
from services.protocol.framing import LineBuffer
from services.protocol.messages import (
    Address,
    End,
    Greetings,
    Guess,
    Hello,
    Joined,
    Left,
    Listed,
    Message,
    NobodyListed,
    Pong,
    Prompt,
    Ready,
    Refused,
    Unknown,
    Verdict,
    Watch,
    Won,
)
from services.protocol.state import State
from tests.support.conformance.reference_server import Link, ReferenceServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.protocol.messages import Request


class Mutant(ReferenceServer):
    """A server that breaks something."""

    breaks: ClassVar[str] = ""
    """The checks that have to fail, and no others; what is not reached because of them does not count."""
    names: ClassVar[str] = ""
    """Words of the dialect that has to be named."""


# --- framing


class LfOnly(Mutant):
    """Ends its lines with LF alone."""

    breaks = "crlf"

    def encode(self, message: Message) -> bytes:
        return encode(message).replace(b"\r", b"")


class NoLineEnd(Mutant):
    """Does not end its replies to players at all."""

    breaks = "crlf two-lines lines-in-order long-line"
    names = "ends none of its own lines"

    def encode(self, message: Message) -> bytes:
        line = encode(message)
        return (
            line.rstrip(b"\r\n")
            if isinstance(message, Greetings | Ready | Verdict | Prompt | Refused)
            else line
        )


class SplitReplies(Mutant):
    """Sends the line end by itself."""

    breaks = "one-write"

    def send(self, link: Link, data: bytes) -> None:
        super().send(link, data[:-2])
        super().send(link, data[-2:])


class Banner(Mutant):
    """Speaks first."""

    breaks = "no-banner"
    names = "banner"

    def welcome(self, link: Link) -> None:
        if link.state is State.CONNECTED:
            self.send(link, b"Welcome to the game!\r\n")


class FirstLineOnly(Mutant):
    """Answers only the first of the lines that come together."""

    breaks = "two-lines lines-in-order"

    def cut(self, link: Link, data: bytes) -> list[bytes]:
        return super().cut(link, data)[:1]


class PieceIsLine(Mutant):
    """Takes each piece that comes for a line."""

    breaks = "split-line slow-typist unterminated unterminated-timeout dripping-timeout long-line"

    def cut(self, link: Link, data: bytes) -> list[bytes]:
        return data.rstrip(b"\r\n").replace(b"\r", b"").split(b"\n")


class CrlfOnly(Mutant):
    """Understands no lone LF."""

    breaks = "lone-lf"

    def cut(self, link: Link, data: bytes) -> list[bytes]:
        begun = link.lines.unterminated
        return super().cut(link, re.sub(rb"(?<!\r)\n", b"?", begun + data)[len(begun) :])


class NoLineLimit(Mutant):
    """Gathers a line for ever."""

    breaks = "long-line"

    def cut(self, link: Link, data: bytes) -> list[bytes]:
        *lines, rest = (link.lines.unterminated + data).split(b"\n")
        link.lines = LineBuffer()
        link.lines._rest = rest
        return [line.removesuffix(b"\r") for line in lines]


class ShortLimit(Mutant):
    """Takes a line of 512 octets to be too long."""

    breaks = "longest-line"

    def parse(self, line: bytes) -> Request:
        if len(line) > 500:
            raise ProtocolError("line longer than 512 octets")
        return super().parse(line)


class ForgetsHalfClosed(Mutant):
    """Does not answer who half-closes."""

    breaks = "half-close"

    def answer(self, link: Link, request: Request) -> None:
        link.sock.settimeout(0.002)
        with contextlib.suppress(TimeoutError):
            if not link.sock.recv(1, socket.MSG_PEEK):
                link.state = State.CLOSED
                return
        super().answer(link, request)


class ExecutesUnterminated(Mutant):
    """Executes what a half-closing client left without an end."""

    breaks = "unterminated"

    def ended(self, link: Link) -> None:
        if link.lines.unterminated == b"Game" and link.state is State.GREETED:
            self.send(link, b"Ready\r\n")


class Resets(Mutant):
    """Closes with a reset."""

    breaks = "closes-after-correct refusal no-reset who-closes long-line unterminated out-of-turn admin-out-of-turn"
    breaks += " half-close too-many-invalid full seat-taken watcher-refused"

    def close(self, link: Link) -> None:
        link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.sock.close()


class ResetsWhenMoreWasSent(Mutant):
    """Closes at once, so that what was sent in vain makes the kernel reset the connection."""

    breaks = "no-reset"

    def close(self, link: Link) -> None:
        link.sock.close()


# --- the game


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

    breaks = "no-numbers"

    def parse(self, line: bytes) -> Request:
        with contextlib.suppress(ValueError):
            return Guess(int(line.decode().rpartition(":")[2]))
        return parse_request(line)


class DiesOnWord(Mutant):
    """Falls dead on a guess that is a word."""

    breaks = "nonsense too-many-invalid short-dialect"

    def parse(self, line: bytes) -> Request:
        if line.rpartition(b" ")[2] in {b"abc", b"nonsense", b"ten"} and b"out" not in line:
            traceback.print_stack(limit=1)
            os._exit(1)
        return parse_request(line)


class LosesPlayerOnWord(Mutant):
    """Drops the connection on a guess that is a word."""

    breaks = "nonsense no-numbers short-dialect too-many-invalid"

    def judge(self, link: Link, request: Request) -> None:
        match request:
            case Guess(int()):
                super().judge(link, request)
            case _:
                link.state = State.CLOSED


class Traceback(Mutant):
    """Sends a thread's traceback instead of the prompt."""

    breaks = "nonsense no-numbers short-dialect too-many-invalid"

    def judge(self, link: Link, request: Request) -> None:
        match request:
            case Guess(int()):
                super().judge(link, request)
            case _:
                try:
                    int("abc")
                except ValueError:
                    self.send(link, traceback.format_exc().replace("\n", "\r\n").encode())


class PromptsOtherwise(Mutant):
    """Prompts in its own words."""

    breaks = "prompt-words"
    names = "prompts with"

    def encode(self, message: Message) -> bytes:
        return b"Out of range!\r\n" if isinstance(message, Prompt) else encode(message)


class NeverCloses(Mutant):
    """Leaves the connection open after Correct."""

    breaks = "closes-after-correct"

    def win(self, link: Link) -> None:
        super().win(link)
        link.secret = -1

    def close(self, link: Link) -> None:
        won = link.secret < 0
        link.sock.settimeout(10)
        with contextlib.suppress(OSError):
            while won and link.sock.recv(4096):
                pass
        super().close(link)


class AnswersAfterCorrect(Mutant):
    """Answers the lines behind the winning one."""

    breaks = "no-reset"

    def judge(self, link: Link, request: Request) -> None:
        super().judge(link, request)
        if link.state is State.CLOSED and link.lines.unterminated:
            self.send(link, b"Far\r\n")

    def close(self, link: Link) -> None:
        link.sock.settimeout(0.05)
        with contextlib.suppress(TimeoutError):
            if link.guesses and link.sock.recv(4096):
                self.send(link, b"Far\r\n")
        super().close(link)


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


class NoShortDialect(Mutant):
    """Insists on Game."""

    breaks = "short-dialect"

    def turn(self, state: State, request: Request) -> State:
        if state is State.GREETED and isinstance(request, Guess):
            raise OutOfTurnError("say Game first")
        return super().turn(state, request)


class OneAtATime(Mutant):
    """Serves one connection after the other."""

    breaks = "two-players idle-player"

    def begin(self, link: Link) -> None:
        self.serve(link)


class StallsOnIdlePlayer(Mutant):
    """Lets everybody wait for a player who has begun a line."""

    breaks = "idle-player"
    stall: ClassVar = threading.Lock()

    def answer(self, link: Link, request: Request) -> None:
        with self.stall:
            super().answer(link, request)

    def cut(self, link: Link, data: bytes) -> list[bytes]:
        lines = super().cut(link, data)
        if link.lines.unterminated == b"My Guess":
            with self.stall:
                time.sleep(3)
        return lines


class DiesOnReset(Mutant):
    """Falls dead when a player's connection is reset."""

    breaks = "vanished-player cut-line told-who-left"

    def hear(self, link: Link) -> Iterator[bytes]:
        try:
            yield from super().hear(link)
        except ConnectionResetError:
            if link.state is State.PLAYING:
                os._exit(1)
            raise


class FewPlayers(Mutant):
    """Cannot have more than ten players, and says nothing."""

    breaks = "crowd full"

    def welcome(self, link: Link) -> None:
        while link.state is State.CONNECTED and self.connections > 12:
            time.sleep(0.1)


class PortTaken(Mutant):
    """Does not get its ports back at once."""

    breaks = "rebound"
    reuse_address = False


# --- limits


class WaitsForEver(Mutant):
    """Has no handshake timeout."""

    breaks = "silent-timeout unterminated-timeout greeted-timeout dripping-timeout admin-timeout"

    def time_left(self, link: Link) -> float | None:
        return super().time_left(link) if link.state is State.PLAYING else None


class WordsForSilence(Mutant):
    """Refuses even who has never said anything."""

    breaks = "silent-timeout"

    def time_is_up(self, link: Link) -> None:
        link.said_something = True
        super().time_is_up(link)


class CountsAnew(Mutant):
    """Counts the handshake timeout anew with each octet."""

    breaks = "dripping-timeout"

    def cut(self, link: Link, data: bytes) -> list[bytes]:
        link.since = time.monotonic()
        return super().cut(link, data)


class NeverIdle(Mutant):
    """Has no idle timeout."""

    breaks = "idle-timeout"

    def time_left(self, link: Link) -> float | None:
        return None if link.state is State.PLAYING else super().time_left(link)


class NeverFull(Mutant):
    """Has no limit of players."""

    breaks = "full"

    def __init__(self) -> None:
        super().__init__()
        self.max_players = 100_000


class EndlessPatience(Mutant):
    """Prompts for ever."""

    breaks = "too-many-invalid"

    def __init__(self) -> None:
        super().__init__()
        self.max_invalid = 100_000


# --- the administrator


class AdminAsPlayer(Mutant):
    """Greets the administrator like a player."""

    breaks = "admin-greets"
    names = "greets the administrator with"

    def encode(self, message: Message) -> bytes:
        return encode(message).replace(b"Admin-", b"")


class Ghosts(Mutant):
    """Leaves players in the list who have gone."""

    breaks = "who-left vanished-player told-who-left"

    def leave(self, link: Link) -> None:
        if link.address not in self.players:
            super().leave(link)


class ListsWinners(Mutant):
    """Leaves players in the list who have won, while their connection lasts."""

    breaks = "who-left"
    gone: ClassVar[list[Address]] = []

    def win(self, link: Link) -> None:
        super().win(link)
        self.gone.append(link.address)

    def list_once(self, link: Link) -> None:
        lines = [Listed(address) for address in [*self.players, *self.gone[-1:]]] or [NobodyListed()]
        self.send(link, b"".join(map(encode, lines)))


class ListsOnePlayer(Mutant):
    """Lists the first player only."""

    breaks = "who crowd"

    def list_once(self, link: Link) -> None:
        self.send(link, b"".join(map(encode, self.listing()[:1] or [NobodyListed()])))


class ListsNothing(Mutant):
    """Sends nothing at all for an empty list."""

    breaks = "who-empty who-beside"

    def list_once(self, link: Link) -> None:
        self.send(link, b"".join(map(encode, self.listing())))


class OtherForm(Mutant):
    """Lists players as IP:port."""

    breaks = "who-form"
    names = "lists a player as"

    def list_once(self, link: Link) -> None:
        lines = [f"{host}:{port}\r\n" for host, port in self.players] or ["\r\n"]
        self.send(link, "".join(lines).encode())


class Mapped(Mutant):
    """Lists IPv4 addresses as IPv6."""

    breaks = "who-form"
    names = "lists a player as"

    def list_once(self, link: Link) -> None:
        lines = [f"::ffff:{host} {port}\r\n" for host, port in self.players] or ["\r\n"]
        self.send(link, "".join(lines).encode())


class OwnPort(Mutant):
    """Lists its own port for every player."""

    breaks = "who who-form crowd"

    def list_once(self, link: Link) -> None:
        lines = [f"{host} 4000\r\n" for host, _ in self.players] or ["\r\n"]
        self.send(link, "".join(lines).encode())


class WhoStaysOpen(Mutant):
    """Does not close after the list."""

    breaks = "who-closes"

    def list_once(self, link: Link) -> None:
        super().list_once(link)
        link.sock.settimeout(5)
        link.sock.recv(1)


class NoWatch(Mutant):
    """Knows no Watch."""

    breaks = "watch"

    def turn(self, state: State, request: Request) -> State:
        return super().turn(state, Unknown("Watch") if isinstance(request, Watch) else request)


class NoEnd(Mutant):
    """Says an empty line where nobody plays, before End."""

    breaks = "watch-empty"

    def list_for_watcher(self, link: Link) -> None:
        with self.lock:
            super().list_for_watcher(link) if self.players else self._list_nobody(link)

    def _list_nobody(self, link: Link) -> None:
        players, self.listing = self.listing, lambda: [NobodyListed()]  # type: ignore[method-assign]
        try:
            super().list_for_watcher(link)
        finally:
            self.listing = players  # type: ignore[method-assign]


class ForgetsLeft(Mutant):
    """Does not tell who left."""

    breaks = "told-who-left"

    def tell(self, event: Message) -> None:
        if not isinstance(event, Left):
            super().tell(event)


class JoinsLate(Mutant):
    """Tells who joined only with the first guess."""

    breaks = "told told-who-left"
    waiting: ClassVar[list[Message]] = []

    def tell(self, event: Message) -> None:
        if isinstance(event, Joined):
            self.waiting.append(event)
            return
        super().tell(event)
        while self.waiting:
            super().tell(self.waiting.pop())


class LeavesTwice(Mutant):
    """Tells of who has won that they left as well."""

    breaks = "ended-once"

    def tell(self, event: Message) -> None:
        super().tell(event)
        if isinstance(event, Won):
            super().tell(Left(event.address))


class WhoEndsWatch(Mutant):
    """Closes the watch after Who."""

    breaks = "who-within pong"

    def answer(self, link: Link, request: Request) -> None:
        again = self.watcher is not None and self.watcher.link is link
        super().answer(link, request)
        if again and not isinstance(request, Pong):
            link.state = State.CLOSED


class ManyAdministrators(Mutant):
    """Lets everybody watch."""

    breaks = "seat-taken"

    def list_for_watcher(self, link: Link) -> None:
        with self.lock:
            if self.watcher is not None and self.watcher.link is not link:
                self.send(link, b"".join(map(encode, [*self.listing(), End()])))
                return
            super().list_for_watcher(link)


class SeatNeverFree(Mutant):
    """Does not free the administrator's seat."""

    breaks = "seat-freed"

    def leave(self, link: Link) -> None:
        watcher = self.watcher
        super().leave(link)
        self.watcher = watcher


class WhoRefusedBesideWatch(Mutant):
    """Refuses Who while somebody watches."""

    breaks = "who-beside"

    def list_once(self, link: Link) -> None:
        if self.watcher is not None:
            raise ProtocolError("another administrator is watching")
        super().list_once(link)


class AnswersPong(Mutant):
    """Answers Pong."""

    breaks = "pong"

    def take_pong(self, link: Link) -> None:
        if self.watcher is not None:
            self.watcher.put(b"Ok\r\n")


class WaitsForWatcher(Mutant):
    """Lets every player wait until the watcher has read."""

    breaks = "slow-watcher"

    def tell(self, event: Message) -> None:
        if self.watcher:
            self.watcher.link.sock.settimeout(5)
            self.watcher.link.sock.sendall(encode(event))


class KeepsEverything(Mutant):
    """Keeps events without bound for a watcher that does not read."""

    breaks = "slow-watcher"

    def tell(self, event: Message) -> None:
        if self.watcher:
            self.watcher._octets = -(10**9)
            super().tell(event)


class TakesAnythingInWatch(Mutant):
    """Overhears what a watcher may not say."""

    breaks = "watcher-refused"

    def turn(self, state: State, request: Request) -> State:
        if state is State.WATCHING and isinstance(request, Watch | Unknown):
            return state
        return super().turn(state, request)


MUTANTS: dict[str, type[Mutant]] = {mutant.__name__: mutant for mutant in Mutant.__subclasses__()}


def main() -> None:
    """Run the mutant that is named, or the reference."""
    mutant = MUTANTS[sys.argv[1]] if len(sys.argv) > 1 else ReferenceServer
    mutant().run()


if __name__ == "__main__":
    main()
