"""Hints in refusals: the usual mistakes of people and programs, each named by what was seen."""

from __future__ import annotations

import codecs

import pytest

from services.protocol.hints import encode_refusal, out_of_turn
from services.protocol.state import State

PUTTY = b"\xff\xfb\x1f\xff\xfb\x20\xff\xfb\x18\xff\xfb\x27\xff\xfd\x01\xff\xfb\x03\xff\xfd\x03"
FIRST = (State.CONNECTED, State.ADMIN_CONNECTED)


@pytest.mark.parametrize("state", FIRST)
@pytest.mark.parametrize(
    ("line", "seen"),
    [
        (PUTTY + b"Hello", "telnet negotiation"),
        (b"Hello" + PUTTY, "telnet negotiation"),
        (codecs.BOM_UTF8 + b"Hello", "a byte order mark"),
        (codecs.BOM_UTF16_LE + "Hello\r".encode("utf-16-le"), "UTF-16"),
        (codecs.BOM_UTF16_BE + "Hello\r".encode("utf-16-be") + b"\0", "UTF-16"),
        (b"\x16\x03\x01\x02\0\x01", "a TLS handshake"),
        (b"Hello\r", "CR CR LF"),
        (b"\r", "CR CR LF"),
        (b"Hello\rGame", "CR alone"),
        (rb"Hello\r", "a backslash and a letter"),
        (rb"Hello\n", "a backslash and a letter"),
        (b"", "an empty line"),
        (b" \t", "an empty line"),
        (b"'Hello'", "quotation marks"),
        (b'"Hello"', "quotation marks"),
        (b"Helo\x08lo", "no printable ASCII"),
        (b"\x1b[AHello", "no printable ASCII"),
        ("\u200bHello".encode(), "no printable ASCII"),
        (b"SSH-2.0-OpenSSH_9.6", "another protocol"),
        (b"EHLO mail.example", "another protocol"),
        (b"PRI * HTTP/2.0", "another protocol"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2", "another protocol"),
    ],
)
def test_what_was_seen_is_named(state: State, line: bytes, seen: str) -> None:
    """Beside what was expected stands what no terminal shows, and what to do about it (S-2)."""
    reason = out_of_turn(state, "say Hello first", line)
    assert reason.startswith("say Hello first (seen: ")
    assert seen in reason
    assert reason.isascii()
    assert reason.isprintable()


@pytest.mark.parametrize(
    ("state", "lines", "hint"),
    [
        (State.CONNECTED, ["help", "?", "/h", "--help", "15", "Guess: 15", "quit"], "type Hello, then Game"),
        (State.GREETED, ["help", "?", "HELP"], "type Game, then numbers"),
        (State.ADMIN_CONNECTED, ["help", "?"], "type Hello, then Who or Watch"),
        (State.ADMIN_GREETED, ["help", "?"], "type Who or Watch"),
        (State.CONNECTED, ["Who", "Watch", "Admin-Hello"], "the port of administrators"),
        (State.GREETED, ["Who"], "the port of administrators"),
        (State.ADMIN_CONNECTED, ["Game", "15", "My Guess is: 15", "Name: ann"], "the port of players"),
        (State.ADMIN_GREETED, ["Game", "15"], "the port of players"),
    ],
)
def test_who_asks_is_told_what_to_type(state: State, lines: list[str], hint: str) -> None:
    """Help, a question mark, a number, and words of the other port each get the way on (S-2)."""
    for line in lines:
        assert hint in out_of_turn(state, "expected", line.encode())


@pytest.mark.parametrize("line", [b"x", b"Hallo", b"hello there", b"GET / HTTP/1.1x", b"GET /", b"Pong"])
def test_other_lines_are_refused_as_ever(line: bytes) -> None:
    """Where nothing is to be seen the reason is what was expected and nothing else."""
    assert out_of_turn(State.CONNECTED, "say Hello first", line) == "say Hello first"
    assert encode_refusal(State.CONNECTED, "say Hello first", line) == b"Refused: say Hello first\r\n"


@pytest.mark.parametrize("state", FIRST)
@pytest.mark.parametrize(
    "line", [b"GET / HTTP/1.1", b"POST /x?y HTTP/1.0", b"HEAD / HTTP/1.1", b"CONNECT x:443 HTTP/1.1"]
)
def test_a_browser_is_told_where_the_page_is(state: State, line: bytes) -> None:
    """The answer is a whole response of HTTP with one line to read (P-6)."""
    reason = out_of_turn(state, "say Hello first", line)
    head, _, body = encode_refusal(state, reason, line).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 400 ")
    assert b"Content-Length: %d\r\n" % len(body) in head
    assert body == f"Refused: {reason}\r\n".encode()
    assert "open the page" in reason


def test_a_browser_comes_first_or_not_at_all() -> None:
    """After a greeting nobody speaks HTTP: one line answers whatever comes (F-4)."""
    line = b"GET / HTTP/1.1"
    assert out_of_turn(State.GREETED, "say Game first", line) == "say Game first"
    assert encode_refusal(State.GREETED, "say Game first", line) == b"Refused: say Game first\r\n"
