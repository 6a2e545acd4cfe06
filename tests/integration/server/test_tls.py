"""Encrypted ports of a running server: who is accepted, who is not, and that renewal closes no connection."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from services.certs.authority import issue
from services.certs.inspection import predecessor
from services.certs.settings import ServerNames
from services.certs.store import Store
from services.runtime.tls import client_context
from services.runtime.tls_settings import CertificateFiles, ClientTls
from tests.support.certificates import LOCALHOST, SERVER_AUTH, Authority, make_cast
from tests.support.line_client import LineClient
from tests.support.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.certificates import Cast

GREETED_WITHIN_S = 3.0
RANGE = range(1, 31)


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    """Certificates of the server, the administrator and the impostors."""
    return make_cast(tmp_path_factory.mktemp("cast"))


def server_settings(own: CertificateFiles, client_ca: Path) -> dict[str, str]:
    """Name the server's files as the environment does."""
    return {
        "GAME_TLS_CERT": str(own.cert),
        "GAME_TLS_KEY": str(own.key),
        "GAME_TLS_CLIENT_CA": str(client_ca),
    }


@pytest.fixture(scope="module")
def server(cast: Cast) -> Iterator[ServerProcess]:
    """A server with certificates and no other settings."""
    with ServerProcess(**server_settings(cast.server, cast.ca)) as running:
        yield running


def play(player: LineClient) -> None:
    """Play one game from its beginning to its end."""
    assert player.ask("Hello") == "Greetings"
    assert player.ask("Game") == "Ready"
    win(player)


def win(player: LineClient) -> None:
    """Play on until the game is won."""
    assert any(player.ask(f"My Guess is: {number}") == "Correct" for number in RANGE)
    assert player.read_rest() == b""


def administrator(server: ServerProcess, tls: ClientTls) -> LineClient:
    """Connect as an administrator; every wait ends after the promised time."""
    return LineClient(server.admin, timeout_s=GREETED_WITHIN_S, tls=client_context(tls))


@contextlib.contextmanager
def seated(server: ServerProcess, tls: ClientTls) -> Iterator[LineClient]:
    """Sit in the administrator's seat until the block ends."""
    before = len(server.events("admin_seated"))
    with administrator(server, tls) as watcher:
        assert watcher.ask("Admin-Hello") == "Admin-Greetings"
        assert watcher.ask("Watch") == "End"
        seat = server.wait_for("admin_seated", before + 1)["session"]
        yield watcher
    server.wait_for("session_closed", session=seat)


# --- the administrator port


class Intruder:
    """A connection to the administrator port that says all the right words, whether it is accepted or not."""

    def __init__(self, server: ServerProcess, tls: ssl.SSLContext | None) -> None:
        self._socket = socket.create_connection(server.admin, timeout=10)
        # The server's refusal may come while we still speak.
        with contextlib.suppress(OSError):
            if tls:
                self._socket = tls.wrap_socket(self._socket, server_hostname="localhost")
            self._socket.sendall(b"Hello\r\nWatch\r\n")

    def received(self) -> bytes:
        """Wait for the end of the connection, and return all that was said before it."""
        received = b""
        with contextlib.suppress(OSError):
            while data := self._socket.recv(4096):
                received += data
        self._socket.close()
        return received


@pytest.mark.parametrize(
    ("group", "versions"),
    [
        ("X25519", {"TLSv1.3"}),  # a certificate of P-256 needs that group too, before 1.3
        ("prime256v1", {"TLSv1.2", "TLSv1.3"}),
        ("secp384r1", set[str]()),
        ("secp521r1", set[str]()),
        ("ffdhe2048", set[str]()),
        ("ffdhe8192", set[str]()),
    ],
)
def test_key_exchange_is_cheap(server: ServerProcess, cast: Cast, group: str, versions: set[str]) -> None:
    """The server accepts what clients try first and what all know, and nothing more expensive (G-7)."""
    agreed = set()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = client_context(ClientTls(cast.ca))
        context.set_ecdh_curve(group)
        context.maximum_version = context.minimum_version = version
        with (
            contextlib.suppress(ssl.SSLError),
            socket.create_connection(server.player) as sock,
            context.wrap_socket(sock, server_hostname="localhost") as secured,
        ):
            agreed.add(secured.version())

    assert agreed == versions


@pytest.mark.parametrize(
    "kind",
    [
        "no certificate",
        "another CA",
        "another CA of the same subject",
        "an expired one",
        "the server's own",
        "no role",
        "another role",
        "the role as a name",
        "plain text",
    ],
)
def test_nobody_else_is_greeted_and_the_administrator_is_beside_them(
    server: ServerProcess, cast: Cast, kind: str
) -> None:
    """Without proof of the role nobody is greeted or seated; the administrator is (T-3, G-5)."""
    tls = None if kind == "plain text" else client_context(ClientTls(cast.ca, cast.impostors[kind]))
    before = len(server.events("admin_seated"))
    intruder = Intruder(server, tls)

    with seated(server, ClientTls(cast.ca, cast.administrator)):
        received = intruder.received()

    assert b"Greetings" not in received
    assert b"End" not in received
    assert len(server.events("admin_seated")) == before + 1


