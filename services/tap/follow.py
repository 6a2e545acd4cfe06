"""A tapped conversation, pure: both sides walk through the protocol's table, and broken clauses are named.

Programs of the family speak in dialects, and a tap is for programs that are not finished. So a message out
of turn is marked, and the conversation is followed from where the next reply shows it to be. Times are
seconds since the tap was started.
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
    Guessed,
    Joined,
    Left,
    Listed,
    NobodyListed,
    Pong,
    Prompt,
    Unknown,
    Verdict,
    Won,
)
from services.protocol.printable import printable_octets
from services.protocol.rules import CLASSIC
from services.protocol.state import TRANSITIONS, State, advance
from services.tap.owed import LANDMARKS, LIST_END, OWED, end_after, prompt_of, refusal_of
from services.tap.players import Players
from services.tap.stream import SMALL_CHUNK_OCTETS, LineStream

if TYPE_CHECKING:
    from services.protocol.messages import Message, Reply, Request
    from services.protocol.state import Kind
    from services.tap.owed import Owed
    from services.tap.stream import Line

TLS_HANDSHAKE: Final = b"\x16"
"""The first octet of an encrypted connection (clause T-1)."""

WAITING_REQUESTS: Final = 64
"""So many requests are kept that a client sent before its turn; more are shown, and not followed."""

SILENCE_S: Final = 1.0
"""After so much silence the tap says what is waited for: the end of a line, or a reply."""


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
    note: str = ""
    """What the tap adds to a line: whose address it names."""


_CLIENTS_CLAUSE: Final[dict[State, str]] = {
    State.CONNECTED: "P-1",
    State.GREETED: "P-2",
    State.ADMIN_CONNECTED: "A-1",
    State.ADMIN_GREETED: "A-10",
    State.WATCHING: "A-5",
}


def _kind(message: Message) -> Kind:
    return message if isinstance(message, Verdict) else type(message)


class Conversation:
    """One tapped connection, both directions of it."""

    def __init__(self, port: Port, players: Players | None = None) -> None:
        """Begin with nothing said.

        Args:
            port: which port of the server it is for.
            players: whose addresses a list may name.
        """
        self.state = State.CONNECTED if port is Port.PLAYER else State.ADMIN_CONNECTED
        self._parse_reply = parse_player_reply if port is Port.PLAYER else parse_admin_reply
        self._players = players or Players()
        self._low, self._high = CLASSIC.low, CLASSIC.high
        self._streams = {side: LineStream() for side in Side}
        self._begun_s: dict[Side, float] = {}
        """When the last piece came of a line that a side has not ended, until that is said."""
        self._waiting: deque[Request] = deque(maxlen=WAITING_REQUESTS)
        self._owed: Owed | None = None
        self._owed_since_s = 0.0
        self._owed_is_told = False
        self._asked_in = self.state
        """The state in which the line was said that the server owes a reply to."""
        self._guess_number: int | None = None
        self._unanswered = 0
        """Lines that the client gave up waiting for; one reply for each may still come."""
        self._is_answered_early = False
        """Whether the line that the client has begun was answered already."""
        self._is_left_unended = False
        self._has_asked = False
        self._is_encrypted = False
        self._has_begun = False

    def received(self, side: Side, data: bytes, at_s: float) -> list[Shown]:
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
        self._begun_s.pop(side, None)
        if not data:
            return [*(self._show(side, line, at_s) for line in stream.end()), *self._ended(side, at_s)]
        shown = [self._show(side, line, at_s) for line in stream.feed(data)]
        if stream.unterminated:
            self._begun_s[side] = at_s
            if len(data) < SMALL_CHUNK_OCTETS:
                piece = data[data.rfind(b"\n") + 1 :]
                shown.append(Shown(side, f"{printable_octets(piece)} (a piece of a line)", is_line=False))
        return shown

    # --- silence

    @property
    def due_s(self) -> float | None:
        """When `silence` will have something to say, if until then nothing more is sent."""
        since = list(self._begun_s.values())
        if self._owed is not None and not self._owed_is_told:
            since.append(self._owed_since_s)
        return min(since) + SILENCE_S if since else None

    def silence(self, at_s: float) -> list[Shown]:
        """Return what is waited for since so long ago that it has to be said; each is said once."""
        shown = []
        for side, since_s in list(self._begun_s.items()):
            if at_s >= since_s + SILENCE_S:
                del self._begun_s[side]
                text = f"{printable_octets(self._streams[side].unterminated)} (no line end has come)"
                note = "a line is read only when it is ended: send CR LF (\\r\\n) after it"
                shown.append(Shown(side, text, (Finding("F-1", note),), is_line=False))
        if self._owed is not None and not self._owed_is_told and self._is_overdue(at_s):
            self._owed_is_told = True
            if not self._streams[Side.SERVER].unterminated:
                text = f"(waits for {self._owed.since(self._owed_since_s)})"
                shown.append(Shown(Side.SERVER, text, is_line=False))
        return shown

    def left(self, at_s: float) -> list[Shown]:
        """Return what the server still owed when the connection, or the tap, ended."""
        findings = [*self._broken_promise(at_s), *self._never_answered()]
        self._owed = None
        return [Shown(Side.SERVER, "(still owed)", tuple(findings), is_line=False)] if findings else []

    def _is_overdue(self, at_s: float) -> bool:
        return at_s >= self._owed_since_s + SILENCE_S

    def _broken_promise(self, at_s: float) -> list[Finding]:
        """Name what is owed, where there was time to give it."""
        if self._owed is None or not self._is_overdue(at_s):
            return []
        return [Finding(self._owed.clause, self._owed.since(self._owed_since_s))]

    def _never_answered(self) -> list[Finding]:
        count, self._unanswered = self._unanswered, 0
        return [Finding("F-3", f"every line gets its reply, and {count} before did not")] if count else []

    def _owe(self, owed: Owed | None, at_s: float) -> None:
        self._owed = owed
        self._owed_since_s = at_s
        self._owed_is_told = False

    # --- both sides

    def _show(self, side: Side, line: Line, at_s: float) -> Shown:
        findings = [*_framing(side, line)]
        if side is Side.CLIENT:
            findings += self._request(line, at_s)
            return Shown(side, printable_octets(line.octets), tuple(findings))
        reply = self._parse_reply(line.octets)
        findings += self._reply(reply, at_s)
        note, ghost = self._whose(reply, at_s)
        return Shown(side, printable_octets(line.octets), (*findings, *ghost), note=note)

    def _ended(self, side: Side, at_s: float) -> list[Shown]:
        findings: list[Finding] = []
        owed, text = self._owed, "(closed its side)"
        if side is Side.CLIENT:
            # Replies may still come (clause F-6), but the end has been waited for.
            shown = self.left(at_s) if owed is not None and owed.is_end else []
            return [*shown, Shown(side, text, is_line=False)]
        if owed is not None and not owed.is_end:
            findings.append(Finding(owed.clause, f"closed although it owed {owed.reply}"))
        findings += self._never_answered()
        self._owe(None, at_s)
        self._waiting.clear()
        self.state = State.CLOSED
        return [Shown(side, text, tuple(findings), is_line=False)]

    def _whose(self, reply: Reply, at_s: float) -> tuple[str, list[Finding]]:
        """Tell whose address a line names, and whether that player has gone."""
        if not isinstance(reply, Listed | Joined | Guessed | Won | Left):
            return "", []
        player = self._players.find(reply.address)
        if player is None:
            return "", []
        note = f"(player {player.number})"
        # The server may not have seen an end that is a moment old.
        if not isinstance(reply, Listed) or player.ended_s is None or at_s < player.ended_s + SILENCE_S:
            return note, []
        clause = "A-3" if self.state in {State.LISTING, State.WATCHING} else "A-2"
        return note, [
            Finding(
                clause, f"a list names who plays now: player {player.number} ended at {player.ended_s:.3f}"
            )
        ]

    # --- the client's side

    def _request(self, line: Line, at_s: float) -> list[Finding]:
        self._has_asked = True
        if self._is_answered_early:
            self._is_answered_early = False
            return []
        if not line.terminator:
            self._is_left_unended = True
            return []  # not executed (clause F-6)
        request = parse_request(line.octets)
        if self._owed is None or self.state is State.CLOSED or self._is_no_question(request):
            return self._ask(request, at_s)
        if self._is_overdue(at_s) or self._streams[Side.SERVER].unterminated:
            self._give_up(request, at_s)
            return self._ask(request, at_s)
        self._waiting.append(request)
        return [Finding("C-1", f"sent before the reply to the line before it ({self._owed.reply}) was there")]

    def _is_no_question(self, request: Request) -> bool:
        return self.state is State.LISTING and isinstance(request, Pong)

    def _give_up(self, request: Request, at_s: float) -> None:
        """Go on as the client does, which has waited for long enough: with `request`."""
        requests = [*self._waiting, request]
        self._waiting.clear()
        for number, following in enumerate(requests):
            if number:
                self._ask(requests[number - 1], at_s)
            if self._owed is None:
                continue
            self._unanswered += not self._owed.is_end
            may_repeat = _kind(following) in TRANSITIONS[self._asked_in]
            self.state = self._asked_in if may_repeat else self._owed.following
            self._owe(None, at_s)

    def _ask(self, request: Request, at_s: float) -> list[Finding]:
        """Follow a line that the client has said, and return what is wrong with it."""
        before = self.state
        if before is State.CLOSED:
            return [Finding("C-4", "the conversation is over: close, and connect again for another game")]
        if not self._is_no_question(request):
            self._asked_in = before
        try:
            self.state = advance(before, request)
        except OutOfTurnError as error:
            self._owe(refusal_of(before), at_s)
            return [Finding(_CLIENTS_CLAUSE.get(before, "S-1"), f"out of turn: {error.reason}")]
        if self.state is State.JUDGING:
            return self._guess(request, at_s)
        if self.state is not before:
            self._owe(OWED.get(self.state), at_s)
        return []

    def _guess(self, request: Request, at_s: float) -> list[Finding]:
        self._guess_number = request.number if isinstance(request, Guess) else None
        if self._is_in_range():
            self._owe(OWED[State.JUDGING], at_s)
            return []
        self._owe(prompt_of(self._low, self._high), at_s)
        if isinstance(request, Guess):
            return [Finding("C-3", f"not a number from {self._low} to {self._high}")]
        return [Finding("P-3", "no guess: spell it `My Guess is: N`, `Guess: N` or just `N`")]

    def _is_in_range(self) -> bool:
        return self._guess_number is not None and self._low <= self._guess_number <= self._high

    # --- the server's side

    def _reply(self, reply: Reply, at_s: float) -> list[Finding]:
        if isinstance(reply, Prompt):
            self._low, self._high = reply.low, reply.high
        findings = self._follow(reply, at_s)
        while self._waiting and self._owed is None:
            self._ask(self._waiting.popleft(), at_s)  # marked when it came
        return findings

    def _follow(self, reply: Reply, at_s: float) -> list[Finding]:
        before = self.state
        try:
            following = advance(before, reply)
        except OutOfTurnError:
            return self._unexpected(reply, at_s)
        findings = self._misjudged(reply) if before is State.JUDGING else []
        if following is not before or before is State.LISTING_ONCE:
            self._enter(following, reply, at_s)
        return findings

    def _misjudged(self, reply: Reply) -> list[Finding]:
        """Tell a verdict from the prompt where the table allows both (clauses P-4, P-5)."""
        if isinstance(reply, Verdict) and not self._is_in_range():
            prompt = prompt_of(self._low, self._high)
            return [Finding(prompt.clause, f"not the reply to what is no guess in range: {prompt.reply}")]
        if isinstance(reply, Prompt) and self._is_in_range():
            return [Finding("P-4", "not the reply to a guess in range: Far, Close or Correct")]
        return []

    def _enter(self, state: State, reply: Reply, at_s: float) -> None:
        before, self.state = self.state, state
        if state is State.CLOSED:
            self._owe(end_after(before, reply), at_s)
        else:
            self._owe(LIST_END if state is State.LISTING_ONCE else OWED.get(state), at_s)

    def _unexpected(self, reply: Reply, at_s: float) -> list[Finding]:
        before, owed = self.state, self._owed
        landmark = None if _is_foreign(reply) else LANDMARKS.get(_kind(reply))
        is_late = self._unanswered > 0
        if is_late:
            self._unanswered -= 1
            if owed is not None and landmark is self._asked_in:
                return []  # it led to where the line was said that is owed its own reply
        if before is State.CLOSED:
            return [] if owed is None else [Finding(owed.clause, "sent after the end of the conversation")]
        if owed is not None:
            is_list = before in {State.LISTING_ONCE, State.LISTING}
            self._enter(landmark or (before if is_list else owed.following), reply, at_s)
        elif landmark is not None:
            self._enter(landmark, reply, at_s)
        if is_late:
            return []
        if owed is not None:
            what = "no reply of this protocol" if _is_foreign(reply) else "not the reply"
            return [Finding(owed.clause, f"{what}: {owed.reply}")]
        return [self._unasked()]

    def _unasked(self) -> Finding:
        if self._streams[Side.CLIENT].unterminated or self._is_left_unended:
            self._is_answered_early = not self._is_left_unended
            return Finding(
                "F-3", "answered a line before its end: a server reads up to the LF first (F-8 apart)"
            )
        if not self._has_asked:
            return Finding(
                "F-5", "sent without being asked: a server speaks when it is spoken to, there is no banner"
            )
        return Finding("F-5", "sent without being asked: each line gets one reply, of one line")


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
