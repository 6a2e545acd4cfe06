"""A tapped conversation, pure: both sides walk through the protocol's table, and broken clauses are named.

Programs of the family speak in dialects, and a tap is for programs that are not finished. So a message out
of turn is marked, and the conversation is followed from where the next reply shows it to be.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from services.protocol.codec import parse_admin_reply, parse_player_reply, parse_request
from services.protocol.errors import OutOfTurnError
from services.protocol.framing import MAX_LINE_OCTETS
from services.protocol.messages import (
    Guess,
    NobodyListed,
    Prompt,
    Unknown,
    Verdict,
)
from services.protocol.printable import printable_octets
from services.protocol.rules import CLASSIC
from services.protocol.state import TRANSITIONS, State, advance
from services.tap.stream import LineStream

if TYPE_CHECKING:
    from services.protocol.messages import Message, Reply, Request
    from services.protocol.state import Kind
    from services.tap.stream import Line

TLS_HANDSHAKE: Final = b"\x16"
"""The first octet of an encrypted connection (clause T-1)."""

WAITING_REQUESTS: Final = 64
"""So many requests are kept that a client sent before its turn; more are shown, and not followed."""


class Port(StrEnum):
    """Which port of the server a connection is for."""

    PLAYER = "player"
    ADMIN = "admin"


class Side(StrEnum):
    """Who sent something."""

    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Finding:
    """A clause that a line breaks, and what to do about it."""

    clause: str
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of the conversation, or its end, as it is shown."""

    side: Side
    text: str
    """Printable ASCII, whatever was sent."""
    findings: tuple[Finding, ...] = ()
    is_line: bool = True
    """Whether it is a line of the conversation, and not a remark about it."""


_OWED: Final[dict[State, tuple[str, str, State]]] = {
    State.GREETING: ("P-1", "Greetings", State.GREETED),
    State.NAMING: ("N-1", "Welcome NAME", State.GREETED),
    State.STARTING: ("P-2", "Ready", State.PLAYING),
    State.JUDGING: ("P-4", "Far, Close, Correct or the prompt", State.PLAYING),
    State.ADMIN_GREETING: ("A-1", "Admin-Greetings", State.ADMIN_GREETED),
    State.LISTING_ONCE: ("A-2", "a line `IP port` for each player", State.LISTING_ONCE),
    State.LISTING: ("A-3", "lines `IP port`, then End", State.LISTING),
}
"""States in which the server owes a reply: the clause, the reply, and where a reply in other words leads."""

_CLIENTS_CLAUSE: Final[dict[State, str]] = {
    State.CONNECTED: "P-1",
    State.GREETED: "P-2",
    State.ADMIN_CONNECTED: "A-1",
    State.ADMIN_GREETED: "A-10",
    State.WATCHING: "A-5",
}


def _landmarks() -> dict[Kind, State]:
    """Return the messages that lead to one state from everywhere: they show where a conversation stands."""
    leads: dict[Kind, set[State]] = {}
    for transitions in TRANSITIONS.values():
        for kind, state in transitions.items():
            leads.setdefault(kind, set()).add(state)
    return {kind: next(iter(states)) for kind, states in leads.items() if len(states) == 1}


_LANDMARKS: Final = _landmarks()


def _kind(message: Message) -> Kind:
    return message if isinstance(message, Verdict) else type(message)


