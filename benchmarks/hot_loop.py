"""The load of guesses again, its inner loop in C (hot_loop.c) where there is a compiler."""

import ctypes
import functools
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.generator import PATIENCE_S, Guesses, LoadError, Tally

ROOM_PER_S: Final = 2_000_000
"""So many latencies are kept of each second: more than one core can make."""
MISTAKES: Final = {-1: "no reply came", -2: "a connection failed", -3: "a reply was not the one expected"}


class _Lane(ctypes.Structure):
    """`struct lane` of hot_loop.c."""

    _fields_ = (
        ("batch", ctypes.c_char_p),
        ("expected", ctypes.c_char_p),
        ("batch_octets", ctypes.c_int64),
        ("expected_octets", ctypes.c_int64),
        ("got_octets", ctypes.c_int64),
        ("sent_ns", ctypes.c_int64),
    )


@functools.cache
def compiled() -> Any | None:
    """Return the compiled loop, or None where it cannot be compiled."""
    compiler = shutil.which("cc")
    if not compiler:
        return None
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "hot_loop.so")
        options = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(library)]
        source = str(Path(__file__).with_suffix(".c"))
        if subprocess.run([compiler, *options, source], check=False).returncode:
            return None
        drive = ctypes.CDLL(str(library)).drive
    drive.restype = ctypes.c_int64
    drive.argtypes = [
        ctypes.c_int,
        ctypes.POINTER(_Lane),
        ctypes.c_int64,
        ctypes.c_int,
        ctypes.POINTER(ctypes.c_int64),
        ctypes.c_int64,
    ]
    return drive


class CompiledGuesses(Guesses):
    """Each connection repeats one wrong guess, over plain TCP."""

    def _open(self) -> None:
        super()._open()
        self._by_number = (_Lane * (max(self._lanes) + 1))()
        for number, lane in self._lanes.items():
            sizes = len(lane.batch), len(lane.expected)
            self._by_number[number] = _Lane(lane.batch, lane.expected, *sizes, 0, lane.sent_ns)

    def drive(self, duration_s: float) -> Tally:
        """Go on with the load for a while; what is under way at the end of it counts to the next while."""
        drive = compiled()
        if drive is None:
            return super().drive(duration_s)
        room = int(ROOM_PER_S * duration_s) + 1
        latencies_ns = (ctypes.c_int64 * room)()
        began_ns = time.monotonic_ns()
        until_ns = began_ns + int(duration_s * 1e9)
        batches: int = drive(
            self._epoll.fileno(), self._by_number, until_ns, PATIENCE_S * 1000, latencies_ns, room
        )
        took_s = (time.monotonic_ns() - began_ns) / 1e9
        if batches < 0:
            raise LoadError(MISTAKES[batches])
        return Tally(batches * self._load.depth, took_s, latencies_ns[: min(batches, room)])
