"""Read typed settings from the environment and gather every fault; which settings there are stays outside.

Pure: the mapping is handed in, so that only a program's entry point touches the real environment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, NoReturn, TypeVar

from services.protocol.messages import HIGHEST_PORT
from services.runtime.fault import BAD_USAGE, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")

SHOWN_LENGTH = 60
"""A fault shows at most this much of a value: enough to recognise it, short enough for one line."""

DIGITS_LENGTH = 18
"""No setting needs more digits; it keeps a hostile value from becoming a huge number."""

HOST_LENGTH = 253
"""The longest host name (RFC 1035)."""

PORT_LENGTH = 5
"""What has no more digits, and nothing else, is a port."""

_HOST_NAME = re.compile(rb"[0-9A-Za-z_-]+(?:\.[0-9A-Za-z_-]+)*")
"""The underscore is no letter of host names, but containers have it in theirs."""

TRUE_WORDS = frozenset({"1", "on", "true", "yes"})
FALSE_WORDS = frozenset({"0", "off", "false", "no"})


class SettingsError(Fault):
    """One or more settings are unusable; `faults` holds a line for each."""

    status = BAD_USAGE

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class SecondsRange:
    """A span of time to choose from, both ends included."""

    low_s: float
    high_s: float


class EnvironReader:
    """Reads settings one by one, notes what is wrong with each, and complains once, in `finish`.

    A faulty setting reads as its default, so that the reading goes on. An empty value counts as unset: a
    compose file passes `${NAME-}` on as that.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._faults: list[str] = []

    def text(self, name: str, *, default: str) -> str:
        """Read a text."""
        return self._read(name, default, _text)

    def host(self, name: str, *, default: str) -> str:
        """Read a host: a name or an address, which may stand in brackets as in a URL."""
        return self._read(name, default, parse_host)

    def port(self, name: str, *, default: int, low: int = 0) -> int:
        """Read a port; `low` is 1 where a port is connected to, and so 0 makes no sense."""
        return self.integer(name, default=default, low=low, high=HIGHEST_PORT)

    def integer(self, name: str, *, default: int, low: int, high: int | None = None) -> int:
        """Read a whole number in decimal digits, from `low` to `high`, both included."""
        return self._read(name, default, partial(parse_integer, low=low, high=high))

    def seconds(self, name: str, *, default: float) -> float:
        """Read a length of time above zero, in seconds."""
        return self._read(name, default, parse_seconds)

    def seconds_range(self, name: str, *, default: SecondsRange) -> SecondsRange:
        """Read a span of time, `MIN-MAX` in seconds or one number for both; zero is allowed."""
        return self._read(name, default, parse_seconds_range)

    def choice(self, name: str, *, default: T, choices: Mapping[str, T]) -> T:
        """Read one of the words in `choices`, in whatever case, as what it stands for."""

        def parse(value: str) -> T:
            word = value.lower()
            if word not in choices:
                _refuse("not one of the choices", f"one of: {', '.join(choices)}")
            return choices[word]

        return self._read(name, default, parse)

    def flag(self, name: str, *, default: bool) -> bool:
        """Read a yes or no."""
        words = dict.fromkeys(TRUE_WORDS, True) | dict.fromkeys(FALSE_WORDS, False)

        def parse(value: str) -> bool:
            word = value.lower()
            if word not in words:
                _refuse("neither yes nor no", "yes or no")
            return words[word]

        return self._read(name, default, parse)

    def fault(self, name: str, problem: str, remedy: str) -> None:
        """Note a fault that only the caller can see, such as two settings that contradict each other."""
        self._faults.append(f"{name}: {problem}, {remedy} (got {escaped(self._environ.get(name, ''))})")

    def finish(self) -> None:
        """Complain of all the faults at once.

        Raises:
            SettingsError: At least one setting was faulty.
        """
        if self._faults:
            raise SettingsError(self._faults)

    def _read(self, name: str, default: T, parse: Callable[[str], T]) -> T:
        value = self._environ.get(name, "").strip()
        if not value:
            return default
        try:
            return parse(value)
        except InvalidValueError as error:
            self.fault(name, error.problem, f"give {error.expected}")
            return default


class InvalidValueError(ValueError):
    """A value cannot be read: what is wrong with it, and what is expected instead."""

    def __init__(self, problem: str, expected: str) -> None:
        super().__init__(f"{problem}, give {expected}")
        self.problem = problem
        self.expected = expected


