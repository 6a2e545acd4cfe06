"""Sign a set of certificates with a new CA, whose key is forgotten on return; files stay outside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from services.runtime.tls import ADMINISTRATOR_ROLE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from services.certs.settings import ServerNames

LIFETIME: Final = timedelta(days=90)
"""Short enough that a lost key does not matter for long."""

BACKDATING: Final = timedelta(minutes=5)
"""A peer's clock may be behind ours by this much."""

_ORGANIZATION: Final = "Guessing Game"


@dataclass(frozen=True, slots=True)
class Bearer:
    """A certificate and its private key, both PEM."""

    cert: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class IssuedSet:
    """All that one CA has ever signed, and the CA itself."""

    ca: bytes
    server: Bearer
    admin: Bearer


def issue(names: ServerNames, now: datetime) -> IssuedSet:
    """Make a CA, the server's certificate for `names` and the administrator's, valid from about `now` on."""
    authority = _Authority(now)
    server_names: list[x509.GeneralName] = [x509.DNSName(name) for name in sorted(names.dns)]
    server_names += [x509.IPAddress(address) for address in sorted(names.ip, key=str)]
    return IssuedSet(
        authority.certificate.public_bytes(serialization.Encoding.PEM),
        authority.sign("server", ExtendedKeyUsageOID.SERVER_AUTH, server_names),
        authority.sign(
            "administrator",
            ExtendedKeyUsageOID.CLIENT_AUTH,
            [x509.UniformResourceIdentifier(ADMINISTRATOR_ROLE)],
        ),
    )


class _Authority:
    def __init__(self, now: datetime) -> None:
        self._not_before = now.astimezone(UTC).replace(microsecond=0) - BACKDATING
        self._key = ec.generate_private_key(ec.SECP256R1())
        serial = x509.random_serial_number()
        # Two authorities stand side by side during a renewal: the name tells them apart.
        self._name = _subject(f"Guessing Game CA {serial:x}"[:64])
        self.certificate = (
            self._builder(self._name, self._key, serial)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(key_cert_sign=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def sign(
        self, name: str, usage: x509.ObjectIdentifier, alternatives: Iterable[x509.GeneralName]
    ) -> Bearer:
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        certificate = (
            self._builder(_subject(name), key, x509.random_serial_number())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        return Bearer(
            certificate.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, serial: int
    ) -> x509.CertificateBuilder:
        public_key = key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(serial)
            .not_valid_before(self._not_before)
            .not_valid_after(self._not_before + LIFETIME)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        )


def _subject(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _key_usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
