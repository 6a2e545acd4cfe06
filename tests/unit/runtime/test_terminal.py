"""What a stream can show: a terminal or not, colours or not, which characters."""

from __future__ import annotations

from io import BytesIO, StringIO, TextIOWrapper

import pytest

from services.runtime.terminal import Terminal


class Stream(StringIO):
    """A stream that is a terminal, or not."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        """Tell which."""
        return self._terminal


@pytest.mark.parametrize(
    ("terminal", "environ", "draws", "coloured"),
    [
        (True, {"TERM": "xterm"}, True, True),
        (True, {"TERM": "dumb"}, False, False),
        (True, {"TERM": "unknown"}, False, False),
        (True, {}, False, False),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        (True, {"TERM": "xterm", "NO_COLOR": ""}, True, True),
        (True, {"TERM": "xterm", "NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        (True, {"TERM": "dumb", "FORCE_COLOR": "1"}, False, True),
        (False, {"TERM": "xterm"}, False, False),
        (False, {"TERM": "xterm", "FORCE_COLOR": "1"}, False, True),
        (False, {"TERM": "xterm", "FORCE_COLOR": "0"}, False, False),
        (False, {"TERM": "xterm", "TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "1"}, False, False),
    ],
)
def test_the_form_follows_the_terminal_and_colours_follow_the_variables(
    *, terminal: bool, environ: dict[str, str], draws: bool, coloured: bool
) -> None:
    """No variable makes a pipe a terminal; each of them decides about colours as users know it."""
    found = Terminal.of(Stream(terminal=terminal), environ)

    assert (found.is_terminal, found.draws, found.coloured) == (terminal, draws, coloured)


def test_characters_are_those_of_the_encoding() -> None:
    """A stream tells what it can carry; one without an encoding carries ASCII."""
    western = Terminal.of(TextIOWrapper(BytesIO(), encoding="iso-8859-1"), {})

    assert western.can_show("ä")
    assert not western.can_show("▁")
    assert not Terminal.of(Stream(terminal=False), {}).can_show("ä")
    assert not Terminal(is_terminal=True, draws=True, coloured=True, encoding="nonsense").can_show("a")
