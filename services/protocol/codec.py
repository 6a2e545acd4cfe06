"""Lines to messages and back: every spelling that clauses P-1 to A-8 allow."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, assert_never

from services.protocol.messages import (
    NAME_PATTERN,
    Address,
    AdminGreetings,
    AdminHello,
    AdminReply,
    End,
    Game,
    Greetings,
    Guess,
    Guessed,
    Hello,
    Joined,
    Left,
    Listed,
    Message,
    Missed,
    Name,
    NobodyListed,
    Ping,
    PlayerReply,
    Pong,
    Prompt,
    Ready,
    Refused,
    Request,
    Round,
    TooLate,
    Unknown,
    Verdict,
    Watch,
    WatchEvent,
    Welcome,
    Who,
    Won,
)

_WORDS: Final[dict[bytes, Request]] = {
    b"hello": Hello(),
    b"admin-hello": AdminHello(),
    b"game": Game(),
    b"who": Who(),
    b"watch": Watch(),
    b"pong": Pong(),
}
_BLANKS: Final = b" \t"
_PREFIX: Final = re.compile(rb"(?:my[ \t]*guess[ \t]*is|guess)[ \t]*:[ \t]*", re.IGNORECASE)
_NAME: Final = re.compile(rb"name[ \t]*:[ \t]*(?:(%b)|.*)" % NAME_PATTERN.encode(), re.IGNORECASE | re.DOTALL)
_DIGITS: Final = re.compile(rb"[0-9]+")


def _text(line: bytes) -> str:
    return line.decode("ascii", "backslashreplace")


def parse_request(line: bytes) -> Request:
    """Read a line of a client; anything can be read, if only as Unknown."""
    stripped = line.strip(_BLANKS)
    word = _WORDS.get(stripped.lower())
    if word is not None:
        return word
    named = _NAME.fullmatch(stripped)
    if named:
        return Name(named[1].decode() if named[1] else None)
    prefix = _PREFIX.match(stripped)
    number = stripped[prefix.end() :] if prefix else stripped
    if _DIGITS.fullmatch(number):
        return Guess(int(number))
    return Guess(None) if prefix else Unknown(_text(line))


def _address(host: str, port: str) -> Address:
    return Address(host, int(port))


_HOST_PORT: Final = r"([0-9A-Fa-f:.]+) ([0-9]{1,5})"
_PROMPT: Final = re.compile(r"pick a number between (-?[0-9]{1,9})\s*-\s*(-?[0-9]{1,9})", re.IGNORECASE)
_ADMIN_LINES: Final[tuple[tuple[re.Pattern[str], Callable[..., AdminReply]], ...]] = (
    (re.compile(rf"Guessed {_HOST_PORT} ([0-9]{{1,9}}) (Far|Close|Correct)"),
     lambda host, port, number, word: Guessed(_address(host, port), int(number), Verdict(word))),
    (re.compile(rf"Joined {_HOST_PORT}(?: ({NAME_PATTERN}))?"),
     lambda host, port, name: Joined(_address(host, port), name)),
    (re.compile(rf"Won {_HOST_PORT} ([0-9]{{1,9}})"),
     lambda host, port, guesses: Won(_address(host, port), int(guesses))),
    (re.compile(rf"Left {_HOST_PORT}"), lambda host, port: Left(_address(host, port))),
    (re.compile(r"Ping ([0-9]{1,9})"), lambda uptime_s: Ping(int(uptime_s))),
    (re.compile(r"Missed ([0-9]{1,9})"), lambda count: Missed(int(count))),
    (re.compile(r"Round ([0-9]{1,9})"), lambda number: Round(int(number))),
    (re.compile(rf"{_HOST_PORT}(?: ({NAME_PATTERN}))?"),
     lambda host, port, name: Listed(_address(host, port), name)),
)  # fmt: skip
_ADMIN_WORDS: Final[dict[str, AdminReply]] = {
    "": NobodyListed(),
    "End": End(),
    "Ping": Ping(),
    "Admin-Greetings": AdminGreetings(),
}
_PLAYER_WORDS: Final[dict[str, PlayerReply]] = {
    "greetings": Greetings(),
    "ready": Ready(),
    "far": Verdict.FAR,
    "close": Verdict.CLOSE,
    "correct": Verdict.CORRECT,
}


_WELCOME: Final = re.compile(rf"welcome ({NAME_PATTERN})", re.IGNORECASE)
_TOO_LATE: Final = re.compile(rf"too\s+late\b(?:\s+([0-9]{{1,9}})(?:\s+({NAME_PATTERN}))?$)?", re.IGNORECASE)
_REFUSED: Final = re.compile(r"refused\b\s*:?(.*)", re.IGNORECASE)


def _refusal(text: str) -> Refused | None:
    refused = _REFUSED.match(text)
    return Refused(refused[1].strip()) if refused else None


def parse_player_reply(line: bytes) -> PlayerReply:
    """Read a server's line on the player port by its first word, as its dialects ask for (clause C-2)."""
    text = _text(line).strip()
    prompt = _PROMPT.match(text)
    if prompt:
        return Prompt(int(prompt[1]), int(prompt[2]))
    # "Too" alone would swallow the "Too high" of other servers, "Welcome" alone their greetings.
    late = _TOO_LATE.match(text)
    if late:
        return TooLate(int(late[1]) if late[1] else None, late[2])
    welcome = _WELCOME.fullmatch(text)
    if welcome:
        return Welcome(welcome[1])
    first = re.match(r"[A-Za-z]*", text)
    word = first[0].lower() if first else ""
    return _refusal(text) or _PLAYER_WORDS.get(word) or Unknown(text)


