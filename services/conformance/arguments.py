"""What may be typed as an argument: each is checked before anything is judged by it."""

import shlex
from argparse import ArgumentTypeError
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from services.protocol.messages import HIGHEST_PORT
from services.runtime.environ import InvalidValueError, parse_host, parse_integer, parse_seconds

T = TypeVar("T")


def _argument(parse: Callable[[str], T]) -> Callable[[str], T]:
    def argument(text: str) -> T:
        try:
            return parse(text)
        except InvalidValueError as error:
            raise ArgumentTypeError(f"{text!r}: {error}") from None

    return argument


def at_least(low: int) -> Callable[[str], int]:
    """Take a whole number that is not below `low`."""
    return _argument(partial(parse_integer, low=low))


def command(text: str) -> str:
    """Take a command that can be split into words."""
    try:
        shlex.split(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r}: {error}") from None
    return text


host = _argument(parse_host)
port = _argument(partial(parse_integer, low=0, high=HIGHEST_PORT))
seconds = _argument(parse_seconds)
wait = _argument(partial(parse_seconds, may_be_zero=True))
