"""What may be sent to standard output."""

from __future__ import annotations

import os
import pty

import pytest

from services.runtime.terminal import Terminal

XTERM = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (XTERM, Terminal(is_terminal=True, is_drawable=True, is_coloured=True)),
        ({**XTERM, "NO_COLOR": "1"}, Terminal(is_terminal=True, is_drawable=True, is_coloured=False)),
        ({**XTERM, "NO_COLOR": ""}, Terminal(is_terminal=True, is_drawable=True, is_coloured=True)),
        ({"TERM": "dumb"}, Terminal(is_terminal=True, is_drawable=False, is_coloured=False)),
        ({}, Terminal(is_terminal=True, is_drawable=False, is_coloured=False)),
    ],
)
def test_a_terminal(environ: dict[str, str], expected: Terminal) -> None:
    """TERM says what it can do, NO_COLOR what is wanted."""
    controller, terminal = pty.openpty()
    try:
        assert Terminal.find(environ, terminal) == expected
    finally:
        os.close(controller)
        os.close(terminal)


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [
        (XTERM, False),
        ({**XTERM, "FORCE_COLOR": "1"}, True),
        ({**XTERM, "FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_a_pipe(environ: dict[str, str], *, coloured: bool) -> None:
    """No variable makes a terminal of a pipe; it has colours only if they are asked for."""
    reading, writing = os.pipe()
    try:
        assert Terminal.find(environ, writing) == Terminal(
            is_terminal=False, is_drawable=False, is_coloured=coloured
        )
    finally:
        os.close(reading)
        os.close(writing)
