"""What the kernel tells of the judged program: its processes, whether they work or wait, and who listens.

So the kit need not connect merely to look, and can tell a program that is slow from one that waits. Where
there is no /proc (not Linux), nothing is known: `usage` returns None and `listening` None.

Many programs are judged at once, and each is looked at 20 times a second: paths are plain strings here.
"""

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

PROC: Final = "/proc"
NETLINK_SOCK_DIAG: Final = 4
SOCK_DIAG_BY_FAMILY: Final = 20
REQUEST_DUMP: Final = 0x301
TCP_TIME_WAIT: Final = 6
TCP_LISTEN: Final = 10
MAPPED: Final = bytes(10) + b"\xff\xff"
"""What an IPv4 address begins with that is spelled as IPv6."""
RELEASE_S: Final = 0.5
TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
THREADS: Final = 17
START_TIME: Final = 19
"""Which fields of `stat`, counted from the state on, tell the number of threads, and when it was started."""
WORKING: Final = {"R", "D"}
"""States of a thread that has something to do: it runs, or would if there were a free processor; or reads a
disk."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What some processes do."""

    cpu_s: float
    """Processor time so far."""
    working: bool
    """Whether one of their threads has something to do right now."""


def tree(root: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [root]
    for pid in found:
        found += _children(pid)
    return found


def _children(pid: int) -> list[int]:
    return [
        int(child)
        for task in _names(f"{PROC}/{pid}/task")
        for child in _read(f"{PROC}/{pid}/task/{task}/children").split()
    ]


def of_user(uid: int) -> list[int]:
    """Return all processes of a user."""
    found = []
    for name in _names(PROC):
        with contextlib.suppress(OSError):
            if name.isdigit() and os.stat(f"{PROC}/{name}").st_uid == uid:
                found.append(int(name))
    return found


def usage(pids: Iterable[int]) -> Usage | None:
    """Return what processes do; None if there is none of them, or no way to know."""
    cpu_ticks, working, known = 0, False, False
    for pid in pids:
        fields = _stat(f"{PROC}/{pid}")
        if not fields or fields[0] == "Z":
            continue
        known = True
        cpu_ticks += int(fields[11]) + int(fields[12])
        working = working or fields[0] in WORKING
        if not working and fields[THREADS] != "1":
            states = (_stat(f"{PROC}/{pid}/task/{task}") for task in _names(f"{PROC}/{pid}/task"))
            working = any(state and state[0] in WORKING for state in states)
    return Usage(cpu_ticks / TICKS_PER_S, working) if known else None


def identity(pid: int) -> str:
    """Name a process, as no other one is ever named on any machine; nothing if it has ended or is unknown."""
    fields = _stat(f"{PROC}/{pid}")
    boot = _read(f"{PROC}/sys/kernel/random/boot_id").strip()
    if not fields or fields[0] == "Z" or not boot:
        return ""
    return f"{boot}.{os.readlink(f'{PROC}/self/ns/pid')}.{pid}.{fields[START_TIME]}"


def has_ended(identity_of: str) -> bool:
    """Tell whether a process that was named so has ended; False if it cannot be seen from here."""
    place, _, rest = identity_of.rpartition("].")
    pid, _, _ = rest.partition(".")
    own = identity(os.getpid())
    if not own or place != own.rpartition("].")[0] or not pid.isdigit():
        return False
    return identity(int(pid)) != identity_of


def _stat(process: str) -> list[str]:
    """Return the fields of `stat` from the state on: a name may hold blanks and brackets."""
    return _read(f"{process}/stat").rpartition(")")[2].split()


def listening(port: int) -> bool | None:
    """Tell whether somebody listens on a port of this network namespace; None if unknown."""
    found = _sockets(TCP_LISTEN, port)
    return None if found is None else bool(found)


def listening_ports(pids: Iterable[int]) -> set[int]:
    """Return the ports that processes listen on, as far as their descriptors may be looked at."""
    own: set[str] = set()
    for pid in pids:
        for descriptor in _names(f"{PROC}/{pid}/fd"):
            with contextlib.suppress(OSError):
                own.add(os.readlink(f"{PROC}/{pid}/fd/{descriptor}"))
    listeners = _sockets(TCP_LISTEN) or []
    return {listener.local[1] for listener in listeners if f"socket:[{listener.inode}]" in own}


def listening_ports_of_user(uid: int) -> set[int]:
    """Return the ports that a user listens on."""
    return {listener.local[1] for listener in _sockets(TCP_LISTEN) or [] if listener.uid == uid}


def release_port(port: int) -> None:
    """Make the kernel forget the connections to a port that a server has ended first (TIME-WAIT).

    They would keep a server that lacks SO_REUSEADDR from being started again for a minute. A client that
    connects from the same port while nobody listens is answered about the connection of before, does not
    understand that, and resets it. (RFC 1337 calls this an assassination.)
    """
    for ended in _sockets(TCP_TIME_WAIT, port) or []:
        if _connect(ended.family, ended.peer, ended.local) == errno.EADDRINUSE:
            # Both have closed at once: the client's side is in TIME-WAIT too, and has to be forgotten first.
            _connect(ended.family, ended.local, ended.peer)
            _connect(ended.family, ended.peer, ended.local)


def _connect(family: socket.AddressFamily, source: tuple[str, int], target: tuple[str, int]) -> int:
    """Try to connect, and close at once; return what came of it, an error number of the system's."""
    with socket.socket(family) as client:
        client.settimeout(RELEASE_S)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            client.bind(source)
        except OSError as error:
            return error.errno or 0
        return client.connect_ex(target)


def is_in_time_wait(port: int) -> bool:
    """Tell whether a port cannot be bound without SO_REUSEADDR, because of connections that have ended."""
    return bool(_sockets(TCP_TIME_WAIT, port))


@dataclass(frozen=True, slots=True)
class _Socket:
    """A socket as the kernel has it."""

    family: socket.AddressFamily
    local: tuple[str, int]
    peer: tuple[str, int]
    uid: int
    inode: int


def _sockets(state: int, port: int = 0) -> list[_Socket] | None:
    """Return the TCP sockets in a state, on one port or on any (0); None if unknown.

    The kernel is asked by netlink (sock_diag), as `ss` does it: /proc/net/tcp has thousands of rows on a
    machine where many connections have ended just now, and is slow.
    """
    found: list[_Socket] = []
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG) as kernel:
            kernel.settimeout(1)
            for family in (socket.AF_INET, socket.AF_INET6):
                request = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, 1 << state)
                request += struct.pack("!H", port) + bytes(46)
                kernel.send(
                    struct.pack("=IHHII", 16 + len(request), SOCK_DIAG_BY_FAMILY, REQUEST_DUMP, 0, 0)
                    + request
                )
                while not _read_answer(kernel.recv(1 << 16), found):
                    pass
    except (AttributeError, OSError):
        return None
    return found


def _read_answer(answer: bytes, found: list[_Socket]) -> bool:
    """Note the sockets of a message; tell whether it was the last one."""
    at = 0
    while at < len(answer):
        length, kind = struct.unpack_from("=IH", answer, at)
        if kind != SOCK_DIAG_BY_FAMILY:
            return True
        family, ports, local, peer, uid, inode = struct.unpack_from("=B3x4s16s16s24xII", answer, at + 16)
        local_port, peer_port = struct.unpack("!HH", ports)
        # IPv4 on a socket for both is spelled as IPv6.
        if family == socket.AF_INET6 and local.startswith(MAPPED):
            family, local, peer = socket.AF_INET, local[12:], peer[12:]
        size = 4 if family == socket.AF_INET else 16
        here, there = (
            (socket.inet_ntop(family, host[:size]), number)
            for host, number in ((local, local_port), (peer, peer_port))
        )
        found.append(_Socket(socket.AddressFamily(family), here, there, uid, inode))
        at += (length + 3) & ~3
    return False


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
