"""Whatever comes over the wire: after every case a well-behaved player is seen to finish its game."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

import pytest

from tests.support.play import finish_a_game
from tests.support.server_process import LOOPS, Alteration, ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.line_client import LineClient

SEED = 20_241_130
"""The same cases each time: one that fails can be looked at again."""

GAME = b"Hello\r\nGame\r\n"
SESSIONS = (
    GAME + b"My Guess is: 5\r\nGuess: 7\r\n 9 \r\nMy Guess is: x\r\n30\r\n",
    b"Hello\r\nWatch\r\nWho\r\nPong\r\nWho\r\n",
    b"Admin-Hello\r\nWho\r\n",
)
PROMPT = "Pick a number between 1-30"
ADDRESS = r"[0-9.]+ \d+"
REPLY = re.compile(
    rf"Greetings|Ready|Far|Close|Correct|{PROMPT}|Refused: [ -~]+|Admin-Greetings|End|Ping [0-9]+||{ADDRESS}"
    rf"|(Joined|Left) {ADDRESS}|Won {ADDRESS} \d+|Guessed {ADDRESS} \d+ (Far|Close|Correct)"
)


@pytest.fixture(scope="module", params=LOOPS, ids=["fastest loop", "asyncio", "no epoll"])
def running(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    """Give a server on one event loop and on the other."""
    with ServerProcess(Alteration(without=request.param)) as server:
        yield server


@pytest.fixture
def server(running: ServerProcess) -> Iterator[ServerProcess]:
    """Give a server that is still well when the case is over."""
    yield running
    finish_a_game(running)


def send_and_read(client: LineClient, *pieces: bytes) -> list[str]:
    """Say pieces, end the stream, and return the lines of the replies; each is one of the protocol's."""
    with client:
        try:
            for piece in pieces:
                client.send(piece)
            client.end_sending()
        except ConnectionError:
            pass  # refused before everything was said
        replies = client.read_rest()
        if replies.startswith(b"HTTP/1.0 400 "):
            replies = replies.partition(b"\r\n\r\n")[2]  # to a browser the line is a body (P-6)
        *lines, rest = replies.decode("ascii").split("\r\n")
    assert not rest, f"a reply without its end: {rest!r}"
    for line in lines:
        assert REPLY.fullmatch(line), line
    return lines


def test_random_octets(server: ServerProcess) -> None:
    """Octets without any sense are refused, on both ports, at any length (G-2)."""
    dice = random.Random(SEED)
    for length in (1, 2, 10, 447, 448, 449, 511, 512, 513, 5_000, 100_000):
        for connect in (server.new_player, server.new_admin):
            lines = send_and_read(connect(), dice.randbytes(length))
            assert len(lines) == 1
            assert lines[0].startswith("Refused: ")


def test_random_octets_while_playing(server: ServerProcess) -> None:
    """In a game they are answered line by line; it ends by too many of them, or by one that is too long."""
    dice = random.Random(SEED)
    for _ in range(20):
        lines = send_and_read(server.new_player(), GAME, dice.randbytes(20_000))
        assert lines[:2] == ["Greetings", "Ready"]
        assert lines[-1].startswith("Refused: ")


@pytest.mark.parametrize("session", SESSIONS, ids=["player", "watcher", "administrator"])
def test_mutated_sessions(server: ServerProcess, session: bytes) -> None:
    """Sessions with octets flipped, lost, doubled or moved, cut anywhere, are answered or refused (G-2)."""
    dice = random.Random(SEED)
    for number in range(60):
        octets = bytearray(session)
        for _ in range(dice.randint(1, 4)):
            place = dice.randrange(len(octets))
            match dice.randrange(4):
                case 0:
                    octets[place] = dice.randrange(256)
                case 1:
                    del octets[place : place + dice.randint(1, 8)]
                case 2:
                    octets[place:place] = octets[place : place + dice.randint(1, 30)]
                case _:
                    octets.insert(place, dice.choice(b"\r\n\0 \t:0\xff"))
        cut = dice.randrange(len(octets) + 1)
        connect = server.new_player if number % 2 else server.new_admin
        send_and_read(connect(), bytes(octets[:cut]), bytes(octets[cut:]))


