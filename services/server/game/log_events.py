"""What a session logs: the names, levels and fields of the events, as docs/logs.md lists them."""

from enum import Enum

Value = str | int | float


class LogEvent(Enum):
    """An event of the log, its level, and the names of its own fields."""

    CONNECTION_PROBED = ("connection_probed", "debug", ("seconds",))
    HANDSHAKE_ADVANCED = ("handshake_advanced", "info", ("step", "reply"))
    HANDSHAKE_COMPLETED = ("handshake_completed", "info", ("dialect",))
    PLAYER_NAMED = ("player_named", "info", ("name",))
    HANDSHAKE_REFUSED = ("handshake_refused", "info", ("reason", "input"))
    FRAMING_RELAXED = ("framing_relaxed", "info", ("dialect",))
    GUESS_JUDGED = ("guess_judged", "info", ("number", "verdict"), "attempt")
    ROUND_GUESS_JUDGED = ("round_guess_judged", "info", ("number", "verdict", "round"), "attempt")
    GUESS_TOO_LATE = ("guess_too_late", "info", ("number", "round"))
    GUESS_REJECTED = ("guess_rejected", "info", ("input",))
    GAME_WON = ("game_won", "info", (), "guesses")
    ADMIN_LISTED = ("admin_listed", "info", ("players",))
    ADMIN_SEATED = ("admin_seated", "info", ("players",))
    ADMIN_REFUSED = ("admin_refused", "info", ("reason",))
    ADMIN_LEFT = ("admin_left", "info", ("reason",))
    SESSION_CLOSED = ("session_closed", "info", ("reason", "guesses", "seconds"))

    def __init__(self, event: str, level: str, fields: tuple[str, ...], count_field: str = "") -> None:
        self.event = event
        self.level = level
        self.fields = fields
        self.count_field = count_field
        """The field that is the session's number of guesses, if there is one: the last of them."""
        self.is_guess = count_field == "attempt"
        """Whether a guess was judged."""

    __hash__ = object.__hash__  # there is one of each; the usual hash is slower, being written in Python
