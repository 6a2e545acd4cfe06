"""Where a client finds its server, and the words for why it did not."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from services.runtime.target import Target, cause


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (Target("localhost", 4000), "localhost:4000"),
        (Target("192.0.2.1", 4000), "192.0.2.1:4000"),
        (Target("2001:db8::1", 4000), "[2001:db8::1]:4000"),
    ],
)
def test_a_target_is_spelled_as_an_address(target: Target, text: str) -> None:
    """Names and addresses of both families are followed by the port without a doubt."""
    assert str(target) == text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed"),
            "Connection refused",
        ),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (OSError("Multiple exceptions: [Errno 111] ..., [Errno 111] ..."), "none of its addresses answers"),
        (ssl.SSLError(1, "[SSL] internal error"), "TLS failed: unknown reason"),
    ],
)
def test_every_cause_is_a_few_words(error: OSError, words: str) -> None:
    """What went wrong is said without repeating the address, and without Python's own words."""
    assert cause(error) == words
