"""Certificates of every kind that a test may need, the faulty ones above all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from services.runtime.tls import ADMINISTRATOR_ROLE
from services.runtime.tls_settings import CertificateFiles

if TYPE_CHECKING:
    from pathlib import Path

ADMINISTRATOR = (x509.UniformResourceIdentifier(ADMINISTRATOR_ROLE),)
LOCALHOST = (x509.DNSName("localhost"),)
SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH
YEAR = timedelta(days=365)

_SIGNS_CERTIFICATES = x509.KeyUsage(
    key_cert_sign=True,
    digital_signature=False,
    crl_sign=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)
"""Without it, and without the identifiers of keys, Python 3.13 trusts nothing by default."""


class Authority:
    """A CA that signs whatever it is asked to; two of one name are strangers all the same."""

    def __init__(self, folder: Path, name: str = "CA") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            _builder(self._name, self._name, self._key, YEAR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_SIGNS_CERTIFICATES, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self._identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        self.path = folder / "ca.pem"
        self.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def sign(
        self,
        name: str,
        *alternatives: x509.GeneralName,
        usage: x509.ObjectIdentifier,
        left: timedelta = YEAR,
    ) -> CertificateFiles:
        """Sign a certificate that has `left` to live, and write it with its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            _builder(subject, self._name, key, left)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(self._identifier, critical=False)
        )
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        files = CertificateFiles(self._folder / f"{name}.pem", self._folder / f"{name}-key.pem")
        files.cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return files


@dataclass(frozen=True, slots=True)
class Cast:
    """A server, its administrator, and everybody who would like to be taken for him."""

    ca: Path
    server: CertificateFiles
    administrator: CertificateFiles
    impostors: dict[str, CertificateFiles | None]
    """By what is wrong with them; None shows no certificate at all."""


def make_cast(folder: Path) -> Cast:
    """Make the certificates of the whole cast."""
    authority = Authority(folder / "own")
    foreign = Authority(folder / "foreign", "another CA")
    namesake = Authority(folder / "namesake")
    server = authority.sign("server", *LOCALHOST, usage=SERVER_AUTH)
    return Cast(
        authority.path,
        server,
        authority.sign("administrator", *ADMINISTRATOR, usage=CLIENT_AUTH),
        {
            "no certificate": None,
            "another CA": foreign.sign("administrator", *ADMINISTRATOR, usage=CLIENT_AUTH),
            "another CA of the same subject": namesake.sign(
                "administrator", *ADMINISTRATOR, usage=CLIENT_AUTH
            ),
            "an expired one": authority.sign(
                "expired", *ADMINISTRATOR, usage=CLIENT_AUTH, left=-timedelta(minutes=1)
            ),
            "the server's own": server,
            "no role": authority.sign("nobody", usage=CLIENT_AUTH),
            "another role": authority.sign(
                "guest", x509.UniformResourceIdentifier(f"{ADMINISTRATOR_ROLE}s"), usage=CLIENT_AUTH
            ),
            "the role as a name": authority.sign(
                "pretender", x509.DNSName("administrator"), usage=CLIENT_AUTH
            ),
        },
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, left: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + left)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
