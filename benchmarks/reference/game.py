"""What the reference servers share: the game in its ordinary spelling, and their command line."""

import argparse
import gc
import random
import ssl
from typing import Final, NamedTuple

HOST: Final = "127.0.0.1"
BACKLOG: Final = 4096
CORRECT: Final = b"Correct\r\n"
_GUESS: Final = b"My Guess is: "
_RANGE: Final = range(1, 31)
_CLOSE_DISTANCE: Final = 2


def draw_secret() -> int:
    """Return the number to be guessed."""
    return random.choice(_RANGE)


def judge(secret: int, number: int) -> bytes:
    """Return the reply to a guess."""
    distance = abs(secret - number)
    if not distance:
        return CORRECT
    return b"Close\r\n" if distance <= _CLOSE_DISTANCE else b"Far\r\n"


class Player:
    """One player's game, line by line."""

    __slots__ = ("_greeted", "secret")

    def __init__(self) -> None:
        self._greeted = False
        self.secret = 0

    def answer(self, line: bytes) -> bytes | None:
        """Return the reply to a line without its terminator, or None to hang up."""
        if self.secret:
            if not line.startswith(_GUESS):
                return None
            return judge(self.secret, int(line[len(_GUESS) :]))
        if line == b"Hello":
            self._greeted = True
            return b"Greetings\r\n"
        if line == b"Game" and self._greeted:
            self.secret = draw_secret()
            return b"Ready\r\n"
        return None


# By secret: every wrong guess, terminator included, with its reply.
TABLES: Final = {
    secret: {_GUESS + b"%d\r\n" % number: judge(secret, number) for number in _RANGE if number != secret}
    for secret in _RANGE
}


class Arguments(NamedTuple):
    """What a reference server is told."""

    port: int
    tls: ssl.SSLContext | None


def arguments() -> Arguments:
    """Read the command line, and make ready for measuring."""
    parser = argparse.ArgumentParser(description="A reference server of the benchmarks.")
    parser.add_argument("port", type=int)
    parser.add_argument("tls", nargs="*", help="certificate and key")
    given = parser.parse_args()
    context = None
    if given.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(*given.tls)
    gc.collect()
    gc.freeze()  # what was made up to here needs no collecting, in any design
    return Arguments(given.port, context)
