"""How every program begins and ends, whatever its standard streams are like."""

from __future__ import annotations

import codecs
import errno
import os
import signal
import sys
from io import BufferedWriter, TextIOWrapper
from typing import TYPE_CHECKING, Final, NoReturn

from services.runtime.fault import FAILED, INTERRUPTED, NO_MEMORY, NO_THREAD
from services.runtime.output import PatientFile, open_standard_descriptors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EXTRAS: Final = {
    "structlog": "",
    "prometheus_client": "cluster",
    "valkey": "cluster",
    "rich": "client",
    "prompt_toolkit": "client",
    "starlette": "client",
    "uvicorn": "client",
    "websockets": "client",
    "cryptography": "certs",
    "docker": "conformance",
}
"""What may be missing, and which extra of pyproject.toml brings it; nothing: every program needs it."""

_ASCII: Final = "".join(map(chr, range(128)))

_NO_THREAD: Final = "can't start new thread"
"""What Python calls it, as any other RuntimeError."""

_NOT_MAPPED: Final = "failed to map segment"
"""What the loader says of a library for which there is no memory."""

_TOO_MANY_FILES: Final = {errno.EMFILE, errno.ENFILE}
_OUTPUT_FAULTS: Final = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def run_program(name: str, environ: Mapping[str, str], run: Callable[[], int]) -> NoReturn:
    """Exit with the status that `run` returns, or with 1 if its output could not be written.

    A reader that has gone is an end like any other, and no message; a full disk is one line, and so are a
    package that is not installed, a thread that may not be started and memory that is not to be had. So `run`
    imports what it runs.
    """
    _hear_signals()
    open_standard_descriptors()
    _open_streams(environ)
    try:
        status = run()
        sys.stdout.flush()
    except KeyboardInterrupt:
        # It came before `run` was prepared for it.
        status = INTERRUPTED
    except (ImportError, MemoryError, RuntimeError) as error:
        lack = _lack(error)
        if lack is None:
            raise
        status = FAILED
        sys.stderr.write(f"{name}: {lack}\n")
    except OSError as error:
        if error.errno not in _OUTPUT_FAULTS | _TOO_MANY_FILES:
            raise
        status = FAILED
        _complain(name, error)
    for fd, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            # The interpreter would flush once more, and complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), fd)
    _ignore_interrupts()
    sys.exit(status)


def _hear_signals() -> None:
    """Make good what the parent left: signals that it blocked, and children whose end nobody is told."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _ignore_interrupts() -> None:
    """Let nothing change the status any more: the interpreter takes its handlers away before it ends."""
    ending = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    # Python complains of one that arrives while its handler is taken away.
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    for number in ending:
        signal.signal(number, signal.SIG_IGN)


def _lack(error: ImportError | MemoryError | RuntimeError) -> str | None:
    """Say what a program lacks; None: the fault is our own."""
    match error:
        case ModuleNotFoundError():
            package = (error.name or "").partition(".")[0]
            if package not in EXTRAS:
                return None
            extra = f".[{EXTRAS[package]}]" if EXTRAS[package] else "."
            return f"needs {package}, which is not installed: pip install '{extra}'"
        case RuntimeError():
            return NO_THREAD if str(error) == _NO_THREAD else None
        case MemoryError():
            return NO_MEMORY
        case _:
            return NO_MEMORY if _NOT_MAPPED in str(error) else None


def _complain(name: str, error: OSError) -> None:
    if error.errno != errno.EPIPE:
        what = "raise the limit (ulimit -n)" if error.errno in _TOO_MANY_FILES else "cannot write"
        try:
            sys.stderr.write(f"{name}: {what}: {error.strerror}\n")
            sys.stderr.flush()
        except OSError:
            return


def _open_streams(environ: Mapping[str, str]) -> None:
    """Have output wait for room, and show a character that the encoding lacks as a question mark."""
    encoding = None if environ.get("PYTHONIOENCODING") or not sys.flags.utf8_mode else _encoding(environ)
    for fd, name in ((1, "stdout"), (2, "stderr")):
        stream: TextIOWrapper = getattr(sys, name)
        patient = TextIOWrapper(
            BufferedWriter(PatientFile(fd, "w", closefd=False)),
            encoding=encoding or stream.encoding,
            errors="replace",
            line_buffering=stream.line_buffering or stream.write_through,
        )
        setattr(sys, name, patient)


def _encoding(environ: Mapping[str, str]) -> str | None:
    """Return the encoding that the environment asks for, where Python did not: it speaks UTF-8 then.

    So it does with LC_ALL=C, by which people mean ASCII, and with a locale that is not installed, as that of
    the terminal at the other end of an SSH connection.
    """
    # Python itself sets LC_CTYPE to its choice (PEP 538).
    asked = [environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG")]
    locale = next((text for text in asked if text and text != "C.UTF-8"), "")
    if environ.get("LC_ALL") in {"C", "POSIX"}:
        return "ascii"
    try:
        name = codecs.lookup(locale.partition(".")[2].partition("@")[0]).name
        # What is no superset of ASCII is no encoding of a terminal; some codecs encode no text at all.
        return name if _ASCII.encode(name) == _ASCII.encode() else None
    except (LookupError, UnicodeError):
        return None