def test_plain_text_is_told_what_to_do(server: ServerProcess) -> None:
    """A plain Hello on the administrator port gets one plain line that says how to do better (T-2)."""
    with LineClient(server.admin) as plain:
        plain.send(b"Hello\r\n")
        answer = plain.read_rest()

    assert re.fullmatch(rb"Refused: this port speaks TLS only[ -~]*\r\n", answer)


def test_silent_strangers_do_not_keep_the_administrator_out(server: ServerProcess, cast: Cast) -> None:
    """Hundreds who say nothing, or stop within the handshake, do not delay the administrator (G-6)."""
    with contextlib.ExitStack() as strangers:
        for number in range(200):
            stranger = strangers.enter_context(contextlib.closing(socket.create_connection(server.admin)))
            if number % 2:
                stranger.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a ClientHello

        with seated(server, ClientTls(cast.ca, cast.administrator)):
            pass


# --- the player port


def test_players_may_choose(server: ServerProcess, cast: Cast) -> None:
    """With `optional`, the default beside certificates, a game is played over TLS and one in plain text."""
    with LineClient(server.player, tls=client_context(ClientTls(cast.ca))) as encrypted:
        play(encrypted)
    with LineClient(server.player) as plain:
        play(plain)


def test_a_conversation_does_not_change_its_kind(server: ServerProcess, cast: Cast) -> None:
    """What begins in plain text stays plain: a TLS handshake after Hello is just a bad line (T-1, G-7)."""
    connection = socket.create_connection(server.player, timeout=10)
    with connection:
        connection.sendall(b"Hello\r\n")
        assert connection.recv(100) == b"Greetings\r\n"
        with pytest.raises(ssl.SSLError):
            client_context(ClientTls(cast.ca)).wrap_socket(connection, server_hostname="localhost")


def test_required_tells_plain_players_what_to_do(cast: Cast) -> None:
    """With `required` a plain Hello gets one plain line that says what to do; TLS is served (T-2)."""
    with ServerProcess(**server_settings(cast.server, cast.ca), GAME_PLAYER_TLS="required") as server:
        with LineClient(server.player) as plain:
            plain.send(b"Hello\r\n")
            answer = plain.read_rest()
        with LineClient(server.player, tls=client_context(ClientTls(cast.ca))) as encrypted:
            play(encrypted)

    assert re.fullmatch(rb"Refused: this port speaks TLS only[ -~]*\r\n", answer)


def test_off_is_plain(cast: Cast) -> None:
    """With `off` both ports are plain, TLS is not spoken, and the unprotected administrator is warned of."""
    settings = {**server_settings(cast.server, cast.ca), "GAME_PLAYER_TLS": "off", "GAME_ADMIN_TLS": "off"}
    with ServerProcess(**settings) as server:
        server.wait_for("admin_unprotected")
        with LineClient(server.player) as plain:
            play(plain)
        with LineClient(server.admin) as watcher:
            assert watcher.ask("Hello") == "Admin-Greetings"
        with pytest.raises(OSError, match=r"WRONG_VERSION|RECORD_LAYER|reset|EOF"):
            LineClient(server.player, tls=client_context(ClientTls(cast.ca)))