class Conversation:
    """One tapped connection, both directions of it."""

    def __init__(self, port: Port) -> None:
        self.state = State.CONNECTED if port is Port.PLAYER else State.ADMIN_CONNECTED
        self._parse_reply = parse_player_reply if port is Port.PLAYER else parse_admin_reply
        self._low, self._high = CLASSIC.low, CLASSIC.high
        self._streams = {side: LineStream() for side in Side}
        self._waiting: deque[Request] = deque(maxlen=WAITING_REQUESTS)
        self._is_encrypted = False
        self._has_begun = False

    def received(self, side: Side, data: bytes) -> list[Shown]:
        """Return what a chunk of one side is shown as; an empty chunk is the end of that side."""
        if not self._has_begun and data:
            self._has_begun = True
            if side is Side.CLIENT and data.startswith(TLS_HANDSHAKE):
                self._is_encrypted = True
                return [
                    Shown(
                        side,
                        "TLS: the tap cannot read this; speak plainly to it, and give it --ca",
                        is_line=False,
                    )
                ]
        if self._is_encrypted:
            return []
        stream = self._streams[side]
        if not data:
            return [*(self._show(side, line) for line in stream.end()), self._ended(side)]
        return [self._show(side, line) for line in stream.feed(data)]

    def silence(self, side: Side) -> list[Shown]:
        """Return what to say after a time in which a side sent nothing more, with a line of it begun."""
        if self._is_encrypted or not self._streams[side].unterminated:
            return []
        text = f"{printable_octets(self._streams[side].unterminated)} (no line end has come)"
        note = "a line is read only when it is ended: send CR LF (\\r\\n) after it"
        return [Shown(side, text, (Finding("F-1", note),), is_line=False)]

    def _show(self, side: Side, line: Line) -> Shown:
        findings = [*_framing(side, line)]
        findings += self._request(line) if side is Side.CLIENT else self._reply(line)
        return Shown(side, printable_octets(line.octets), tuple(findings))

    def _ended(self, side: Side) -> Shown:
        findings: tuple[Finding, ...] = ()
        if side is Side.SERVER and self.state in _OWED and self.state is not State.LISTING_ONCE:
            clause, owed, _ = _OWED[self.state]
            findings = (Finding(clause, f"closed although it owed {owed}"),)
        return Shown(side, "(closed its side)", findings, is_line=False)

    # --- the client's side

    def _request(self, line: Line) -> list[Finding]:
        request = parse_request(line.octets)
        if self.state in _OWED and self.state is not State.LISTING:
            self._waiting.append(request)
            return [
                Finding(
                    "C-1", f"sent before the reply to the line before it ({_OWED[self.state][1]}) was there"
                )
            ]
        return self._advance(request)

    def _advance(self, request: Request) -> list[Finding]:
        if self.state is State.CLOSED:
            return [Finding("C-4", "the conversation is over: close, and connect again for another game")]
        before = self.state
        try:
            self.state = advance(before, request)
        except OutOfTurnError as error:
            return [Finding(_CLIENTS_CLAUSE.get(before, "S-1"), f"out of turn: {error.reason}")]
        playing = before in {State.GREETED, State.PLAYING}
        if playing and isinstance(request, Guess) and not self._is_in_range(request.number):
            return [Finding("C-3", f"not a number from {self._low} to {self._high}")]
        if before is State.PLAYING and not isinstance(request, Guess):
            return [Finding("P-3", "no guess: spell it `My Guess is: N`, `Guess: N` or just `N`")]
        return []

    def _is_in_range(self, number: int | None) -> bool:
        return number is not None and self._low <= number <= self._high

    # --- the server's side

    def _reply(self, line: Line) -> list[Finding]:
        reply = self._parse_reply(line.octets)
        if isinstance(reply, Prompt):
            self._low, self._high = reply.low, reply.high
        findings = self._follow(reply)
        while self._waiting and self.state not in _OWED:
            self._advance(self._waiting.popleft())  # marked when it came
        return findings

    def _follow(self, reply: Reply) -> list[Finding]:
        before = self.state
        try:
            self.state = advance(before, reply)
        except OutOfTurnError:
            return self._unexpected(before, reply)
        return []

    def _unexpected(self, before: State, reply: Reply) -> list[Finding]:
        landmark = None if _is_foreign(reply) else _LANDMARKS.get(_kind(reply))
        if landmark is not None:
            self.state = landmark
        elif before in _OWED:
            self.state = _OWED[before][2]
        if before is State.CLOSED:
            return [Finding("P-8", "sent after the end of the conversation")]
        if before in _OWED:
            clause, owed, _ = _OWED[before]
            return [
                Finding(
                    clause,
                    f"{'no reply of this protocol' if _is_foreign(reply) else 'not the reply'}: {owed}",
                )
            ]
        return [
            Finding(
                "F-5", "sent without being asked: a server speaks when it is spoken to, there is no banner"
            )
        ]


def _is_foreign(reply: Reply) -> bool:
    return isinstance(reply, Unknown | NobodyListed)


def _framing(side: Side, line: Line) -> list[Finding]:
    findings = []
    if line.is_too_long:
        findings.append(Finding("F-2", f"longer than {MAX_LINE_OCTETS} octets"))
    if not line.terminator:
        findings.append(
            Finding(
                "F-6" if side is Side.CLIENT else "F-1", "the stream ended before the line: end it by CR LF"
            )
        )
    elif line.terminator == b"\n" and side is Side.SERVER and not line.is_too_long:
        findings.append(Finding("F-1", "ended by LF alone: a server always sends CR LF"))
    if side is Side.SERVER and line.pieces > 1:
        findings.append(
            Finding(
                "F-4", f"came in {line.pieces} pieces: send each reply in one write, its line end included"
            )
        )
    return findings
