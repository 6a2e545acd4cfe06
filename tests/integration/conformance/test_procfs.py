"""What the kernel tells of processes and ports."""

from __future__ import annotations

import errno
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.conformance import procfs


def test_listener_is_seen_without_a_connection() -> None:
    """Who listens on a port is known, and whose it is."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert procfs.listening(port) is False
        listener.listen()
        assert procfs.listening(port) is True
        assert port in procfs.listening_ports([os.getpid()])
        assert port in procfs.listening_ports_of_user(os.getuid())
    assert procfs.listening(port) is False


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_port_is_released(family: socket.AddressFamily) -> None:
    """A port that connections of before keep from being bound can be bound again."""
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.socket(family) as listener, socket.socket(family) as client:
        listener.bind((host, 0))
        listener.listen()
        port = listener.getsockname()[1]
        client.bind((host, 0))
        client.connect((host, port))
        served, _ = listener.accept()
        served.close()
        assert client.recv(1) == b""
    assert procfs.is_in_time_wait(port)
    with socket.socket(family) as again, pytest.raises(OSError, match="in use") as refused:
        again.bind((host, port))
    assert refused.value.errno == errno.EADDRINUSE
    procfs.release_port(port)
    assert not procfs.is_in_time_wait(port)
    with socket.socket(family) as again:
        again.bind((host, port))


def test_port_is_released_although_both_sides_closed_at_once() -> None:
    """Of many connections that two threads close together, some end so: none of them keeps the port."""
    with ThreadPoolExecutor(2) as closers:
        for _ in range(60):
            with socket.socket() as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(("127.0.0.1", 0))
                listener.listen()
                port = listener.getsockname()[1]
                client = socket.create_connection(("127.0.0.1", port))
                served, _ = listener.accept()
            both = threading.Barrier(2)
            list(closers.map(lambda end, both=both: (both.wait(), end.close()), (client, served)))
            procfs.release_port(port)
            assert not procfs.is_in_time_wait(port)


def test_own_process_is_known() -> None:
    """Processor time and state of a process are known; of one that is none, nothing."""
    usage = procfs.usage(procfs.tree(os.getpid()))
    assert usage is not None
    assert usage.working
    assert os.getpid() in procfs.of_user(os.getuid())
    assert procfs.usage([]) is None
