"""Encrypted ports (level extended); without `--ca` none of this is applicable."""

import re
import ssl
from dataclasses import replace
from typing import Final

from services.conformance.checks import Checklist, Need
from services.conformance.judged import JudgedServer
from services.conformance.results import Level
from services.conformance.wire import MismatchError, NotApplicableError, Opening, Wire, shown

CHECKS: Final[Checklist[JudgedServer]] = Checklist(Level.EXTENDED)
BEGUN_HANDSHAKE: Final = b"\x16\x03\x01\x02\x00\x01"
"""The first octets of a TLS handshake, of which more should follow."""


def _encrypted(port: Opening) -> Opening:
    if port.tls is None:
        raise NotApplicableError("no TLS was offered (--ca)")
    return port


def _plain(server: JudgedServer, port: Opening) -> Wire:
    return server.open(replace(_encrypted(port), tls=None))


@CHECKS.check("P-1", "T-1", need=Need.GAME)
def plain_text(server: JudgedServer) -> None:
    """Plain text on an encrypted player port is greeted or disconnected, and does no harm."""
    _encrypted(server.player_port)
    other = server.bystander()
    wire = _plain(server, server.player_port)
    wire.say("Hello")
    if not (wire.rest(server.pace.quiet_s) or wire.rest() or wire.ended):
        wire.fail("a greeting or the end of the connection", "neither: plain text is left waiting")
    silent = _plain(server, server.player_port)
    server.expect_serves(other)
    silent.close()


@CHECKS.check("A-1", "A-10", "T-2", need=Need.BOTH)
def admin_plain_text(server: JudgedServer) -> None:
    """Plain text on an encrypted administrator port is refused in one plain line, and does no harm."""
    wire = _plain(server, server.admin_port)
    wire.say("Hello")
    answer = wire.rest()
    if not re.fullmatch(rb"Refused: [ -~]+\r\n", answer):
        wire.fail("the line 'Refused: REASON', in plain text", f"'{shown(answer)}'")
    server.expect_serves()
    server.who()


@CHECKS.check("A-1", "T-3", need=Need.BOTH)
def admin_certificate(server: JudgedServer) -> None:
    """Nobody is the administrator without a certificate."""
    encrypted = _encrypted(server.admin_port).tls
    anonymous = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if encrypted is not None:
        for authority in encrypted.get_ca_certs(binary_form=True):
            anonymous.load_verify_locations(cadata=authority)
    try:
        wire = server.open(replace(server.admin_port, tls=anonymous))
    except MismatchError:
        return
    # With TLS 1.3 a missing certificate shows only at the first reply.
    wire.say("Hello")
    if b"Greetings" in wire.rest():
        wire.fail("no greeting for a client without a certificate", "Greetings")


@CHECKS.check("P-1", "P-2", "T-1", need=Need.GAME)
def stalled_handshake(server: JudgedServer) -> None:
    """A TLS handshake that does not go on keeps nobody from playing."""
    wire = _plain(server, server.player_port)
    wire.send(BEGUN_HANDSHAKE)
    server.expect_serves()
