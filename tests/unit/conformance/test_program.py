"""A judged program as a process: how it ended and what it printed, in words that fit a report."""

from __future__ import annotations

import os
import select
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from services.conformance.program import Program, exit_in_words, gist, printable_lines

if TYPE_CHECKING:
    from collections.abc import Iterator


TIMEOUT_S = 20.0


@contextmanager
def running(code: str) -> Iterator[Program]:
    """Start a program of Python, and end it afterwards."""
    program = Program([sys.executable, "-u", "-c", code], os.environ)
    program.start(b"typed\n")
    try:
        yield program
    finally:
        program.stop()


def test_end_is_said_in_words() -> None:
    """A status is told from a signal, also where a shell has made a status of it."""
    assert exit_in_words(3) == "exit status 3"
    assert exit_in_words(-11) == "killed by signal 11 (SIGSEGV)"
    assert exit_in_words(128 + 9) == "killed by signal 9 (SIGKILL)"
    assert exit_in_words(255) == "exit status 255"


def test_output_cannot_move_a_cursor() -> None:
    """What a program printed is shown with its controls spelled out, and empty lines left out."""
    assert printable_lines(b"a\x1b[2Jb\r\n\n\xff\n") == ["a\\x1b[2Jb", "\\xff"]


def test_gist_of_a_traceback() -> None:
    """Of a traceback the program's own lines stay, once each."""
    lines = [
        "Traceback (most recent call last):",
        '  File "/usr/lib/python3.13/threading.py", line 1, in run',
        "    self._target(*self._args)",
        "    ~~~~~~~~~~~~^^^^^^^^^^^^^",
        '  File "server.py", line 23, in handle',
        "    guess = int(text)",
        "ValueError: no number",
        "ValueError: no number",
    ]
    assert gist(lines) == [lines[0], *lines[4:7]]


def test_lines_that_differ_in_numbers_alone_are_counted() -> None:
    """What a program prints for each connection pushes no traceback out; lines of code are never counted."""
    lines = ["admin 1", "Traceback:", '  File "a.py", line 1', '  File "a.py", line 2', "admin 2", "admin 33"]
    assert gist(lines) == ["admin 1 (and 2 more like it)", *lines[1:4]]


def test_program_that_ends_is_told_with_what_it_printed() -> None:
    """What was printed since the check began is new, and the end has its status."""
    with running("print(input()); raise SystemExit(3)") as program:
        program.wait(30)
        assert program.ended() == "exit status 3"
        assert program.new_output() == ("typed",)
        program.mark()
        assert program.new_output() == ()


def test_program_that_waits_settles_and_one_that_computes_does_not() -> None:
    """A program is done when it waits; one that computes without end is not waited for again and again."""
    with running("input(); input()") as program:
        program.settle()
        assert not program._restless
    with running("while True: pass") as program:
        # On a busy machine it may have had too little of the processor to tell.
        while not program._restless:
            program.settle()
        assert program.running


def test_children_end_with_their_program() -> None:
    """No process that a program has started is left when it is stopped."""
    code = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid); input(); input()"
    with running(code) as program:
        while not program.output().endswith(b"\n"):
            program.settle()
        child = os.pidfd_open(int(program.output()))
    with os.fdopen(child) as ended:
        assert select.select([ended], [], [], TIMEOUT_S)[0]
