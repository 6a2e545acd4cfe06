"""The machine: its cores, its loopback, the processor time and memory of a process. Linux."""

import contextlib
import fcntl
import os
import platform
import resource
import shutil
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

_CORES: Final = sorted(os.sched_getaffinity(0))
GENERATOR_CORE: Final = _CORES[0]
SERVER_CORE: Final = _CORES[-1]

_ISOLATED: Final = "BENCHMARKS_ISOLATED"
_SET_INTERFACE_FLAGS: Final = 0x8914  # SIOCSIFFLAGS, linux/sockios.h
_UP_AND_RUNNING: Final = 0x1 | 0x40


def isolate() -> bool:
    """Start this program again in a network namespace of its own; tell whether the kernel allowed that.

    A container engine makes the kernel track each connection, which costs more than a lean server does, and
    ports of closed connections stay taken for a while: neither is the business of the servers compared here.
    """
    if os.environ.get(_ISOLATED):
        with socket.socket() as sock:  # a new namespace's loopback interface is down
            fcntl.ioctl(sock, _SET_INTERFACE_FLAGS, struct.pack("16sh14x", b"lo", _UP_AND_RUNNING))
        return True
    if unshare := shutil.which("unshare"):
        for flags in (["--net"], ["--map-root-user", "--net"]):
            if subprocess.run([unshare, *flags, "true"], check=False, capture_output=True).returncode == 0:
                os.environ[_ISOLATED] = "1"
                os.execv(unshare, [unshare, *flags, sys.executable, *sys.orig_argv[1:]])  # noqa: S606
    return False


def settle_on(core: int, pid: int = 0) -> None:
    """Bind a process, by default this one, and all that it will start, to a core."""
    os.sched_setaffinity(pid, {core})


def raise_file_limit() -> None:
    """Let this process and what it starts have as many connections as they may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def processor_s(pid: int) -> float:
    """Return the processor time that a process has used, to the nanosecond."""
    return time.clock_gettime((~pid << 3) | 2)  # its clock's number: clock_getcpuclockid(3)


def resident_kib(pid: int) -> int:
    """Return how much memory a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name == "VmRSS":
            return int(value.split()[0])
    return 0


def connections_to(port: int) -> int:
    """Return how many connections to a port of this machine are established, seen from the client's side."""
    established, remote = "01", f":{port:04X}"
    rows = [row.split() for row in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return sum(row[2].endswith(remote) and row[3] == established for row in rows)


def busy_s() -> float:
    """Return the processor time that all cores have spent on anything."""
    with Path("/proc/stat").open(encoding="ascii") as stat:
        ticks = [int(field) for field in stat.readline().split()[1:9]]
    waiting = ticks[3] + ticks[4]
    return (sum(ticks) - waiting) / os.sysconf("SC_CLK_TCK")


def description() -> dict[str, str]:
    """Return what the figures depend on."""
    processor = "unknown"
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    return {
        "processor": processor,
        "cores": f"server on {SERVER_CORE}, generator on {GENERATOR_CORE}, of {os.cpu_count()}",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
