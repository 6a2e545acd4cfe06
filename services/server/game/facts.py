"""The facts of a session that are logged: names, levels and fields, as docs/logs.md lists them."""

from enum import Enum

Value = str | int | float


class Fact(Enum):
    """An event of the log, its level, and the names of its own fields."""

    CONNECTION_PROBED = ("connection_probed", "debug", ("seconds",))
    HANDSHAKE_ADVANCED = ("handshake_advanced", "info", ("step", "reply"))
    HANDSHAKE_COMPLETED = ("handshake_completed", "info", ("dialect",))
    HANDSHAKE_REFUSED = ("handshake_refused", "info", ("reason", "input"))
    GUESS_JUDGED = ("guess_judged", "info", ("number", "verdict", "attempt"))
    ROUND_GUESS_JUDGED = ("round_guess_judged", "info", ("number", "verdict", "attempt", "round"))
    GUESS_TOO_LATE = ("guess_too_late", "info", ("number", "round"))
    GUESS_REJECTED = ("guess_rejected", "info", ("input",))
    GAME_WON = ("game_won", "info", ("guesses",))
    ADMIN_LISTED = ("admin_listed", "info", ("players",))
    ADMIN_SEATED = ("admin_seated", "info", ("players",))
    ADMIN_REFUSED = ("admin_refused", "info", ("reason",))
    ADMIN_LEFT = ("admin_left", "info", ("reason",))
    SESSION_CLOSED = ("session_closed", "info", ("reason", "guesses", "seconds"))

    def __init__(self, event: str, level: str, fields: tuple[str, ...]) -> None:
        self.event = event
        self.level = level
        self.fields = fields

    __hash__ = object.__hash__  # there is one of each; the usual hash is slower, being written in Python
