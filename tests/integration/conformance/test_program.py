"""A program that is judged, as a process: what it does costs the kit a bounded amount."""

from __future__ import annotations

import os
import threading

import pytest

from services.conformance.program import KEPT_OCTETS, SHOWN_LINES, Program
from services.conformance.timeline import KEPT_EVENTS


def test_output_without_end_is_bounded() -> None:
    """Of what a program prints without end, the kit keeps the last lines, escaped (G-12, G-13)."""
    program = Program(["yes", "\x1b[31mred"], os.environ)
    program.start()
    try:
        while "it printed" not in (lines := program.new_output() or ("",))[-1]:
            program.wait(0.01)
        assert len(program.output()) <= KEPT_OCTETS
        assert len(lines) <= SHOWN_LINES + 1
        assert "\\x1b[31mred" in lines
        assert all(line.isprintable() for line in lines)
        assert len(program.recorder.timeline().events) <= KEPT_EVENTS
    finally:
        program.stop()


def test_ctrl_c_while_it_is_started_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever it strikes, the program is ended, and nothing is waited for that has not begun."""

    def interrupted(_: threading.Thread) -> None:
        raise KeyboardInterrupt

    program = Program(["sleep", "60"], os.environ)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            program.start()
    assert program.running
    program.stop()
    assert not program.running
