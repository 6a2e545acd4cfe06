"""What a line that is out of turn tells of its sender, pure: what was seen, and what to do (S-2, P-6).

People and programs that meet the protocol for the first time make the same mistakes. "Say Hello first" is a
riddle to whoever said Hello behind something that no terminal shows.
"""

import re
from typing import Final

from services.protocol import refusals
from services.protocol.codec import encode, parse_request
from services.protocol.messages import AdminHello, Game, Guess, Name, Refused, Watch, Who
from services.protocol.state import State

_SEEN: Final[tuple[tuple[re.Pattern[bytes], str], ...]] = tuple(
    (re.compile(pattern, re.DOTALL), seen)
    for pattern, seen in (
        (rb"(?:\xff\xfe|\xfe\xff)?(?:[\t -~]\0|\0[\t -~])+[\r\0]*", "text in UTF-16, send ASCII"),
        (rb".*\xff[\xfa-\xfe].*", "telnet negotiation, connect raw: PuTTY has the type Raw, others nc"),
        (rb"\xef\xbb\xbf.*", "a byte order mark, send ASCII without it"),
        (rb"\x16\x03.*", "a TLS handshake, this port is in the clear"),
        (rb".*\r", "CR CR LF, end each line by CR LF"),
        (rb".*\r.*", "CR alone, end each line by CR LF"),
        (rb".*\\[rn]", "a backslash and a letter, end each line by the octets CR LF"),
        (rb"[ \t]*", "an empty line"),
        (rb"(?:SSH-|EHLO |HELO |PRI \* HTTP/|PROXY ).*", "words of another protocol, check host and port"),
        (rb"[ \t]*(['\"`]).*\1[ \t]*", "quotation marks, leave them out"),
        (rb".*[^\t -~].*", "octets that are no printable ASCII, type the line again"),
    )
)

_ASKS: Final = re.compile(rb"[ \t]*(?:[/-]*(?:help|h|\?)|start|play|quit|exit)[ \t]*", re.IGNORECASE)
_HTTP: Final = re.compile(rb"[A-Z]+ \S+ HTTP/1\.[01]")

_TYPE: Final = {
    State.CONNECTED: "type Hello, then Game, then numbers, a line each",
    State.GREETED: "type Game, then numbers, a line each",
    State.ADMIN_CONNECTED: "type Hello, then Who or Watch, a line each",
    State.ADMIN_GREETED: "type Who or Watch",
}
_OF_PLAYERS: Final = (Game, Guess, Name)
_OF_ADMINISTRATORS: Final = (AdminHello, Who, Watch)

_FIRST: Final = {State.CONNECTED, State.ADMIN_CONNECTED}


def out_of_turn(state: State, expected: str, line: bytes) -> str:
    """Return why a line is refused: what was expected, and what the line shows beside it."""
    if state in _FIRST and _HTTP.fullmatch(line):
        return refusals.NO_WEB_SERVER
    hint = _hint(state, line)
    return f"{expected} ({hint})" if hint else expected


def encode_refusal(state: State, reason: str, line: bytes) -> bytes:
    """Return the negative answer to a line, in the form that its sender understands (clause P-6)."""
    refusal = encode(Refused(reason))
    if state in _FIRST and _HTTP.fullmatch(line):
        return (
            b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
            b"Connection: close\r\n\r\n%b" % (len(refusal), refusal)
        )
    return refusal


def _hint(state: State, line: bytes) -> str | None:
    if state not in _TYPE:
        return None
    for pattern, seen in _SEEN:
        if pattern.fullmatch(line):
            return f"seen: {seen}"
    request = parse_request(line)
    if state in {State.CONNECTED, State.GREETED}:
        if isinstance(request, _OF_ADMINISTRATORS):
            return "that is for the port of administrators, 4001 if it was not changed"
    elif isinstance(request, _OF_PLAYERS):
        return "that is for the port of players, 4000 if it was not changed"
    return _TYPE[state] if isinstance(request, Guess) or _ASKS.fullmatch(line) else None
