"""A program that is judged, as a process: started, asked for its output, ended with all its children."""

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO, Final

KEPT_OCTETS: Final = 65536
"""Of what a program prints, this much of the end is looked at."""
SHOWN_LINES: Final = 8
END_S: Final = 2.0


class Program:
    """One command, which may be started again and again."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self._command = list(command)
        self._environ = dict(environ)
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self._read_to = 0

    def start(self, typed: bytes | None = None) -> None:
        """Start it; `typed` is what its user types, all of it at once.

        Raises:
            OSError: there is no such program.
        """
        self.end()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process; `end` closes it
        self._read_to = 0
        with tempfile.TemporaryFile() as keyboard:
            keyboard.write(typed or b"")
            keyboard.seek(0)
            try:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=keyboard,
                    stdout=self._output,
                    stderr=subprocess.STDOUT,
                    env=self._environ,
                    start_new_session=True,
                )
            except OSError:
                self._output.close()
                raise

    def restart(self) -> None:
        """Kill it, whatever it does, and start it again."""
        self.start()

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def wait(self, within_s: float) -> int | None:
        """Return the exit code, or None if it is still running after that time."""
        if self._process is None:
            return None
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(within_s)
        return None

    def kill(self) -> None:
        """Kill it and its children at once."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_S)

    def end(self) -> None:
        """Kill it and forget what it printed."""
        self.kill()
        if self._output is not None:
            self._output.close()
            self._output = None

    def output(self) -> bytes:
        """Return the end of what it has printed since it was started."""
        if self._output is None:
            return b""
        size = os.fstat(self._output.fileno()).st_size
        # pread leaves the position alone that the process writes at.
        return os.pread(self._output.fileno(), KEPT_OCTETS, max(0, size - KEPT_OCTETS))

    def news(self) -> tuple[str, ...]:
        """Return the last lines it has printed since this was last asked, escaped."""
        if self._output is None:
            return ()
        size = os.fstat(self._output.fileno()).st_size
        start = max(self._read_to, size - KEPT_OCTETS)
        data = os.pread(self._output.fileno(), size - start, start)
        self._read_to = size
        lines = [line.decode("utf-8", "backslashreplace") for line in data.splitlines() if line.strip()]
        return tuple(
            "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in line)
            for line in gist(lines)[-SHOWN_LINES:]
        )


def gist(lines: Sequence[str]) -> list[str]:
    """Leave out what a beginner need not read: the library's part of a traceback, and repetitions."""
    kept: list[str] = []
    of_library = False
    for line in lines:
        code = line.startswith("    ")
        of_library = "/lib/python" in line or (code and of_library)
        if not of_library and line.strip(" ~^") and line not in kept:
            kept.append(line)
    return kept
