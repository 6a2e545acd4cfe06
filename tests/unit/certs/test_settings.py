"""Settings of the certificates: names and addresses, told apart."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from services.certs.settings import CertsSettings, ServerNames, read_settings
from services.runtime.environ import EnvironReader, SettingsError
from services.runtime.logging import LogFormat


def read(environ: dict[str, str]) -> CertsSettings:
    """Read settings, which must be faultless."""
    reader = EnvironReader(environ)
    settings = read_settings(reader, LogFormat.JSON)
    reader.finish()
    return settings


def test_the_server_is_known_by_its_compose_name_and_on_loopback() -> None:
    """Without settings the set is for `server`, `localhost` and both loopback addresses, in ./certs."""
    assert read({}) == CertsSettings(Path("certs"), ServerNames(), LogFormat.JSON)
    assert str(ServerNames()) == "localhost, server, 127.0.0.1, ::1"


def test_more_names_and_addresses_can_be_given() -> None:
    """Names and addresses of both families may be mixed, and stand beside the server's own."""
    names = read({"GAME_TLS_NAMES": "Game.Example.org,10.0.0.1 [2001:db8::1], *.example.net"}).names

    assert names.dns == {"server", "localhost", "game.example.org", "*.example.net"}
    assert names.ip >= {ip_address("10.0.0.1"), ip_address("2001:db8::1")}


@pytest.mark.parametrize("word", ["fe80::1%eth0", "[FE80::1%eth0]"])
def test_an_interface_is_a_fault(word: str) -> None:
    """No certificate holds one, so each run would find other names and make another CA."""
    with pytest.raises(
        SettingsError, match="GAME_TLS_NAMES: no certificate names an interface, write fe80::1 "
    ):
        read({"GAME_TLS_NAMES": word})


@pytest.mark.parametrize(
    "word", ["ga!me", "300.1.1.1", "1.2.3", "-a.org", "a..b", "a." * 127 + "ab", "ü.org", "x" * 64]
)
def test_what_is_neither_name_nor_address_is_a_fault(word: str) -> None:
    """A mistyped name or address is reported under its setting, whatever else is well."""
    with pytest.raises(SettingsError, match="GAME_TLS_NAMES: holds what is neither"):
        read({"GAME_TLS_NAMES": f"good.example.org {word}"})
