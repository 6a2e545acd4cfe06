"""The reasons that the server gives in its negative answer (clause P-6): stated here and nowhere else."""

from typing import Final

# --- both ports

HELLO_FIRST: Final = "say Hello first"
WAIT: Final = "wait for the reply"
NO_WEB_SERVER: Final = (
    "this is no web server: to play in a browser, open the page, port 8080 if it was not changed"
)
NOT_ENDED: Final = "line not ended by CRLF"
"""The mistake that beginners make (clauses F-6, P-10)."""
TLS_ONLY: Final = "this port speaks TLS only: give --ca FILE, or openssl s_client"
STOPPING: Final = "server is stopping"


def line_too_long(limit_octets: int) -> str:
    """Say that a line has no end within the limit (clause F-2)."""
    return f"line longer than {limit_octets} octets"


def handshake_timeout(timeout_s: float) -> str:
    """Say that a peer was too slow to begin (clause P-10)."""
    return f"handshake not completed within {timeout_s:g} s"


# --- players

GAME_FIRST: Final = "say Game first"
BAD_NAME: Final = "a name is 1 to 20 letters, digits, - or _"
SERVER_FULL: Final = "server full"
TOO_MANY_INVALID: Final = "too many invalid guesses"
ROUND_UNREACHABLE: Final = "the shared game cannot be reached now, try again"

FOR_NOW: Final = frozenset({STOPPING, SERVER_FULL, ROUND_UNREACHABLE})
"""What tells nothing of how a player plays: later, or at another server, there is a game."""


def idle(timeout_s: float) -> str:
    """Say that a player has been silent for too long (clause P-11)."""
    return f"idle for {timeout_s:g} s"


# --- administrators

WHO_OR_WATCH: Final = "say Who or Watch"
WHO_OR_NOTHING: Final = "say Who or nothing"
NO_ROLE: Final = "the certificate does not carry the administrator's role"
SEAT_TAKEN: Final = "another administrator is watching"
SEAT_LOST: Final = "the seat was lost, watch again"
LIST_UNREACHABLE: Final = "the other servers cannot be asked now, try again"
