"""A program that is judged, as a process: started, observed, and ended with all its children."""

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Final, Protocol

from services.conformance import procfs
from services.conformance.timeline import EventKind, Recorder

KEPT_OCTETS: Final = 65536
"""Of what a program prints, this much of the end is looked at."""
FREE_OCTETS: Final = 1 << 20
"""What a program may print before its output is read more slowly: it costs us time, and never memory or
disk."""
SLOW_READ_S: Final = 0.01
SHOWN_LINES: Final = 12
SHOWN_LINE: Final = 200
END_S: Final = 3.0
SETTLE_LOOKS: Final = 3
SETTLE_PAUSE_S: Final = 0.01
SETTLE_S: Final = 0.5
"""Processor time; of a program that never has nothing to do, RESTLESS_S the next time."""
RESTLESS_S: Final = 0.05
MOST_WALL: Final = 8.0
"""However busy the machine, the wait ends after so many times that."""
TREE_S: Final = 0.4
"""The list of a program's processes is believed for so long."""


class Process(Protocol):
    """What is needed of a `subprocess.Popen`; tests start their programs in a cheaper way."""

    pid: int
    stdin: IO[bytes] | None
    stdout: IO[bytes] | None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end."""


Spawn = Callable[[Sequence[str], Mapping[str, str]], Process]


def spawn(command: Sequence[str], environ: Mapping[str, str]) -> Process:
    """Start a process in a session of its own, its input and output in our hands."""
    return subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(environ),
        bufsize=0,
        start_new_session=True,
    )


class Program:
    """One command, which may be started again and again."""

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        *,
        spawn: Spawn = spawn,
        user: int | None = None,
    ) -> None:
        self._command = list(command)
        self._environ = dict(environ)
        self._spawn = spawn
        self._user = user
        """The user whose processes are all the program's: within a container of its own (see confined)."""
        self.recorder = Recorder()
        """Takes down what it prints and how it ends; the judge sets it for each check."""
        self._process: Process | None = None
        self._reader: threading.Thread | None = None
        self._lock = threading.Lock()
        self._kept = bytearray()
        self._printed = self._marked = 0
        self._tree: list[int] = []
        self._tree_at = 0.0
        self._exit_noted = True
        self._restless = False

    def start(self, typed: bytes = b"") -> None:
        """Start it, ending the process before; `typed` is what its user types, all of it at once.

        Its standard input stays open then, as a keyboard does: a program that reads it waits.

        Raises:
            OSError: there is no such program.
        """
        self.stop()
        with self._lock:
            self._kept.clear()
            self._printed = self._marked = 0
        self._process = process = self._spawn(self._command, self._environ)
        self._tree_at, self._exit_noted = 0.0, False
        self.recorder.note(EventKind.STARTED, text=" ".join(self._command))
        if typed:
            self.recorder.note(EventKind.TYPED, data=typed)
        if self._user is not None:
            # The memory of a container is limited; whoever uses it up has to be the program, never the judge.
            with contextlib.suppress(OSError), open(f"/proc/{process.pid}/oom_score_adj", "w") as score:  # noqa: PTH123
                score.write("1000")
        if typed and process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.write(typed)
        reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        reader.start()
        self._reader = reader  # only now: Ctrl-C may have come before, and `stop` waits for what has begun

    def _read(self, output: IO[bytes] | None) -> None:
        with contextlib.suppress(OSError, ValueError):
            while output is not None and (data := output.read(KEPT_OCTETS)):
                self.recorder.note(EventKind.PRINTED, data=data)
                with self._lock:
                    self._kept += data
                    del self._kept[:-KEPT_OCTETS]
                    self._printed += len(data)
                if self._printed > FREE_OCTETS:
                    time.sleep(SLOW_READ_S)

    # --- how it is

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._exit_code() is None

    def _exit_code(self) -> int | None:
        """Return how it has ended: a negative code names the signal; None while it runs.

        The process is not reaped before `stop`: until then nobody else can have its number. So what we kill
        is it and its group, and never a stranger.
        """
        if self._process is None:
            return None
        found = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is None:
            return None
        return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status

    def wait(self, within_s: float) -> None:
        """Wait so long for its end."""
        end = time.monotonic() + within_s
        while self.running and time.monotonic() < end:
            time.sleep(SETTLE_PAUSE_S)

    def settle(self) -> None:
        """Wait until it is done with what a check has left behind: it has had nothing to do for a moment.

        One that computes without end is never done; it is waited for once, and not after each check.
        """
        limit_s = RESTLESS_S if self._restless else SETTLE_S
        end = time.monotonic() + limit_s * MOST_WALL
        before = self.usage()
        quiet = 0
        while quiet < SETTLE_LOOKS and self.running and time.monotonic() < end:
            time.sleep(SETTLE_PAUSE_S)
            usage = self.usage()
            quiet = 0 if usage is not None and usage.working else quiet + 1
            if usage and before and usage.cpu_s - before.cpu_s >= limit_s:
                self._restless = True
                return

    def ended(self) -> str:
        """Say how it has ended by itself; nothing while it runs. The timeline learns of it once."""
        code = self._exit_code()
        if code is None:
            return ""
        how = exit_in_words(code)
        if not self._exit_noted:
            self._exit_noted = True
            # What it printed last may still be on its way to us.
            if self._reader is not None:
                self._reader.join(END_S / 10)
            self.recorder.note(EventKind.EXITED, text=how)
        return how

    def pids(self) -> list[int]:
        """Return its processes."""
        if self._process is None:
            return []
        now = time.monotonic()
        if now - self._tree_at > TREE_S:
            self._tree = (
                procfs.of_user(self._user) if self._user is not None else procfs.tree(self._process.pid)
            )
            self._tree_at = now
        return self._tree

    def ports(self) -> set[int]:
        """Return the ports it listens on, as far as that can be known."""
        if self._user is not None:
            return procfs.listening_ports_of_user(self._user)
        return procfs.listening_ports(self.pids())

    def usage(self) -> procfs.Usage | None:
        """Return what its processes do; None if there are none any more, or no way to know."""
        return procfs.usage(self.pids()) if self._process is not None else None

    # --- the end

    def kill(self) -> None:
        """Kill it and its children at once."""
        if self._process is None:
            return
        self.ended()
        self._tree_at = 0.0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if self._user is not None:
            # All at once: processes that start others faster than we count them would never end else. The
            # judge
            # and the first process of the container are left out by the kernel.
            with contextlib.suppress(OSError):
                os.kill(-1, signal.SIGKILL)
        else:
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self.wait(END_S)
        self._exit_noted = True

    def stop(self) -> None:
        """Kill it, and let go of its input and output; what it printed last can still be asked for."""
        self.kill()
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_S)
        if self._reader is not None:
            self._reader.join(END_S)
            self._reader = None
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    # --- what it printed

    def output(self) -> bytes:
        """Return the end of what it has printed since it was started."""
        with self._lock:
            return bytes(self._kept)

    def mark(self) -> None:
        """Let `new_output` begin here."""
        with self._lock:
            self._marked = self._printed

    def new_output(self) -> tuple[str, ...]:
        """Return the last lines it has printed since `mark`, escaped."""
        with self._lock:
            new = self._printed - self._marked
            data = bytes(self._kept[-new:]) if new else b""
        lines = printable_lines(data)
        more = (f"… it printed {new >> 20} MiB",) if new > FREE_OCTETS else ()
        return (*map(_cut, gist(lines)[-SHOWN_LINES:]), *more)


