"""Lines to messages and back: every spelling, and whatever is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.protocol.codec import encode, parse_admin_reply, parse_player_reply, parse_request, spell
from services.protocol.messages import (
    Address,
    AdminGreetings,
    AdminHello,
    End,
    Game,
    Greetings,
    Guess,
    Guessed,
    Hello,
    Joined,
    Left,
    Listed,
    Missed,
    Name,
    NobodyListed,
    Ping,
    Pong,
    Prompt,
    Ready,
    Refused,
    TooLate,
    Unknown,
    Verdict,
    Watch,
    Welcome,
    Who,
    Won,
)
from tests.support.wire import REQUEST_LINES

if TYPE_CHECKING:
    from services.protocol.messages import AdminReply, PlayerReply, Request

ADDRESSES = st.builds(
    Address, st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str), st.integers(0, 65535)
)
NUMBERS = st.integers(min_value=0, max_value=999_999_999)
VERDICTS = st.sampled_from(Verdict)
REASONS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)).map(str.strip)
NAMES = st.from_regex(r"\A[A-Za-z0-9_-]{1,20}\Z")
NAMES_OR_NONE = st.none() | NAMES
REQUESTS = st.one_of(
    st.sampled_from((Hello(), AdminHello(), Game(), Who(), Watch(), Pong(), Guess(None))),
    st.builds(Guess, NUMBERS),
    st.builds(Name, NAMES_OR_NONE),
)
PLAYER_REPLIES = st.one_of(
    st.sampled_from((Greetings(), Ready())),
    VERDICTS,
    st.builds(Prompt, NUMBERS, NUMBERS),
    st.builds(Welcome, NAMES),
    st.just(TooLate()) | st.builds(TooLate, NUMBERS, NAMES_OR_NONE),
    st.builds(Refused, REASONS),
)
ADMIN_REPLIES = st.one_of(
    st.sampled_from((AdminGreetings(), NobodyListed(), End(), Ping())),
    st.builds(Listed, ADDRESSES, NAMES_OR_NONE),
    st.builds(Joined, ADDRESSES, NAMES_OR_NONE),
    st.builds(Guessed, ADDRESSES, NUMBERS, VERDICTS),
    st.builds(Won, ADDRESSES, NUMBERS),
    st.builds(Left, ADDRESSES),
    st.builds(Refused, REASONS),
)


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        (b"Hello", Hello()),
        (b"hELLO", Hello()),
        (b" \tHello\t ", Hello()),
        (b"Admin-Hello", AdminHello()),
        (b"ADMIN-HELLO", AdminHello()),
        (b"Game", Game()),
        (b"game ", Game()),
        (b"Who", Who()),
        (b"Watch", Watch()),
        (b"pong", Pong()),
    ],
)
def test_commands_are_read_without_regard_to_case_and_outer_blanks(line: bytes, request_: Request) -> None:
    """A command is known in any case and with blanks around it (P-1, P-2, A-1, A-2, A-3, A-8)."""
    assert parse_request(line) == request_


@pytest.mark.parametrize(
    "line",
    [
        b"My Guess is: 15",
        b"my guess IS: 15",
        b"MyGuessis:15",
        b" My \t Guess  is  :  15 ",
        b"Guess: 15",
        b"guess:15",
        b"GUESS : 15",
        b"15",
        b"\t15 ",
        b"0015",
    ],
)
def test_a_guess_has_three_spellings(line: bytes) -> None:
    """A guess is known by either prefix or as a bare number, wherever the blanks are (P-3)."""
    assert parse_request(line) == Guess(15)


@pytest.mark.parametrize(
    "number",
    [
        b"",
        b"+5",
        b"-5",
        b"0x10",
        "٣".encode(),
        b"1e3",
        b"1.5",
        b"1_0",
        b"1 5",
        b"ten",
        b"5;",
        b"5\x00",
        b"\xb2",
    ],
)
def test_what_is_not_decimal_digits_is_no_number(number: bytes) -> None:
    """Only ASCII decimal digits are a number: with a prefix it guesses nothing, bare it is unknown (P-3)."""
    assert parse_request(b"My Guess is: " + number) == Guess(None)
    assert parse_request(b"Guess: " + number) == Guess(None)
    assert isinstance(parse_request(number), Unknown)


def test_a_number_may_be_as_long_as_its_line() -> None:
    """Twenty digits are a number, and so are as many as a line can hold (P-3, P-5)."""
    assert parse_request(b"12345678901234567890") == Guess(12345678901234567890)
    assert parse_request(b"9" * 510) == Guess(int("9" * 510))


@pytest.mark.parametrize("line", [b"Name: ann", b"NAME:ann", b"  name \t:\tann "])
def test_a_name_is_read_without_regard_to_case_and_blanks(line: bytes) -> None:
    """The word before the colon may have any case, and blanks do not matter (N-1)."""
    assert parse_request(line) == Name("ann")


@pytest.mark.parametrize("name", [b"a", b"Zo3_the-2nd_of_1234", b"-", b"0", b"End"])
def test_letters_digits_hyphens_and_underscores_are_a_name(name: bytes) -> None:
    """Up to 20 of them are taken as they are (N-2)."""
    assert parse_request(b"Name: " + name) == Name(name.decode())


@pytest.mark.parametrize(
    "name", [b"", b"x" * 21, b"two words", b"a.b", "Zoë".encode(), b"\x1b[2J", b"<b>", b"ann\r", b"ann\x00"]
)
def test_anything_else_is_no_name(name: bytes) -> None:
    """It is known that a name was meant, and that it may not be one (N-2)."""
    assert parse_request(b"Name: " + name) == Name(None)


@pytest.mark.parametrize(
    "line",
    [b"", b" ", b"Name", b"Name ann", b"Names: ann",
     b"Hello!", b"Hello Game", b"Guess 15", b"My Guess: 15", b"Guess is: 15", b"My Guess is 15",
     b"Admin Hello", b"GET / HTTP/1.1", b"Hello\x0b", b"Hello\r"],
)  # fmt: skip
def test_what_is_no_message_is_unknown(line: bytes) -> None:
    """A line that is none of the spellings is kept as it is, for the state machine to judge (P-3, P-6)."""
    assert parse_request(line) == Unknown(line.decode("ascii"))


def test_other_octets_of_an_unknown_line_are_spelled_out() -> None:
    r"""Octets that are no ASCII become \xNN, so that every message is ASCII (F-1)."""
    assert parse_request(b"Gr\xc3\xbc\xff") == Unknown(r"Gr\xc3\xbc\xff")


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"Greetings", Greetings()),
        (b"GREETINGS, player 3!", Greetings()),
        (b"ready", Ready()),
        (b"Ready.", Ready()),
        (b"Welcome ann", Welcome("ann")),
        (b"Welcome", Unknown("Welcome")),
        (b"Welcome to the game", Unknown("Welcome to the game")),
        (b"Too late", TooLate()),
        (b"too  late!", TooLate()),
        (b"Too late 17", TooLate(17)),
        (b"Too late 17 ann", TooLate(17, "ann")),
        (b"Too late, 17 was it", TooLate()),
        (b"Too late 17 for you today", TooLate()),
        (b"Too high", Unknown("Too high")),
        (b"Far", Verdict.FAR),
        (b" close ", Verdict.CLOSE),
        (b"Correct! You win", Verdict.CORRECT),
        (b"Pick a number between 1-30", Prompt(1, 30)),
        (b"pick a number between 1 - 30.", Prompt(1, 30)),
        (b"Refused: server full", Refused("server full")),
        (b"REFUSED", Refused("")),
        (b"Refused because I can", Refused("because I can")),
        (b"Refusedly", Unknown("Refusedly")),
        (b"Correctness", Unknown("Correctness")),
        (b"Farewell", Unknown("Farewell")),
        (b"Pick one", Unknown("Pick one")),
        (b"42", Unknown("42")),
        (b"", Unknown("")),
    ],
)
def test_a_player_reads_a_reply_by_its_first_word(line: bytes, reply: PlayerReply) -> None:
    """The first word decides, in any case, whatever a server of the family adds to it (C-2, N-1, N-4)."""
    assert parse_player_reply(line) == reply


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"Admin-Greetings", AdminGreetings()),
        (b"192.0.2.7 50123", Listed(Address("192.0.2.7", 50123))),
        (b"2001:db8::7 50124", Listed(Address("2001:db8::7", 50124))),
        (b"", NobodyListed()),
        (b"End", End()),
        (b"Joined ::1 4", Joined(Address("::1", 4))),
        (b"Guessed ::1 4 15 Close", Guessed(Address("::1", 4), 15, Verdict.CLOSE)),
        (b"Won ::1 4 7", Won(Address("::1", 4), 7)),
        (b"Left ::1 4", Left(Address("::1", 4))),
        (b"2001:db8::7 50124 ann", Listed(Address("2001:db8::7", 50124), "ann")),
        (b"Joined ::1 4 17", Joined(Address("::1", 4), "17")),
        (b"Joined ::1 4 two words", Unknown("Joined ::1 4 two words")),
        (b"Left ::1 4 ann", Unknown("Left ::1 4 ann")),
        (b"Ping", Ping()),
        (b"Ping 3605", Ping(3605)),
        (b"Missed 12", Missed(12)),
        (b"Refused: another administrator is watching", Refused("another administrator is watching")),
        (b"Won ::1 4", Unknown("Won ::1 4")),
        (b"::1  4", Unknown("::1  4")),
        (b"Guessed ::1 4 15 Near", Unknown("Guessed ::1 4 15 Near")),
    ],
)
def test_an_administrator_reads_our_server_exactly(line: bytes, reply: AdminReply) -> None:
    """List, events and the rest have one spelling each (A-1, A-2, A-3, A-4, A-6, A-7, A-8, N-3)."""
    assert parse_admin_reply(line) == reply


@given(st.one_of(REQUESTS, PLAYER_REPLIES, ADMIN_REPLIES))
def test_a_message_is_one_line_of_ascii_ended_by_crlf(message: Request | PlayerReply | AdminReply) -> None:
    """Every message is a single line, with its CRLF, within the limit (F-1, F-4)."""
    line = encode(message)

    assert line == spell(message).encode("ascii") + b"\r\n"
    assert b"\n" not in line[:-1]


@given(REQUESTS)
def test_a_request_survives_the_wire(request_: Request) -> None:
    """A server reads every request as the client meant it (F-1)."""
    assert parse_request(encode(request_)[:-2]) == request_


@given(PLAYER_REPLIES)
def test_a_reply_to_a_player_survives_the_wire(reply: PlayerReply) -> None:
    """A player reads every reply as the server meant it (F-1)."""
    assert parse_player_reply(encode(reply)[:-2]) == reply


@given(ADMIN_REPLIES)
def test_a_reply_to_an_administrator_survives_the_wire(reply: AdminReply) -> None:
    """An administrator reads every reply and event as the server meant it (F-1)."""
    assert parse_admin_reply(encode(reply)[:-2]) == reply


@given(st.one_of(REQUEST_LINES, st.binary(max_size=511).filter(lambda line: b"\n" not in line)))
def test_any_line_is_read_and_what_was_read_is_stable(line: bytes) -> None:
    """Any octets give a message of each kind, and spelling it and reading it again changes nothing (F-1)."""
    for parse in (parse_request, parse_player_reply, parse_admin_reply):
        message = parse(line)
        assert parse(encode(message)[:-2]) == message
