"""TLS on a socket whose other end is OpenSSL's own: what is read at once, and what is sent at last."""

from __future__ import annotations

import contextlib
import gc
import socket
import ssl
import weakref
from typing import TYPE_CHECKING

import pytest

from services.server.tls_socket import DATALESS_OCTETS, RAW_CHUNK_OCTETS, DatalessError, TlsSocket
from tests.support.certificates import LOCALHOST, SERVER_AUTH, Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Pair:
    """A server's `TlsSocket` and a client's `SSLSocket`, connected and shaken."""

    def __init__(self, folder: Path) -> None:
        authority = Authority(folder)
        own = authority.sign("server", *LOCALHOST, usage=SERVER_AUTH)
        served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        served.load_cert_chain(own.cert, own.key)
        served.num_tickets = 0
        self.pending = 0
        """How often the server's end has said that there may be more."""
        left, right = socket.socketpair()
        for one in (left, right):
            one.setblocking(False)
        self.below = right.dup()
        """The client's socket below TLS."""
        self.server = TlsSocket(left, served, self._note)
        self.client = ssl.create_default_context(cafile=authority.path).wrap_socket(
            right, server_hostname="localhost", do_handshake_on_connect=False
        )
        ends = [self.server.do_handshake, self.client.do_handshake]
        while ends:
            with contextlib.suppress(*BUSY):
                ends[0]()
                del ends[0]
                continue
            ends.reverse()

    def _note(self) -> None:
        self.pending += 1

    def close(self) -> None:
        """Close both ends."""
        self.server.close()
        self.client.close()
        self.below.close()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Give both ends of a connection."""
    pair = Pair(tmp_path)
    yield pair
    pair.close()


def test_lines_of_two_records_come_one_after_the_other(pair: Pair) -> None:
    """Data that came together is announced, since no poll tells of it, and nothing is lost (T-1)."""
    pair.client.send(b"Hello\r\n")
    pair.client.send(b"Game\r\n")

    assert pair.server.recv(448) == b"Hello\r\n"
    assert pair.pending == 1
    assert pair.server.recv(448) == b"Game\r\n"
    with pytest.raises(ssl.SSLWantReadError):
        pair.server.recv(448)


def test_a_long_record_is_read_in_chunks(pair: Pair) -> None:
    """A record longer than a chunk arrives whole, over several reads of a chunk each."""
    sent = bytes(range(256)) * 40
    assert pair.client.send(sent) == len(sent)

    came, reads = b"", 0
    while came != sent:
        reads += 1
        with contextlib.suppress(ssl.SSLWantReadError):
            came += pair.server.recv(448)
    assert reads >= len(sent) // RAW_CHUNK_OCTETS


def test_one_read_takes_one_chunk(pair: Pair) -> None:
    """However many records wait, one read takes a chunk of them and leaves the rest to the kernel."""
    for _ in range(RAW_CHUNK_OCTETS // 10):
        pair.client.send(b"1\r\n")

    assert pair.server.recv(448) == b"1\r\n"
    assert pair.server.raw.recv(1, socket.MSG_PEEK)


def test_octets_that_lead_to_no_data_are_bounded(pair: Pair) -> None:
    """A peer that sends much of a record and never ends it is cut; the longest real record is not."""
    whole = b"x" * (1 << 14)
    pair.client.setblocking(True)
    pair.client.sendall(whole)
    came = b""
    while len(came) < len(whole):
        with contextlib.suppress(ssl.SSLWantReadError):
            came += pair.server.recv(1 << 14)
    assert came == whole
    assert len(whole) < DATALESS_OCTETS

    pair.server._dataless_octets = DATALESS_OCTETS
    pair.client.sendall(b"1\r\n")
    with pytest.raises(ssl.SSLWantReadError):
        pair.server.recv(448)  # what OpenSSL has already; there is none
    with pytest.raises(DatalessError, match="without data"):
        pair.server.recv(448)


def test_what_the_kernel_does_not_take_is_sent_later(pair: Pair) -> None:
    """A client that does not read gets every octet in the end, in order, once it does."""
    sent = bytes(range(251)) * 4000
    kept = bytearray(sent)
    pair.client.setblocking(False)
    came = b""
    blocked = False
    while len(came) < len(sent):
        try:
            while kept:
                del kept[: pair.server.send(kept)]
        except ssl.SSLWantWriteError:
            blocked = True
        with contextlib.suppress(*BUSY):
            came += pair.client.recv(65536)
    assert blocked
    assert came == sent


def test_a_peer_that_is_gone_ends_the_stream(pair: Pair) -> None:
    """A peer that ends without announcing it, as a killed program does, ends the stream all the same."""
    pair.below.shutdown(socket.SHUT_RDWR)
    assert pair.server.recv(448) == b""


def test_rubbish_breaks_the_stream(pair: Pair) -> None:
    """Octets that are no record raise an error."""
    pair.below.send(b"\x17\x03\x03\x00\x20" + b"?" * 32)
    with pytest.raises(ssl.SSLError, match=r"MAC|DECRYPT|RECORD"):
        pair.server.recv(448)


def test_what_is_closed_is_freed_at_once(tmp_path: Path) -> None:
    """OpenSSL's memory, of which the garbage collector knows nothing, does not wait for it."""

    class Owner:
        def __init__(self, sock: socket.socket) -> None:
            self.sock = TlsSocket(sock, context, self.note)

        def note(self) -> None:
            """Be told that there may be data, as a connection is."""

    certificate = Authority(tmp_path).sign("server", *LOCALHOST, usage=SERVER_AUTH)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert, certificate.key)
    left, right = socket.socketpair()
    owner = Owner(left)
    freed = weakref.ref(owner)
    gc.disable()
    try:
        owner.sock.close()
        right.close()
        del owner
        assert freed() is None
    finally:
        gc.enable()