def parse_host(value: str) -> str:
    """Check that a value can be a host: an IP address, or a name that a name service can be asked for.

    Raises:
        InvalidValueError: it cannot.
    """
    expected = "a host name or an IP address, such as game.example, 10.0.0.1 or ::1"
    host = value.removeprefix("[").removesuffix("]") if ":" in value else value
    try:
        address = ip_address(host)
    except ValueError:
        pass
    else:
        if address.version == 6 and address.is_link_local and not address.scope_id:  # noqa: PLR2004
            _refuse("a link-local address without its interface", "it with one, such as fe80::1%eth0")
        return host
    if ":" in host or (host.isdecimal() and len(host) <= PORT_LENGTH):
        _refuse("no host name", f"{expected}; the port has a setting of its own")
    try:
        # What a name service is asked for is ASCII; the codec also bounds each label.
        name = host.removesuffix(".").encode("idna")
    except UnicodeError:
        _refuse("no host name", expected)
    if len(name) > HOST_LENGTH or not _HOST_NAME.fullmatch(name):
        _refuse("no host name", expected)
    return host


def given_flags(flags: Mapping[str, str | None]) -> dict[str, str]:
    """Return the flags of a command line that were given.

    Raises:
        SettingsError: one or more were given nothing, which would count as left out.
    """
    given = {flag: value for flag, value in flags.items() if value is not None}
    faults = [
        f"--{flag}: nothing is given, leave it out" for flag, value in given.items() if not value.strip()
    ]
    if faults:
        raise SettingsError(faults)
    return given


def host_and_port(flag: str, value: str) -> tuple[str, str]:
    """Split the `[HOST:]PORT` of a flag; the host is empty where there is none. Both are still to be checked.

    Raises:
        SettingsError: there is no port, which would count as left out.
    """
    host, _, port = value.strip().rpartition(":")
    if not port:
        raise SettingsError(
            [f"--{flag}: no port, give PORT or HOST:PORT, such as 8080 or [::]:8080 (got {escaped(value)})"]
        )
    return host, port


def parse_integer(value: str, *, low: int, high: int | None = None) -> int:
    """Read a whole number in decimal digits.

    Raises:
        InvalidValueError: it is none, or not from `low` to `high`, both included.
    """
    expected = f"a whole number {_span(low, high)}"
    number = _whole(value, expected)
    if number < low or (high is not None and number > high):
        _refuse("out of range", expected)
    return number


def parse_seconds(value: str, *, may_be_zero: bool = False) -> float:
    """Read a length of time in seconds.

    Raises:
        InvalidValueError: it is none, or zero where that makes no sense.
    """
    expected = "seconds, such as 10 or 0.5" if may_be_zero else "seconds above 0, such as 10 or 0.5"
    seconds = _decimal(value, expected)
    if seconds == 0 and not may_be_zero:
        _refuse("out of range", expected)
    return seconds


def parse_seconds_range(value: str) -> SecondsRange:
    """Read `MIN-MAX` or one number, in seconds.

    Raises:
        InvalidValueError: It is neither, or MIN is above MAX.
    """
    expected = "MIN-MAX in seconds, such as 0.5-2"
    low, dash, high = value.partition("-")
    low_s = _decimal(low, expected)
    high_s = _decimal(high, expected) if dash else low_s
    if low_s > high_s:
        _refuse("the least is above the most", expected)
    return SecondsRange(low_s, high_s)


def escaped(value: str) -> str:
    """Quote a value for one line of a terminal: control characters escaped, the rest cut when long."""
    cut = value if len(value) <= SHOWN_LENGTH else value[:SHOWN_LENGTH] + "…"
    return repr(cut)


def _text(value: str) -> str:
    if not value.isprintable():
        _refuse("holds control characters", "plain text")
    return value


def _whole(value: str, expected: str) -> int:
    # int() alone would take "1_000", "٣" and blanks.
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= DIGITS_LENGTH):
        _refuse("not a whole number", expected)
    return int(value)


def _decimal(value: str, expected: str) -> float:
    # float() alone would take "nan", "1e9", "1_0" and a sign.
    whole, _, fraction = value.strip().partition(".")
    digits = whole + fraction
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= DIGITS_LENGTH):
        _refuse("not a number", expected)
    return float(f"{whole or 0}.{fraction or 0}")


def _span(low: int, high: int | None) -> str:
    return f"of {low} or more" if high is None else f"from {low} to {high}"


def _refuse(problem: str, expected: str) -> NoReturn:
    raise InvalidValueError(problem, expected)
