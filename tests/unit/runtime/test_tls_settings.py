"""Settings of encryption: the defaults, and every combination that makes no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.runtime.environ import EnvironReader, SettingsError
from services.runtime.tls_settings import (
    AdminTls,
    CertificateFiles,
    ClientTls,
    PlayerTls,
    ServerTls,
    read_client_tls,
    read_server_tls,
)

FILES = {"GAME_TLS_CERT": "/s/cert.pem", "GAME_TLS_KEY": "/s/key.pem", "GAME_TLS_CLIENT_CA": "/s/ca.pem"}
OWN = CertificateFiles(Path("/s/cert.pem"), Path("/s/key.pem"))


def server(environ: dict[str, str]) -> ServerTls:
    """Read the server's settings, which must be faultless."""
    reader = EnvironReader(environ)
    settings = read_server_tls(reader)
    reader.finish()
    return settings


def faults(environ: dict[str, str]) -> list[str]:
    """Read the server's settings; give the name of the setting that each fault is laid to."""
    reader = EnvironReader(environ)
    read_server_tls(reader)
    with pytest.raises(SettingsError) as caught:
        reader.finish()
    return [fault.partition(":")[0] for fault in caught.value.faults]


def test_without_certificates_nothing_is_encrypted() -> None:
    """A server that is given no certificate leaves both ports plain."""
    assert server({}) == ServerTls(PlayerTls.OFF, AdminTls.OFF, None, None)


def test_with_certificates_players_may_and_administrators_must() -> None:
    """Certificates alone make TLS optional on the player port and required on the administrator port."""
    assert server(FILES) == ServerTls(PlayerTls.OPTIONAL, AdminTls.REQUIRED, OWN, Path("/s/ca.pem"))


@pytest.mark.parametrize("player", PlayerTls)
@pytest.mark.parametrize("admin", AdminTls)
def test_every_pair_of_modes_can_be_chosen(player: PlayerTls, admin: AdminTls) -> None:
    """The modes of the two ports do not depend on each other."""
    chosen = server({**FILES, "GAME_PLAYER_TLS": player.upper(), "GAME_ADMIN_TLS": admin})

    assert (chosen.player, chosen.admin) == (player, admin)


def test_the_ca_of_administrators_is_needed_only_where_they_prove_themselves() -> None:
    """With GAME_ADMIN_TLS=off the server does without GAME_TLS_CLIENT_CA."""
    assert server({**FILES, "GAME_TLS_CLIENT_CA": "", "GAME_ADMIN_TLS": "off"}).client_ca is None


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({"GAME_TLS_CERT": "c", "GAME_TLS_CLIENT_CA": "a"}, ["GAME_TLS_KEY"]),
        ({"GAME_TLS_KEY": "k", "GAME_TLS_CLIENT_CA": "a"}, ["GAME_TLS_CERT"]),
        ({"GAME_TLS_CERT": "c"}, ["GAME_TLS_CLIENT_CA", "GAME_TLS_KEY"]),
        ({"GAME_TLS_CERT": "c", "GAME_TLS_KEY": "k"}, ["GAME_TLS_CLIENT_CA"]),
        ({"GAME_TLS_CLIENT_CA": "a"}, ["GAME_TLS_CLIENT_CA"]),
        ({"GAME_PLAYER_TLS": "required"}, ["GAME_PLAYER_TLS"]),
        (
            {"GAME_PLAYER_TLS": "optional", "GAME_ADMIN_TLS": "required"},
            ["GAME_PLAYER_TLS", "GAME_ADMIN_TLS"],
        ),
        ({"GAME_PLAYER_TLS": "maybe", "GAME_ADMIN_TLS": "optional"}, ["GAME_PLAYER_TLS", "GAME_ADMIN_TLS"]),
    ],
)
def test_every_fault_is_named_at_once(environ: dict[str, str], names: list[str]) -> None:
    """Settings that cannot go together are all reported, each under its own name."""
    assert faults(environ) == names


def client(environ: dict[str, str]) -> ClientTls | None:
    """Read a client's settings, which must be faultless."""
    reader = EnvironReader(environ)
    settings = read_client_tls(reader)
    reader.finish()
    return settings


def test_a_client_encrypts_when_it_knows_a_ca() -> None:
    """Without a CA a client speaks plain text; with one, TLS; a certificate is for the administrator."""
    assert client({}) is None
    assert client({"GAME_TLS_CA": "/p/ca.pem"}) == ClientTls(Path("/p/ca.pem"))
    assert client({"GAME_TLS_CA": "/p/ca.pem", **FILES}) == ClientTls(Path("/p/ca.pem"), OWN)


def test_a_client_with_a_certificate_must_know_whom_to_show_it_to() -> None:
    """A client's certificate without a CA to verify the server by is a fault."""
    with pytest.raises(SettingsError, match="GAME_TLS_CA: is missing beside GAME_TLS_CERT"):
        client(FILES)
