"""The one fact about a certificate file that the standard library does not tell: when it ends.

Pure. Only dates are read here, and only for a warning; whom to trust is OpenSSL's decision alone.
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import Final

_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)

# The tags of DER (X.690) that stand on the way to the dates.
_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17

_LONG_LENGTH: Final = 0x80
_FIRST_TWO_DIGIT_YEAR: Final = 50
"""UTCTime has two digits: 50 to 99 are the 1900s (RFC 5280, section 4.1.2.5.1)."""


class UnreadableCertificateError(ValueError):
    """This is no PEM certificate."""


def ends_at(pem: str) -> datetime:
    """Return when the certificate in `pem` ends; of a chain, the member that ends first.

    Raises:
        UnreadableCertificateError: there is no certificate, or one that makes no sense.
    """
    try:
        ends = [_not_after(base64.b64decode(block)) for block in _PEM.findall(pem)]
        return min(ends)
    except (ValueError, IndexError) as error:
        raise UnreadableCertificateError("no PEM certificate") from error


def _not_after(der: bytes) -> datetime:
    certificate = _expect(_SEQUENCE, *_element(der)[:2])
    rest = _expect(_SEQUENCE, *_element(certificate)[:2])
    if rest[0] == _VERSION:
        rest = _element(rest)[2]
    for _ in ("serial number", "signature algorithm", "issuer"):
        rest = _element(rest)[2]
    validity = _expect(_SEQUENCE, *_element(rest)[:2])
    not_before_dropped = _element(validity)[2]
    tag, value, _ = _element(not_before_dropped)
    text = value.decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if int(text[:2]) >= _FIRST_TWO_DIGIT_YEAR else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """Cut the first element off: its tag, its value and what follows it."""
    tag, length, start = data[0], data[1], 2
    if length >= _LONG_LENGTH:
        start += length - _LONG_LENGTH
        length = int.from_bytes(data[2:start])
    return tag, data[start : start + length], data[start + length :]


def _expect(tag: int, found: int, value: bytes) -> bytes:
    if found != tag:
        raise ValueError(found)
    return value
