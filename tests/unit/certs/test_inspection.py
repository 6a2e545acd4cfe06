"""When a set is renewed, by a clock that the tests set."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from services.certs.authority import BACKDATING, issue
from services.certs.inspection import FoundSet, predecessor, renewal_reason, valid_until
from services.certs.settings import ServerNames, read_settings
from services.runtime.environ import EnvironReader
from services.runtime.logging import LogFormat

if TYPE_CHECKING:
    from services.certs.authority import IssuedSet

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
END = NOW - BACKDATING + timedelta(days=90)
NAMES = ServerNames()


def found(issued: IssuedSet) -> FoundSet:
    """Find a set as it was issued."""
    return FoundSet(
        issued.ca, issued.ca, issued.server.cert, issued.server.key, issued.admin.cert, issued.admin.key
    )


SOUND = found(issue(NAMES, NOW))
OTHER = found(issue(NAMES, NOW))


def test_a_sound_set_stays() -> None:
    """A set that has just been made needs nothing, and tells when it ends."""
    assert renewal_reason(SOUND, NAMES, NOW) is None
    assert valid_until(SOUND) == END


@pytest.mark.parametrize(
    "names",
    [
        *("::ffff:10.0.0.1", "0.0.0.0", "::", "fe80::1", "2001:DB8:0::1", "GAME.example", "*.example.net"),
        *("xn--mnchen-3ya.example", "a_b", "224.0.0.1 ff02::1"),
    ],
)
def test_whatever_names_are_taken_are_found_again(names: str) -> None:
    """A set that has just been made for them stays, so no run makes another CA."""
    reader = EnvironReader({"GAME_TLS_NAMES": names})
    settings = read_settings(reader, LogFormat.JSON)
    reader.finish()

    assert renewal_reason(found(issue(settings.names, NOW)), settings.names, NOW) is None


def test_a_set_is_renewed_when_fewer_than_thirty_days_are_left() -> None:
    """With exactly 30 days left a set stays; a second later it is renewed, and so is one long dead."""
    at_30_days = END - timedelta(days=30)

    assert renewal_reason(SOUND, NAMES, at_30_days) is None
    assert renewal_reason(SOUND, NAMES, at_30_days + timedelta(seconds=1)) == "fewer than 30 days are left"
    assert renewal_reason(SOUND, NAMES, END + timedelta(days=400)) == "fewer than 30 days are left"


def test_a_set_from_the_future_is_renewed() -> None:
    """When the clock was put back, nobody would accept the set yet."""
    assert renewal_reason(SOUND, NAMES, NOW - BACKDATING) is None
    assert "clock" in str(renewal_reason(SOUND, NAMES, NOW - timedelta(days=1)))


@pytest.mark.parametrize(
    "names",
    [replace(NAMES, dns=NAMES.dns | {"game.example.org"}), replace(NAMES, ip=frozenset())],
    ids=["one more", "fewer"],
)
def test_a_set_is_renewed_when_the_names_changed(names: ServerNames) -> None:
    """A name more or a name less makes a new certificate."""
    assert renewal_reason(SOUND, names, NOW) == "the server's names have changed"


@pytest.mark.parametrize(
    ("mixed", "reason"),
    [
        (replace(SOUND, client_ca=OTHER.ca), "the two copies of the CA differ"),
        (replace(SOUND, server_key=OTHER.server_key), "the server's key is of another certificate"),
        (
            replace(SOUND, admin_key=OTHER.admin_key),
            "the administrator's key is of another certificate",
        ),
        (
            replace(OTHER, server_cert=SOUND.server_cert, server_key=SOUND.server_key),
            "the files are no set of certificates",
        ),
        (replace(SOUND, ca=OTHER.ca, client_ca=OTHER.ca), "the files are no set of certificates"),
        (
            replace(SOUND, admin_cert=SOUND.server_cert, admin_key=SOUND.server_key),
            "the administrator's certificate is for another use",
        ),
        (replace(SOUND, server_cert=b""), "the files are no set of certificates"),
        (replace(SOUND, admin_key=b"-----BEGIN PRIVATE KEY-----\n"), "the files are no set of certificates"),
        (replace(SOUND, ca=b"\xff", client_ca=b"\xff"), "the files are no set of certificates"),
    ],
)
def test_a_set_that_is_not_of_one_piece_is_renewed(mixed: FoundSet, reason: str) -> None:
    """Parts of two sets, or no certificates at all, are replaced, and the reason is told."""
    assert renewal_reason(mixed, NAMES, NOW) == reason


def test_only_a_living_predecessor_is_trusted_on() -> None:
    """Of the CAs trusted so far the one in force stays until it ends, and older ones are dropped."""
    assert predecessor(SOUND.ca + OTHER.ca, NOW) == SOUND.ca
    assert predecessor(SOUND.ca, END) == b""
    assert predecessor(b"", NOW) == b""