@pytest.mark.parametrize(
    "beginning", [b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x16" * 600]
)
def test_a_handshake_that_stalls_or_makes_no_sense_is_cut(cast: Cast, beginning: bytes) -> None:
    """A client that begins a TLS handshake and does not go on is cut at its timeout, nonsense at once."""
    with (
        ServerProcess(**server_settings(cast.server, cast.ca), GAME_TLS_TIMEOUT="0.5") as server,
        socket.create_connection(server.player, timeout=5) as stalled,
    ):
        stalled.sendall(beginning)
        with contextlib.suppress(ConnectionResetError):
            while stalled.recv(4096):
                pass
        assert server.wait_for("handshake_refused")["reason"].startswith("TLS")


# --- renewal


def renew(out: Path) -> None:
    """Make a new set of certificates, as the program for it does."""
    now = datetime.now(UTC)
    store = Store(out)
    with store.locked():
        store.replace(issue(ServerNames(), now), predecessor(store.trusted(), now))


def own_of(folder: Path) -> CertificateFiles:
    """The certificate and the key of a folder."""
    return CertificateFiles(folder / "cert.pem", folder / "key.pem")


def test_renewal_drops_nobody(tmp_path: Path) -> None:
    """After SIGHUP a game and a watch go on, newcomers get the new certificate, old ones still count."""
    renew(tmp_path)
    before = ClientTls(tmp_path / "public/ca.pem", own_of(tmp_path / "admin"))
    old_context = client_context(before)
    settings = server_settings(own_of(tmp_path / "server"), tmp_path / "server/client-ca.pem")
    with (
        ServerProcess(**settings) as server,
        LineClient(server.player, tls=old_context) as player,
        LineClient(server.player) as plain_player,
        administrator(server, before) as watcher,
    ):
        assert watcher.ask("Hello") == "Admin-Greetings"
        assert watcher.ask("Watch") == "End"
        for each in (player, plain_player):
            assert each.ask("Hello") == "Greetings"
            assert each.ask("Game") == "Ready"
            assert watcher.read_line().startswith("Joined ")

        shutil.copytree(tmp_path / "admin", tmp_path / "old-admin", symlinks=True)
        renew(tmp_path)
        after = client_context(before)
        with LineClient(server.player, tls=after) as newcomer:
            play(newcomer)  # before the server knows of it: the old CA is trusted still
        server.hang_up()
        server.wait_for("certificates_loaded")

        with LineClient(server.player, tls=after) as newcomer:
            play(newcomer)
        for own in (own_of(tmp_path / "admin"), own_of(tmp_path / "old-admin")):
            with administrator(server, ClientTls(before.ca, own)) as once:
                assert once.ask("Hello") == "Admin-Greetings"
        with pytest.raises(ssl.SSLCertVerificationError):
            LineClient(server.player, tls=old_context)
        for each in (player, plain_player):
            win(each)
        won = 0
        while won < 4:
            won += watcher.read_line().startswith("Won ")


def test_a_faulty_renewal_changes_nothing(cast: Cast, tmp_path: Path) -> None:
    """When the new files cannot be used the server says so and goes on with those it has."""
    own = CertificateFiles(tmp_path / "cert.pem", tmp_path / "key.pem")
    own.cert.write_bytes(cast.server.cert.read_bytes())
    own.key.write_bytes(cast.server.key.read_bytes())
    with ServerProcess(**server_settings(own, cast.ca)) as server:
        own.key.write_bytes(cast.administrator.key.read_bytes())
        server.hang_up()

        assert (
            "GAME_TLS_KEY: not the key of GAME_TLS_CERT" in server.wait_for("certificates_rejected")["reason"]
        )
        with LineClient(server.player, tls=client_context(ClientTls(cast.ca))) as player:
            play(player)

        own.cert.unlink()
        server.hang_up()

        assert "GAME_TLS_CERT: cannot be read" in server.wait_for("certificates_rejected", 2)["reason"]
        with LineClient(server.player, tls=client_context(ClientTls(cast.ca))) as player:
            play(player)


def test_a_certificate_that_ends_soon_is_warned_about(tmp_path: Path) -> None:
    """With fewer than seven days left the server warns at its start and after each SIGHUP."""
    authority = Authority(tmp_path)
    own = authority.sign("server", *LOCALHOST, usage=SERVER_AUTH, left=timedelta(days=6, hours=1))
    with ServerProcess(**server_settings(own, authority.path)) as server:
        warning = server.wait_for("certificate_expiring")
        server.hang_up()
        server.wait_for("certificate_expiring", 2)

    assert (warning["level"], warning["days"]) == ("warning", 6)


def test_a_certificate_that_does_not_end_soon_is_not(tmp_path: Path) -> None:
    """With more than seven days left nothing is said."""
    authority = Authority(tmp_path)
    own = authority.sign("server", *LOCALHOST, usage=SERVER_AUTH, left=timedelta(days=8))
    with ServerProcess(**server_settings(own, authority.path)) as server:
        server.hang_up()
        server.wait_for("certificates_loaded")
        with LineClient(server.player) as player:
            play(player)

        assert server.events("certificate_expiring") == []


# --- settings


@pytest.mark.parametrize(
    ("settings", "code", "lines"),
    [
        (
            {"GAME_TLS_CERT": "gone.pem"},
            2,
            [r"GAME_TLS_CLIENT_CA: is missing.*", r"GAME_TLS_KEY: is missing.*"],
        ),
        ({"GAME_PLAYER_TLS": "required"}, 2, [r"GAME_PLAYER_TLS: needs a certificate.*"]),
        (
            {"GAME_TLS_CERT": "gone.pem", "GAME_TLS_KEY": "gone.pem", "GAME_TLS_CLIENT_CA": "gone.pem"},
            1,
            [r"GAME_TLS_CERT: cannot be read: No such file or directory \('gone.pem'\)"],
        ),
    ],
)
def test_unusable_settings_are_one_line_each(settings: dict[str, str], code: int, lines: list[str]) -> None:
    """A server whose certificates cannot be used does not start, and names the setting."""
    done = subprocess.run(
        [sys.executable, "-m", "services.server"],
        env={"PATH": os.environ["PATH"], "GAME_PLAYER_PORT": "0", "GAME_ADMIN_PORT": "0", **settings},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    said = done.stderr.splitlines()
    assert done.returncode == code
    assert len(said) == len(lines)
    for pattern, line in zip(lines, said, strict=True):
        assert re.fullmatch(pattern, line)