def exit_in_words(code: int) -> str:
    """Say how a process ended; a shell tells of a signal by a status above 128."""
    number = -code if code < 0 else code - 128
    with contextlib.suppress(ValueError):
        return f"killed by signal {number} ({signal.Signals(number).name})"
    return f"exit status {code}"


def printable_lines(data: bytes) -> list[str]:
    """Decode what a program printed; whatever could move a cursor or change a colour is escaped."""
    lines = [line.decode("utf-8", "backslashreplace") for line in data.splitlines() if line.strip()]
    return [
        "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in line)
        for line in lines
    ]


def _cut(line: str) -> str:
    return line if len(line) <= SHOWN_LINE else f"{line[:SHOWN_LINE]}…"


def gist(lines: Sequence[str]) -> list[str]:
    """Leave out what a beginner need not read: the library's part of a traceback, and repetitions."""
    kept: list[str] = []
    alike: dict[str, list[str]] = {}
    of_library = False
    for line in lines:
        code = line.startswith("    ")
        of_library = "/lib/python" in line or (code and of_library)
        if of_library or not line.strip(" ~^") or line in kept:
            continue
        # A line of a traceback is told from another by its number.
        shape = line if line.startswith(" ") else re.sub(r"\d+", "#", line)
        if shape not in alike:
            kept.append(line)
        alike.setdefault(shape, []).append(line)
    more = {same[0]: len(same) - 1 for same in alike.values()}
    return [f"{line} (and {more[line]} more like it)" if more[line] else line for line in kept]
