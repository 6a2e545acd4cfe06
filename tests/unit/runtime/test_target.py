"""Where a server is, and why it cannot be reached, in words."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from services.runtime.target import Target, cause


@pytest.mark.parametrize(
    ("host", "text"),
    [("localhost", "localhost:4000"), ("10.0.0.1", "10.0.0.1:4000"), ("::1", "[::1]:4000")],
)
def test_a_target_is_spelled_as_people_do(host: str, text: str) -> None:
    """An IPv6 address stands in brackets, so that its port can be told."""
    assert str(Target(host, 4000)) == text


def test_causes() -> None:
    """Each failure of a connection is a few words, without repeating where to."""
    untrusted = ssl.SSLCertVerificationError(1, "long")
    untrusted.verify_message = "self-signed certificate"

    assert cause(untrusted) == "its certificate is not accepted: self-signed certificate"
    assert cause(OSError("Multiple exceptions: ...")) == "none of its addresses answers"
    assert cause(ConnectionRefusedError(errno.ECONNREFUSED, "Call failed")) == "Connection refused"
    assert cause(socket.gaierror(socket.EAI_NONAME, "Name not known")) == "Name not known"
