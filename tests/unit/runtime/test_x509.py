"""The end of a certificate, read from its file."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.x509 import UnreadableCertificateError, ends_at

KEY = ec.generate_private_key(ec.SECP256R1())
NAME = x509.Name([])


def certificate(end: datetime) -> str:
    """Make a certificate that ends at `end`."""
    return (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=1))
        .not_valid_after(end)
        .sign(KEY, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )


@given(st.datetimes(datetime(1951, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001 - UTC
def test_the_end_is_read_as_it_was_written(end: datetime) -> None:
    """Any date that a certificate can hold, of either spelling, is read back to the second."""
    assert ends_at(certificate(end)) == end.replace(microsecond=0)


def test_a_chain_ends_with_its_first_member_to_end() -> None:
    """A chain is as old as the member that ends first, and text between its members does not matter."""
    early, late = datetime(2030, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)

    assert ends_at(f"issuer\n{certificate(late)}\n{certificate(early)}") == early


@given(st.binary(max_size=80))
def test_nonsense_is_no_certificate(content: bytes) -> None:
    """What is no certificate is said to be none, wherever the nonsense begins."""
    pem = x509.load_pem_x509_certificate(certificate(datetime(2030, 1, 1, tzinfo=UTC)).encode())
    der = pem.public_bytes(serialization.Encoding.DER)
    for data in (content, der[: len(content)], der[:4] + content):
        block = base64.b64encode(data).decode()
        with pytest.raises(UnreadableCertificateError):
            ends_at(f"-----BEGIN CERTIFICATE-----\n{block}\n-----END CERTIFICATE-----\n")
    with pytest.raises(UnreadableCertificateError):
        ends_at(content.decode("latin-1"))
