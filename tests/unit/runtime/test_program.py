"""How programs begin and end: closed descriptors, readers that go, full disks, poor encodings."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

TIMEOUT_S = 30.0


def shell(redirection: str, script: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a Python script behind a redirection, as bash understands it."""
    return subprocess.run(
        ["bash", "-c", f'exec "$0" -c "$1" {redirection}', sys.executable, script],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def script(body: str) -> str:
    """Return a program whose work is `body`."""
    return (
        "import os, sys\n"
        "from services.runtime.program import run_program\n"
        f"def run():\n    {body}\n    return 0\n"
        "run_program('test', os.environ, run)\n"
    )


@pytest.mark.parametrize(
    "closed",
    [
        *("<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"),
        *("0>/dev/null", "1</dev/null", "2</dev/null", "0>/dev/null 1</dev/null 2</dev/null"),
    ],
)
def test_closed_descriptors_are_made_good(closed: str) -> None:
    """Whatever is closed at the start, or open the wrong way round, is of use afterwards.

    And no file or connection is given its number.
    """
    done = shell(
        closed,
        script(
            "assert os.open('/', os.O_RDONLY) > 2; sys.stdin.read(); print('out', flush=True);"
            " sys.stderr.write(''); assert all(os.fstat(fd) for fd in (0, 1, 2))"
        ),
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_has_gone_is_a_quiet_end(stream: str) -> None:
    """Exit status 1, no traceback and no complaint of the interpreter's."""
    fd = {"stdout": 1, "stderr": 2}[stream]
    done = shell(
        "",
        script(
            f"r, w = os.pipe(); os.close(r); os.dup2(w, {fd}); sys.{stream}.write('x'); sys.{stream}.flush()"
        ),
    )

    assert (done.returncode, done.stderr) == (1, "")


def test_output_waits_for_room_whoever_forbids_it() -> None:
    """All of a long output arrives, though somebody who shares the pipe has set it not to wait."""
    done = shell("", script("os.set_blocking(1, False); sys.stdout.write('x' * 2_000_000)"))

    assert (done.returncode, done.stderr, len(done.stdout)) == (0, "", 2_000_000)


def test_ctrl_c_at_the_start_is_an_end_like_any_other() -> None:
    """While a program still loads what it needs, Ctrl-C ends it with 130 and without a traceback."""
    done = shell("", script("os.kill(os.getpid(), 2); import json"))

    assert (done.returncode, done.stderr) == (130, "")


def test_what_is_written_in_the_last_moment_counts() -> None:
    """Output that cannot be written only when it is flushed at the end is a failure too."""
    done = shell(">/dev/full", script("sys.stdout.write('x')"))

    assert (done.returncode, done.stderr) == (1, "test: cannot write: No space left on device\n")


@pytest.mark.parametrize(
    ("environ", "shown"),
    [
        ({"PYTHONIOENCODING": "iso-8859-1"}, "?ä\n"),
        ({"PYTHONIOENCODING": "utf-8"}, "█ä\n"),
        ({"LC_ALL": "C", "PYTHONIOENCODING": ""}, "??\n"),
        ({"LC_ALL": "POSIX", "PYTHONIOENCODING": ""}, "??\n"),
        ({"LC_ALL": "de_DE.ISO-8859-1", "PYTHONIOENCODING": ""}, "?ä\n"),
        ({"LANG": "de_DE.ISO-8859-15@euro", "PYTHONIOENCODING": ""}, "?ä\n"),
        ({"LC_CTYPE": "tlh.NONSENSE", "PYTHONIOENCODING": ""}, "█ä\n"),
        ({"LC_CTYPE": "x.base64", "PYTHONIOENCODING": ""}, "█ä\n"),  # encodes no text
        ({"LC_CTYPE": "x.cp037", "PYTHONIOENCODING": ""}, "█ä\n"),  # EBCDIC: nothing would be readable
        ({"LC_ALL": "C", "PYTHONIOENCODING": "utf-8"}, "█ä\n"),
    ],
)
def test_a_character_that_the_encoding_lacks_ends_nothing(environ: dict[str, str], shown: str) -> None:
    """It is shown as a question mark; with LC_ALL=C that is everything beyond ASCII.

    A locale that is not installed has its encoding all the same; one that nobody knows is UTF-8.
    """
    encoding = "utf-8" if "█" in shown else "iso-8859-1"
    plain = {name: text for name, text in os.environ.items() if not name.startswith(("LC_", "LANG"))}
    done = subprocess.run(
        [sys.executable, "-c", script("print('\\u2588\\u00e4')")],
        env={**plain, **environ},
        capture_output=True,
        timeout=TIMEOUT_S,
        check=True,
    )

    assert done.stdout.decode(encoding) == shown


@pytest.mark.parametrize("fault", ["open('/nonexistent')", "raise RuntimeError('of ours')"])
def test_other_faults_are_ours(fault: str) -> None:
    """An error that is not about output or threads shows as the mistake that it is."""
    done = shell("", script(fault))

    assert done.returncode == 1
    assert "Error" in done.stderr.splitlines()[-1]


def test_a_thread_that_may_not_be_started_is_one_line() -> None:
    """Where a user or a container may have no more processes, the limit is named."""
    refusing = (
        "import threading; error = RuntimeError('can\\'t start new thread'); "
        "refuse = lambda *_, **__: (_ for _ in ()).throw(error); "
        "threading._start_new_thread = threading._start_joinable_thread = refuse; "  # by version of Python
    )
    done = shell("", script(f"{refusing}threading.Thread().start()"))

    assert done.returncode == 1
    assert done.stderr.startswith("test: no thread may be started: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "fault",
    ["bytearray(1 << 62)", "raise ImportError('libssl.so.3: failed to map segment from shared object')"],
)
def test_too_little_memory_is_one_line(fault: str) -> None:
    """As under `ulimit -v`, for what a program makes or for a library that it needs: the limit is named."""
    done = shell("", script(fault))

    assert done.returncode == 1
    assert done.stderr.startswith("test: not enough memory: ")
    assert len(done.stderr.splitlines()) == 1


def test_too_few_descriptors_are_one_line() -> None:
    """Where there are none left for what every program needs, the limit is named."""
    done = shell("", script("raise OSError(24, 'Too many open files')"))

    assert (done.returncode, done.stderr) == (1, "test: raise the limit (ulimit -n): Too many open files\n")


def test_what_a_parent_did_to_signals_is_made_good() -> None:
    """Who blocks SIGTERM gets no deaf server, and who ignores SIGCHLD no statuses that are always 0."""
    parent = (
        "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, {15}); "
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
        "os.execv(sys.executable, [sys.executable, '-c', sys.argv[1]])"
    )
    child = script(
        "import subprocess; print(subprocess.run(['sh', '-c', 'exit 3']).returncode, flush=True);"
        " os.kill(os.getpid(), 15)"
    )
    done = subprocess.run(
        [sys.executable, "-c", parent, child], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )

    assert (done.returncode, done.stdout) == (-15, "3\n")


def test_an_interrupt_at_the_start_is_a_quiet_end() -> None:
    """Ctrl-C while a program is still loading ends it with 130, without a traceback."""
    done = shell("", script("raise KeyboardInterrupt"))

    assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupt_at_the_end_changes_nothing(number: str) -> None:
    """A signal that comes when all is done does not turn the status into a failure."""
    done = shell(
        "",
        script(f"import atexit, signal; atexit.register(lambda: os.kill(os.getpid(), signal.{number}))"),
    )

    assert (done.returncode, done.stderr) == (0, "")
