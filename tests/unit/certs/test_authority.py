"""What is signed: for whom, for what, for how long; and that the signatures hold."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from services.certs.authority import issue
from services.certs.inspection import predecessor
from services.certs.settings import ServerNames
from services.runtime.tls import client_context, server_admin_context
from services.runtime.tls_settings import AdminTls, CertificateFiles, ClientTls, PlayerTls, ServerTls
from tests.support.handshake import shake_hands

if TYPE_CHECKING:
    from pathlib import Path

    from services.certs.authority import Bearer, IssuedSet

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(scope="module")
def issued() -> IssuedSet:
    """A set for the usual names."""
    return issue(ServerNames(), NOW)


def load(pem: bytes) -> x509.Certificate:
    """Read a certificate."""
    return x509.load_pem_x509_certificate(pem)


def alternatives(bearer: Bearer) -> x509.SubjectAlternativeName:
    """Read the alternative names of a certificate."""
    return load(bearer.cert).extensions.get_extension_for_class(x509.SubjectAlternativeName).value


def uses(bearer: Bearer) -> list[x509.ObjectIdentifier]:
    """Read what a certificate may be used for."""
    return list(load(bearer.cert).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_the_server_may_only_be_a_server_under_its_names(issued: IssuedSet) -> None:
    """The server's certificate is for serverAuth alone and lists all its names and addresses."""
    assert uses(issued.server) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert set(alternatives(issued.server).get_values_for_type(x509.DNSName)) == {"server", "localhost"}
    assert set(alternatives(issued.server).get_values_for_type(x509.IPAddress)) == {
        ip_address("127.0.0.1"),
        ip_address("::1"),
    }


def test_the_administrator_may_only_be_a_client_and_has_the_role(issued: IssuedSet) -> None:
    """The administrator's certificate is for clientAuth alone and carries the role as a URI."""
    assert uses(issued.admin) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert alternatives(issued.admin).get_values_for_type(x509.UniformResourceIdentifier) == [
        "urn:guessing-game:role:administrator"
    ]


def test_all_is_valid_for_ninety_days_from_a_little_earlier(issued: IssuedSet) -> None:
    """Every certificate begins a few minutes ago, for peers whose clock is late, and lasts 90 days."""
    for pem in (issued.ca, issued.server.cert, issued.admin.cert):
        certificate = load(pem)
        assert NOW - timedelta(minutes=10) < certificate.not_valid_before_utc < NOW - timedelta(minutes=1)
        assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(days=90)


def test_every_certificate_has_a_p256_key_of_its_own(issued: IssuedSet) -> None:
    """Both bearers hold the ECDSA P-256 key of their own certificate; all keys differ."""
    public = []
    for bearer in (issued.server, issued.admin):
        key = serialization.load_pem_private_key(bearer.key, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert key.curve.name == "secp256r1"
        assert key.public_key() == load(bearer.cert).public_key()
        public.append(key.public_key())
    assert load(issued.ca).public_key() not in public
    assert public[0] != public[1]


def test_two_authorities_have_two_names(issued: IssuedSet) -> None:
    """The CA of the next set has another subject, so that both can be trusted side by side."""
    assert load(issue(ServerNames(), NOW).ca).subject != load(issued.ca).subject


def test_the_authority_signs_leaves_and_nothing_else(issued: IssuedSet) -> None:
    """The CA may sign certificates, but no further CA; the leaves may sign nothing."""
    constraints = [
        load(pem).extensions.get_extension_for_class(x509.BasicConstraints).value
        for pem in (issued.ca, issued.server.cert, issued.admin.cert)
    ]
    assert [(each.ca, each.path_length) for each in constraints] == [(True, 0), (False, None), (False, None)]


def written(folder: Path, bearer: Bearer) -> CertificateFiles:
    """Write a certificate and its key."""
    folder.mkdir()
    files = CertificateFiles(folder / "cert.pem", folder / "key.pem")
    files.cert.write_bytes(bearer.cert)
    files.key.write_bytes(bearer.key)
    return files


@pytest.mark.parametrize("in_force", ["old", "new"])
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_the_strictest_verification_accepts_all(tmp_path: Path, name: str, in_force: str) -> None:
    """RFC 5280 to the letter, as Python 3.13 does by default: both ends are content, after a renewal too."""
    now = datetime.now(UTC)
    old, new = (issue(ServerNames(), then) for then in (now - timedelta(days=1), now))
    ca = tmp_path / "ca.pem"
    ca.write_bytes(new.ca + predecessor(old.ca, now))
    used = {"old": old, "new": new}[in_force]
    server_files = written(tmp_path / "server", used.server)
    admin_files = written(tmp_path / "admin", used.admin)
    server = server_admin_context(ServerTls(PlayerTls.OPTIONAL, AdminTls.REQUIRED, server_files, ca))
    client = client_context(ClientTls(ca, admin_files))
    assert server is not None
    for context in (server, client):
        context.verify_flags |= ssl.VERIFY_X509_STRICT

    assert shake_hands(server, client, name).succeeded
