"""The dialects of the family, pure: what a program says in its own words, and what it means by them.

A dialect is named in the report and held against the one check that asks for the words; everywhere else the
program is judged by the meaning.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from services.protocol.codec import parse_player_reply
from services.protocol.messages import Greetings, Prompt, Ready, Refused, TooLate, Verdict


class Meaning(StrEnum):
    """What a server's line on the player port means, whatever its words."""

    GREETING = "a greeting"
    READY = "Ready"
    FAR = "Far"
    CLOSE = "Close"
    CORRECT = "Correct"
    MISS = "a verdict that tells no distance"
    TOO_LATE = "Too late"
    PROMPT = "the prompt"
    REFUSAL = "a refusal"
    OTHER = "something else"


VERDICTS: Final = frozenset({Meaning.FAR, Meaning.CLOSE, Meaning.CORRECT, Meaning.MISS, Meaning.TOO_LATE})

_PHRASES: Final[tuple[tuple[re.Pattern[str], Meaning], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), classify)
    for pattern, classify in (
        (r"\b(refus|denied|reject|bye\b|not allowed|protocol error)", Meaning.REFUSAL),
        (r"\b(between|out of range|invalid|pick a|not a (valid )?number|enter a|must be)\b", Meaning.PROMPT),
        (r"\b(incorrect|wrong|not correct|too (high|low|big|small|large)|higher|lower)\b", Meaning.MISS),
        (r"\b(far|cold|way off|not (even )?close)\b", Meaning.FAR),
        (r"\b(close|near|warm|hot)\b", Meaning.CLOSE),
        (r"(\bcorrect|congrat|you('ve| have)? w[io]n|\bwinner|\bright\b|well done)", Meaning.CORRECT),
        (r"\bready\b", Meaning.READY),
        (r"\b(greetings?|hello|hi|welcome)\b", Meaning.GREETING),
        (r"\berror\b", Meaning.REFUSAL),
    )
)


def classify(text: str) -> Meaning:
    """Return what a reply means: by its first word as clause C-2 has it, else by what its words suggest."""
    match parse_player_reply(text.encode()):
        case Greetings():
            return Meaning.GREETING
        case Ready():
            return Meaning.READY
        case Verdict() as verdict:
            return Meaning(verdict.value)
        case TooLate():
            return Meaning.TOO_LATE
        case Prompt():
            return Meaning.PROMPT
        case Refused():
            return Meaning.REFUSAL
        case _:
            return next((meant for pattern, meant in _PHRASES if pattern.search(text)), Meaning.OTHER)


ADDRESS: Final = re.compile(
    r"(?P<host>(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)[^0-9A-Fa-f:.]+?\D*?(?P<port>\d{1,5})\b"
    r"|(?P<host4>(?:\d{1,3}\.){3}\d{1,3}):(?P<port4>\d{1,5})\b"
)


def addresses(text: str) -> list[tuple[str, int]]:
    """Find `IP port` in whatever form the family lists its players in."""
    return [
        (found["host"] or found["host4"], int(found["port"] or found["port4"]))
        for found in ADDRESS.finditer(text)
    ]


class Seat(StrEnum):
    """The administrator's seat, as discovery found it."""

    FREE = "it can be taken"
    TAKEN = "another administrator is watching: stop it, and Watch can be judged"
    STUCK = "the seat was not free again: see seat-freed"
    NONE = "Watch is not answered: see watch"


@dataclass(slots=True)
class Dialect:
    """How a server wants to be spoken to; found out by discovery, used by every check."""

    banner_lines: int = 0
    terminator: bytes = b"\r\n"
    lines_end: bool = True
    greets: bool = True
    """Whether Hello can be said at all."""
    judges_all: bool = False
    """Whether numbers out of range are judged like others."""
    game: bool = True
    """Whether `Game` begins the game; else the first guess does."""
    guess: str = "My Guess is: {}"
    several: bool = True
    """Whether it serves more than one player at once."""
    plays: bool = True
    """Whether a game could be begun in any way."""
    low: int = 1
    high: int = 30
    rounds: bool = False
    """Whether all players guess at one number, in shared rounds."""
    admin_hello: str = "Hello"
    admin_terminator: bytes = b"\r\n"
    admin_lines_end: bool = True
    admin: bool = True
    """Whether the administrator's port answers."""
    who_closes: bool = True
    direct: bool = True
    """Whether the server sees the kit's own addresses (not so behind address translation)."""
    seat: Seat = Seat.FREE
    names: list[str] = field(default_factory=list)
    """The dialects found, in words for the report."""

    @property
    def begin(self) -> tuple[str, ...]:
        """What is said between Hello and the first guess."""
        return ("Game",) if self.game else ()