STATES = {
    "connected": b"",
    "within the first word": b"Hel",
    "greeted": b"Hello\r\n",
    "within the second word": b"Hello\r\nGa",
    "playing": GAME,
    "within a guess": GAME + b"My Guess is: 1",
    "between CR and LF": GAME + b"My Guess is: 99\r",
    "after guesses": GAME + b"0\r\n" * 5,
    "refused": b"Hello\r\nHello\r\n",
    "after a game": GAME + b"".join(b"%d\r\n" % number for number in range(1, 31)),
    "listed": b"Hello\r\nWho\r\n",
    "watching": b"Hello\r\nWatch\r\n",
    "within a watch": b"Hello\r\nWatch\r\nWho\r\nWh",
}
states = pytest.mark.parametrize("said", STATES.values(), ids=STATES.keys())


@states
def test_resets_at_every_state(server: ServerProcess, said: bytes) -> None:
    """A peer that breaks off is forgotten: it is on no list, and holds no seat."""
    for wait in (False, True):
        for connect in (server.new_player, server.new_admin):
            client = connect()
            client.send(said)
            if wait and b"\n" in said:
                client.read_line()
            client.reset()
    with server.new_admin("Hello") as admin:
        assert admin.ask("Watch") == "End"


@states
def test_half_closes_at_every_state(server: ServerProcess, said: bytes) -> None:
    """A peer that ends its stream gets every reply and then the end, whatever it left unfinished (F-6)."""
    for connect in (server.new_player, server.new_admin):
        lines = send_and_read(connect(), said)
        ends_within_a_line = not said.endswith(b"\n") and said != b""
        assert not ends_within_a_line or lines[-1].startswith("Refused: ")
    with server.new_admin("Hello") as admin:
        assert admin.ask("Watch") == "End"


FOREIGN = {
    "NUL": b"\0Hello\r\n",
    "NUL within": b"Hel\0lo\r\n",
    "NUL line": b"\0\r\n",
    "invalid UTF-8": b"\xc3\x28\xa0\xff Hello\r\n",
    "overlong UTF-8": b"\xc0\x8d\xc0\x8aHello\r\n",
    "UTF-16": "Hello\r\n".encode("utf-16"),
    "UTF-16 without a mark": "Hello\r\n".encode("utf-16-le"),
    "UTF-32": "Hello\r\n".encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbfHello\r\n",
    "other blanks": "\u00a0Hello\u2003\r\n".encode(),
    "telnet negotiation": b"\xff\xfb\x1f\xff\xfb\x20\xff\xfd\x03Hello\r\n",
    "telnet interrupt": b"\xff\xf4\xff\xfd\x06Hello\r\n",
    "HTTP": b"GET / HTTP/1.1\r\nHost: game\r\n\r\n",
    "HTTP with a body": b"POST /guess HTTP/1.0\r\nContent-Length: 14\r\n\r\nMy Guess is: 5",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40),
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "SMTP": b"EHLO game\r\n",
    "PROXY": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nHello\r\n",
    "only line ends": b"\r\n\r\n\n\n\r\r",
    "only CR": b"Hello\rGame\r",
    "vertical tab and form feed": b"\x0bHello\x0c\r\n",
    "backspaces": b"Hex\x08llo\r\n",
    "escape sequences": b"\x1b[A\x1b[200~Hello\x1b[201~\r\n",
    "two words in a line": b"Hello Game\r\n",
    "end of transmission": b"\x04",
}


