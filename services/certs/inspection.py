"""Judge a set of certificates: is it whole, and will it serve for a while? Its files stay closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from services.certs.settings import ServerNames
from services.runtime.tls import ADMINISTRATOR_ROLE

if TYPE_CHECKING:
    from datetime import datetime

RENEWAL_DAYS: Final = 30
"""A set with fewer days left is renewed: a third of its life, so that a missed run does no harm."""


@dataclass(frozen=True, slots=True)
class FoundSet:
    """The contents of a set's files, as they were found."""

    ca: bytes
    client_ca: bytes
    server_cert: bytes
    server_key: bytes
    admin_cert: bytes
    admin_key: bytes


def renewal_reason(found: FoundSet, names: ServerNames, now: datetime) -> str | None:
    """Say why the set must be made again; None if it may stay."""
    try:
        authorities = x509.load_pem_x509_certificates(found.ca)
        server = x509.load_pem_x509_certificate(found.server_cert)
        admin = x509.load_pem_x509_certificate(found.admin_cert)
        if found.client_ca != found.ca:
            return "the two copies of the CA differ"
        for owner, certificate, key, usage in (
            ("server", server, found.server_key, ExtendedKeyUsageOID.SERVER_AUTH),
            ("administrator", admin, found.admin_key, ExtendedKeyUsageOID.CLIENT_AUTH),
        ):
            certificate.verify_directly_issued_by(authorities[0])
            if not _fits(certificate, key):
                return f"the {owner}'s key is of another certificate"
            if usage not in certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value:
                return f"the {owner}'s certificate is for another use"
        if _alternatives(admin).get_values_for_type(x509.UniformResourceIdentifier) != [ADMINISTRATOR_ROLE]:
            return "the administrator's certificate lacks the role"
        if _names(server) != names:
            return "the server's names have changed"
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return "the files are no set of certificates"
    if any(certificate.not_valid_before_utc > now for certificate in (authorities[0], server, admin)):
        return "the clock has been put back to before the certificates begin"
    if valid_until(found) - now < timedelta(days=RENEWAL_DAYS):
        return f"fewer than {RENEWAL_DAYS} days are left"
    return None


def valid_until(found: FoundSet) -> datetime:
    """Return when the first certificate of a sound set ends."""
    return min(
        x509.load_pem_x509_certificate(pem).not_valid_after_utc
        for pem in (found.ca, found.server_cert, found.admin_cert)
    )


def predecessor(bundle: bytes, now: datetime) -> bytes:
    """Return the CA in force of a bundle, to be trusted beside its successor; nothing once it has ended."""
    try:
        authority = x509.load_pem_x509_certificate(bundle)
    except ValueError:
        return b""
    return authority.public_bytes(serialization.Encoding.PEM) if authority.not_valid_after_utc > now else b""


def _fits(certificate: x509.Certificate, key_pem: bytes) -> bool:
    key = serialization.load_pem_private_key(key_pem, password=None)
    return key.public_key() == certificate.public_key()


def _alternatives(certificate: x509.Certificate) -> x509.SubjectAlternativeName:
    return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value


def _names(certificate: x509.Certificate) -> ServerNames:
    alternatives = _alternatives(certificate)
    return ServerNames(
        frozenset(alternatives.get_values_for_type(x509.DNSName)),
        frozenset(
            address
            for address in alternatives.get_values_for_type(x509.IPAddress)
            if isinstance(address, IPv4Address | IPv6Address)
        ),
    )
