"""Encrypted ports (level extended); without `--ca` none of this is applicable."""

import re
import ssl
from dataclasses import replace
from typing import Final

from services.conformance.checks import Checklist, Need
from services.conformance.connection import Connection, Endpoint, MismatchError, NotApplicableError, shown
from services.conformance.judged import JudgedServer
from services.conformance.results import Level

ROBUST: Final[Checklist[JudgedServer]] = Checklist(Level.ROBUST)
EXTENDED: Final[Checklist[JudgedServer]] = Checklist(Level.EXTENDED)
HINT: Final = "a TLS handshake may fail: do it outside the loop that accepts, and catch its errors there"
BEGUN_HANDSHAKE: Final = b"\x16\x03\x01\x02\x00\x01"
"""The first octets of a TLS handshake, of which more should follow."""


def _encrypted(port: Endpoint) -> Endpoint:
    if port.tls is None:
        raise NotApplicableError("no TLS was offered (--ca)")
    return port


def _plain(server: JudgedServer, port: Endpoint) -> Connection:
    return server.open(replace(_encrypted(port), tls=None))


@ROBUST.check("T-1", need=Need.PLAYER_AND_ADMIN, risk=1, hint=HINT)
def plain_text_harmless(server: JudgedServer) -> None:
    """Plain text, garbage and silence on encrypted ports harm nobody else."""
    ports = [port for port in (server.player_port, server.admin_port) if port.tls]
    for port in ports or [_encrypted(server.player_port)]:
        for said in (b"Hello\r\n", b"\0" * 64, b""):
            connection = server.open(replace(port, tls=None))
            if said:
                connection.send(said)
                connection.read_rest(server.timing.quiet_s)
            connection.close()
    server.expect_serves()
    server.greeted_admin()


@EXTENDED.check("P-1", "T-1", need=Need.GAME, hint=HINT)
def plain_text(server: JudgedServer) -> None:
    """Plain text on an encrypted player port is greeted or disconnected, and does no harm."""
    _encrypted(server.player_port)
    other = server.bystander()
    connection = _plain(server, server.player_port)
    connection.send_lines("Hello")
    if not (connection.read_rest(server.timing.quiet_s) or connection.read_rest() or connection.ended):
        connection.fail("a greeting or the end of the connection", "neither: plain text is left waiting")
    silent = _plain(server, server.player_port)
    server.expect_serves(other)
    silent.close()


@EXTENDED.check(
    "A-1",
    "A-10",
    "T-2",
    need=Need.BOTH,
    hint="look at the first octet (recv with MSG_PEEK): 0x16 is TLS; to anything else answer one "
    "plain line, and close",
)
def admin_plain_text(server: JudgedServer) -> None:
    """Plain text on an encrypted administrator port is refused in one plain line, and does no harm."""
    connection = _plain(server, server.admin_port)
    connection.send_lines("Hello")
    answer = connection.read_rest()
    if not re.fullmatch(rb"Refused: [ -~]+\r\n", answer):
        connection.fail("the line 'Refused: REASON', in plain text", f"'{shown(answer)}'")
    server.expect_serves()
    server.who()


@EXTENDED.check(
    "A-1",
    "T-3",
    need=Need.BOTH,
    hint="demand a certificate of the client (ssl.CERT_REQUIRED), and look at its role",
)
def admin_certificate(server: JudgedServer) -> None:
    """Nobody is the administrator without a certificate."""
    encrypted = _encrypted(server.admin_port).tls
    anonymous = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if encrypted is not None:
        for authority in encrypted.get_ca_certs(binary_form=True):
            anonymous.load_verify_locations(cadata=authority)
    try:
        connection = server.open(replace(server.admin_port, tls=anonymous))
    except MismatchError:
        return
    # With TLS 1.3 a missing certificate shows only at the first reply.
    connection.send_lines("Hello")
    if b"Greetings" in connection.read_rest():
        connection.fail("no greeting for a client without a certificate", "Greetings")


@EXTENDED.check("P-1", "P-2", "T-1", need=Need.GAME, hint=HINT)
def stalled_handshake(server: JudgedServer) -> None:
    """A TLS handshake that does not go on keeps nobody from playing."""
    connection = _plain(server, server.player_port)
    connection.send(BEGUN_HANDSHAKE)
    server.expect_serves()


CHECKS: Final = (*ROBUST, *EXTENDED)