@pytest.mark.parametrize("octets", FOREIGN.values(), ids=FOREIGN.keys())
def test_what_is_not_of_this_protocol(server: ServerProcess, octets: bytes) -> None:
    """It is refused in one line on either port, and answered by the prompt in a game (P-5, P-6, A-10)."""
    for connect in (server.new_player, server.new_admin):
        lines = send_and_read(connect(), octets)
        assert len(lines) == 1
        assert lines[0].startswith("Refused: ")
    lines = send_and_read(server.new_player(), GAME, octets)
    assert lines[:2] == ["Greetings", "Ready"]
    assert set(lines[2:]) <= {PROMPT, "Refused: line not ended by CRLF"}
    assert len(lines) > 2


NUMBERS = (
    *("+5", "-5", "--5", "5.", "5.0", ".5", "5,0", "1e1", "1E1", "0x10", "0b11", "0o7", "5_0", "1 0", "5 5"),
    # An Arabic and a fullwidth digit, Roman and Chinese numerals, a fraction
    *("\u0663", "\uff13", "\u2164", "\u4e94", "\u00bd"),
    *("five", "NaN", "inf", "True", "None", "", " ", "0", "31", "-1", "99999999999", "9" * 400, "0" * 400),
    *("5;", "'5'", "(5)", "5\t6", "5%", "$5", "My Guess is:", "Guess:", "Guess: +5", "My Guess is: 5 6"),
    *("My Guess is: My Guess is: 5", "My Guess was: 5", "Guess 5", "My Guess is 5", ": 5"),
)


def test_spellings_that_are_no_number_in_range(server: ServerProcess) -> None:
    """Only decimal ASCII digits make a number, and only one in range is a guess (P-3, P-5)."""
    guess = "My Guess is: "
    for number in NUMBERS:
        for line in (number, guess + number):
            assert send_and_read(server.new_player(), GAME, line.encode() + b"\r\n") == [
                "Greetings",
                "Ready",
                PROMPT,
            ]


@pytest.mark.parametrize(
    "line",
    [
        *("7", " 7", "7 ", "\t7\t", "07", "0" * 200 + "7"),
        *("Guess:7", "guess : 7", "MY GUESS IS:\t7", "myguessis:7"),
    ],
)
def test_spellings_that_are(server: ServerProcess, line: str) -> None:
    """Case, blanks and leading zeros do not matter (P-3)."""
    (*_, verdict) = send_and_read(server.new_player(), GAME, line.encode() + b"\r\n")
    assert verdict in {"Far", "Close", "Correct"}


def test_games_in_one_piece(server: ServerProcess) -> None:
    """Game after game that arrives in one piece is answered to its end, and nothing after that (P-8)."""
    game = GAME + b"".join(b"My Guess is: %d\r\n" % number for number in range(1, 31))
    for games in (1, 2, 50, 500):
        lines = send_and_read(server.new_player(), game * games)
        assert lines[:2] == ["Greetings", "Ready"]
        assert lines.count("Correct") == 1
        assert lines[-1] == "Correct"


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_game_in_small_pieces(server: ServerProcess, size: int) -> None:
    """However it is cut, a game is answered as if it came line by line (F-3)."""
    game = b"Hello\nGame\r\n" + b"0\r\n" * 3 + b"My Guess is: 12345\r\n"
    pieces = [game[start : start + size] for start in range(0, len(game), size)]
    with server.new_player() as player:
        for piece in pieces:
            player.send(piece)  # each is a segment of its own: nothing waits for an acknowledgement
        assert [player.read_line() for _ in range(6)] == ["Greetings", "Ready", *[PROMPT] * 4]


def test_many_at_once(server: ServerProcess) -> None:
    """Two hundred connections in every state at once, left open, disturb nobody."""
    clients = []
    for number, said in enumerate([*STATES.values()] * 8):
        for connect in (server.new_player, server.new_admin)[: 1 + (number < 20)]:
            clients.append(connect())
            clients[-1].send(said)
    finish_a_game(server)
    for client in clients:
        client.close()