def parse_admin_reply(line: bytes) -> AdminReply:
    """Read a line of our own server on the administrator port (clauses A-1 to A-8)."""
    text = _text(line)
    word = _ADMIN_WORDS.get(text)
    if word is not None:
        return word
    for pattern, build in _ADMIN_LINES:
        found = pattern.fullmatch(text)
        if found:
            return build(*found.groups())
    return _refusal(text) or Unknown(text)


def spell(message: Message) -> str:
    """Return the text of a message in its canonical spelling, without a terminator."""
    match message:
        case Verdict():
            return message.value
        case Guess(number):
            return f"My Guess is: {number}"
        case Prompt(low, high):
            return f"Pick a number between {low}-{high}"
        case Refused(reason):
            return f"Refused: {reason}"
        case Name(name):
            return f"Name: {name or ''}"
        case Unknown(text):
            return text
        case (
            Welcome()
            | TooLate()
            | Listed()
            | Joined()
            | Guessed()
            | Won()
            | Left()
            | Round()
            | Ping()
            | Missed()
        ):
            return " ".join(str(field) for field in _fields(message) if field is not None)
        case AdminHello():
            return "Admin-Hello"
        case AdminGreetings():
            return "Admin-Greetings"
        case NobodyListed():
            return ""
        case Hello() | Game() | Who() | Watch() | Pong() | Greetings() | Ready() | End():
            return type(message).__name__
        case _:
            assert_never(message)


def _fields(message: Welcome | TooLate | Listed | WatchEvent | Ping | Missed) -> tuple[object, ...]:
    """Return what a message is spelled of, one blank between them; None is left out."""
    match message:
        case TooLate(number, name):
            return "Too late", number, name
        case Listed(address, name):
            return address, name
        case Joined(address, name):
            return "Joined", address, name
        case Guessed(address, number, verdict):
            return "Guessed", address, number, verdict
        case Won(address, guesses):
            return "Won", address, guesses
        case Welcome(field) | Left(field) | Round(field) | Ping(field) | Missed(field):
            return type(message).__name__, field
        case _:
            assert_never(message)


def _encode(message: Message) -> bytes:
    return spell(message).encode("ascii", "backslashreplace") + b"\r\n"


# What the server says to every player; a class that has but one spelling stands for itself.
_USUAL: Final[dict[type[Message] | Verdict, bytes]] = {
    message if isinstance(message, Verdict) else type(message): _encode(message)
    for message in _PLAYER_WORDS.values()
}


def encode(message: Message) -> bytes:
    """Return the one line that a message is on the wire, terminator included (clause F-1)."""
    return _USUAL.get(message if isinstance(message, Verdict) else type(message)) or _encode(message)


NO_NAMES: Final[Mapping[Address, str | None]] = {}


def encode_list(
    players: Iterable[Address], names: Mapping[Address, str | None] = NO_NAMES, *, within_watch: bool
) -> bytes:
    """Return a list of players as it goes over the wire (clauses A-2, A-3; N-3: names within a watch)."""
    lines = [encode(Listed(address, names.get(address) if within_watch else None)) for address in players]
    if within_watch:
        lines.append(encode(End()))
    return b"".join(lines) or encode(NobodyListed())
