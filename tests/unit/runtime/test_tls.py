"""Encrypted connections, by real handshakes: who gets in, who does not, and what faulty files are called."""

from __future__ import annotations

import ssl
import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization

from services.runtime.tls import (
    ADMINISTRATOR_ROLE,
    ReloadingContext,
    TlsError,
    certificate_end,
    client_context,
    explain_tls,
    is_administrator,
    server_admin_context,
    server_player_context,
)
from services.runtime.tls_settings import AdminTls, CertificateFiles, ClientTls, PlayerTls, ServerTls
from tests.support.certificates import CLIENT_AUTH, LOCALHOST, SERVER_AUTH, Authority, make_cast
from tests.support.handshake import End, shake_hands

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.certificates import Cast
    from tests.support.handshake import Handshake

IMPOSTORS = (
    "no certificate",
    "another CA",
    "another CA of the same subject",
    "an expired one",
    "the server's own",
)
WITHOUT_ROLE = ("no role", "another role", "the role as a name")


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    """Certificates of the server, the administrator and the impostors."""
    return make_cast(tmp_path_factory.mktemp("cast"))


@pytest.fixture
def settings(cast: Cast) -> ServerTls:
    """A server that has both ports encrypted."""
    return ServerTls(PlayerTls.REQUIRED, AdminTls.REQUIRED, cast.server, cast.ca)


def made(context: ssl.SSLContext | None) -> ssl.SSLContext:
    """Expect a context where one could be missing."""
    assert context is not None
    return context


def ask_for_the_seat(settings: ServerTls, own: CertificateFiles | None, ca: Path) -> Handshake:
    """Let somebody come to the administrator port with a certificate, or without."""
    return shake_hands(made(server_admin_context(settings)), client_context(ClientTls(ca, own)))


def test_the_impostors_are_all_tried(cast: Cast) -> None:
    """Every impostor of the cast is in one of the two groups below."""
    assert {*IMPOSTORS, *WITHOUT_ROLE} == set(cast.impostors)


def test_the_administrator_is_known_by_his_certificate(settings: ServerTls, cast: Cast) -> None:
    """The administrator's certificate gets through the handshake and carries the role."""
    handshake = ask_for_the_seat(settings, cast.administrator, cast.ca)

    assert handshake.succeeded
    assert is_administrator(handshake.server.tls.getpeercert())


@pytest.mark.parametrize("impostor", IMPOSTORS)
def test_a_certificate_that_proves_nothing_ends_the_handshake(
    settings: ServerTls, cast: Cast, impostor: str
) -> None:
    """On the administrator port the server refuses all that its CA did not sign for clients, or no more."""
    handshake = ask_for_the_seat(settings, cast.impostors[impostor], cast.ca)

    assert handshake.server.error
    assert not handshake.server.greeted


@pytest.mark.parametrize("impostor", WITHOUT_ROLE)
def test_a_client_without_the_role_is_no_administrator(
    settings: ServerTls, cast: Cast, impostor: str
) -> None:
    """A certificate of the right CA that lacks the role gets through the handshake, and is recognised."""
    handshake = ask_for_the_seat(settings, cast.impostors[impostor], cast.ca)

    assert handshake.succeeded
    assert not is_administrator(handshake.server.tls.getpeercert())


@pytest.mark.parametrize("certificate", [None, {}, {"subjectAltName": ADMINISTRATOR_ROLE}])
def test_no_certificate_is_no_administrator(certificate: dict[str, object] | None) -> None:
    """Without a verified certificate nobody is an administrator."""
    assert not is_administrator(certificate)


def test_players_need_no_certificate(settings: ServerTls, cast: Cast) -> None:
    """The player port proves who the server is and asks nothing in return."""
    handshake = shake_hands(made(server_player_context(settings)), client_context(ClientTls(cast.ca)))

    assert handshake.succeeded
    assert handshake.client.tls.version() == "TLSv1.3"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.parametrize("make", [server_player_context, server_admin_context])
def test_old_versions_are_refused_by_the_server(
    settings: ServerTls, version: ssl.TLSVersion, make: Callable[[ServerTls], ssl.SSLContext | None]
) -> None:
    """Neither port speaks TLS below 1.2, even to a client that offers nothing newer."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    client.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        client.minimum_version = client.maximum_version = version

    handshake = shake_hands(made(make(settings)), client)

    assert handshake.server.error
    assert handshake.server.error.reason in {"UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS_AVAILABLE"}


def test_old_versions_are_refused_by_the_client(cast: Cast) -> None:
    """A client does not speak TLS 1.1, even to its own server."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cast.server.cert, cast.server.key)
    server.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        server.minimum_version = server.maximum_version = ssl.TLSVersion.TLSv1_1

    assert not shake_hands(server, client_context(ClientTls(cast.ca))).succeeded


@pytest.mark.parametrize(
    "ciphers", ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA"]
)
def test_tls_1_2_has_forward_secrecy_and_authenticated_encryption(
    settings: ServerTls, cast: Cast, ciphers: str
) -> None:
    """A client of TLS 1.2 that offers only a key sent encrypted, or a cipher in CBC mode, is refused."""
    server = made(server_player_context(settings))
    client = client_context(ClientTls(cast.ca))
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    good = shake_hands(server, client)
    client.set_ciphers(ciphers)
    bad = shake_hands(server, client)

    assert good.succeeded
    assert good.server.tls.version() == "TLSv1.2"
    assert bad.server.error


@pytest.mark.parametrize("group", ["secp521r1", "ffdhe8192"])
def test_no_client_can_choose_an_expensive_key_exchange(settings: ServerTls, cast: Cast, group: str) -> None:
    """A client that offers only a dear group of key exchange is refused, not served."""
    client = client_context(ClientTls(cast.ca))
    client.set_ecdh_curve(group)

    handshake = shake_hands(made(server_player_context(settings)), client)

    assert handshake.server.error


@pytest.mark.parametrize("name", ["localhos", "example.org", "127.0.0.1"])
def test_a_server_of_another_name_is_not_trusted(settings: ServerTls, cast: Cast, name: str) -> None:
    """A client refuses a certificate of the right CA that is not for the name it looked for."""
    handshake = shake_hands(made(server_player_context(settings)), client_context(ClientTls(cast.ca)), name)

    assert isinstance(handshake.client.error, ssl.SSLCertVerificationError)
    assert "mismatch" in str(handshake.client.error)


def test_a_server_of_another_ca_is_not_trusted(settings: ServerTls, tmp_path: Path) -> None:
    """A client trusts its own CA alone, even beside another of the same subject."""
    namesake = Authority(tmp_path)
    handshake = shake_hands(made(server_player_context(settings)), client_context(ClientTls(namesake.path)))

    assert isinstance(handshake.client.error, ssl.SSLCertVerificationError)


def test_a_client_is_no_server(settings: ServerTls, tmp_path: Path) -> None:
    """A client refuses a server that shows a certificate for clients, or one that has ended."""
    authority = Authority(tmp_path)
    for own in (
        authority.sign("client", *LOCALHOST, usage=CLIENT_AUTH),
        authority.sign("expired", *LOCALHOST, usage=SERVER_AUTH, left=-timedelta(minutes=1)),
    ):
        server = made(server_player_context(replace(settings, own=own)))

        handshake = shake_hands(server, client_context(ClientTls(authority.path)))

        assert isinstance(handshake.client.error, ssl.SSLCertVerificationError)


def test_a_port_without_tls_has_no_context(settings: ServerTls) -> None:
    """Where TLS is off there is nothing to encrypt with."""
    assert server_player_context(replace(settings, player=PlayerTls.OFF)) is None
    assert server_admin_context(replace(settings, admin=AdminTls.OFF)) is None


def test_the_server_gives_no_tickets(settings: ServerTls, cast: Cast) -> None:
    """After a handshake of TLS 1.3 the server sends nothing by which the client could resume it."""
    handshake = shake_hands(made(server_player_context(settings)), client_context(ClientTls(cast.ca)))

    assert handshake.succeeded
    assert handshake.client.incoming.pending == 0
    assert handshake.client.tls.session is None or not handshake.client.tls.session.has_ticket


# --- files that cannot be used


def complaint(settings: ServerTls) -> str:
    """Make the administrator port's context, which must fail; give the line that says why."""
    with pytest.raises(TlsError) as caught:
        server_admin_context(settings)
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    "content", [b"", b"nonsense\n", b"\xff\xfe\x00", b"-----BEGIN CERTIFICATE-----\nAAAA\n"]
)
def test_what_is_no_pem_is_named(settings: ServerTls, tmp_path: Path, content: bytes) -> None:
    """A file without a certificate or a key is reported under the setting that named it."""
    assert settings.own
    bad = tmp_path / "bad.pem"
    bad.write_bytes(content)

    assert complaint(replace(settings, own=replace(settings.own, cert=bad))) == (
        f"GAME_TLS_CERT: no PEM certificate ('{bad}')"
    )
    assert complaint(replace(settings, own=replace(settings.own, key=bad))) == (
        f"GAME_TLS_KEY: no PEM private key ('{bad}')"
    )
    assert complaint(replace(settings, client_ca=bad)).startswith("GAME_TLS_CLIENT_CA: no ")


def test_a_missing_file_is_named(settings: ServerTls, tmp_path: Path) -> None:
    """A file that cannot be opened is reported with the reason, under the setting that named it."""
    assert settings.own
    gone = tmp_path / "gone.pem"
    why = f": cannot be read: No such file or directory ('{gone}')"

    assert complaint(replace(settings, own=replace(settings.own, cert=gone))) == "GAME_TLS_CERT" + why
    assert complaint(replace(settings, own=replace(settings.own, key=gone))) == "GAME_TLS_KEY" + why
    assert complaint(replace(settings, client_ca=gone)) == "GAME_TLS_CLIENT_CA" + why
    with pytest.raises(TlsError, match="GAME_TLS_CA: cannot be read"):
        client_context(ClientTls(gone))


def test_a_key_of_another_certificate_is_named(settings: ServerTls, cast: Cast) -> None:
    """A private key that is sound but not the certificate's own is reported as that."""
    own = CertificateFiles(cast.server.cert, cast.administrator.key)

    assert "GAME_TLS_KEY: not the key of GAME_TLS_CERT" in complaint(replace(settings, own=own))


def test_a_locked_key_is_named(settings: ServerTls, cast: Cast, tmp_path: Path) -> None:
    """A key with a passphrase is reported; nobody is asked for it at a terminal."""
    key = serialization.load_pem_private_key(cast.server.key.read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )

    own = CertificateFiles(cast.server.cert, locked)

    assert "GAME_TLS_KEY: locked by a passphrase" in complaint(replace(settings, own=own))


def test_a_ca_that_is_none_is_named(settings: ServerTls, cast: Cast) -> None:
    """A certificate that may not sign others is no CA: it would load, and nobody would ever get in."""
    assert "no certificate of a CA" in complaint(replace(settings, client_ca=cast.server.cert))


def test_certificate_and_key_may_share_a_file(settings: ServerTls, cast: Cast, tmp_path: Path) -> None:
    """One PEM file that holds both serves as certificate and as key."""
    both = tmp_path / "both.pem"
    both.write_bytes(cast.server.key.read_bytes() + cast.server.cert.read_bytes())

    server = made(server_player_context(replace(settings, own=CertificateFiles(both, both))))

    assert shake_hands(server, client_context(ClientTls(cast.ca))).succeeded


def test_a_client_follows_its_files(settings: ServerTls, cast: Cast, tmp_path: Path) -> None:
    """A long-lived client trusts a new CA as soon as its file holds it, and keeps to it if that is spoilt."""
    ca = tmp_path / "ca.pem"
    other = Authority(tmp_path / "other")
    ca.write_bytes(other.path.read_bytes())
    client = ReloadingContext(ClientTls(ca, cast.administrator))
    server = made(server_admin_context(settings))
    before = client.current()

    assert not shake_hands(server, before).succeeded
    assert client.current() is before

    renewed = tmp_path / "renewed.pem"
    renewed.write_bytes(cast.ca.read_bytes())
    renewed.replace(ca)

    assert shake_hands(server, client.current()).succeeded

    ca.unlink()

    assert shake_hands(server, client.current()).succeeded


def test_a_client_does_not_start_without_its_files(tmp_path: Path) -> None:
    """A client whose CA cannot be read at the start says so at once."""
    with pytest.raises(TlsError, match="GAME_TLS_CA: cannot be read"):
        ReloadingContext(ClientTls(tmp_path / "gone.pem"))


@pytest.mark.parametrize(
    ("impostor", "words"),
    [
        ("no certificate", "it wants a certificate: give --cert and --key (GAME_TLS_CERT, GAME_TLS_KEY)"),
        ("another CA", "it refuses our certificate or our way to encrypt: unknown ca"),
        ("an expired one", "it refuses our certificate or our way to encrypt: certificate expired"),
    ],
)
def test_a_refused_client_learns_why(settings: ServerTls, cast: Cast, impostor: str, words: str) -> None:
    """What the server holds against a client's certificate is said to the person who gave it."""
    client = ask_for_the_seat(settings, cast.impostors[impostor], cast.ca).client

    with pytest.raises(ssl.SSLError) as caught:
        client.tls.read()

    assert explain_tls(caught.value) == words


def test_a_client_that_refuses_says_why(settings: ServerTls, cast: Cast) -> None:
    """What a client holds against the server's certificate is said in words that show the name."""
    server = made(server_player_context(settings))
    error = shake_hands(server, client_context(ClientTls(cast.ca)), "elsewhere").client.error

    assert error
    assert explain_tls(error) == (
        "its certificate is not accepted: Hostname mismatch, certificate is not valid for 'elsewhere'."
    )


def test_plain_text_in_the_place_of_tls_is_recognised(cast: Cast) -> None:
    """A client that asked for TLS and hears plain text says that, not an error code."""
    client = End(client_context(ClientTls(cast.ca)), server_side=False, name="localhost")
    client.step()
    client.incoming.write(b"Refused: say Hello first\r\n")
    client.step()

    assert client.error
    assert explain_tls(client.error) == "it does not speak TLS on this port"


@pytest.mark.parametrize("left", [timedelta(days=10), timedelta(days=-1), timedelta(days=40 * 365)])
def test_the_end_of_the_certificate(tmp_path: Path, left: timedelta) -> None:
    """The end is the certificate's own, be it past or far away, and whoever signed it."""
    own = Authority(tmp_path).sign("server", usage=SERVER_AUTH, left=left)

    assert abs(certificate_end(own) - datetime.now(UTC) - left) < timedelta(minutes=1)


def test_a_certificate_without_an_end_is_named(tmp_path: Path) -> None:
    """A file that holds no certificate is named, and so is a certificate that no client would accept."""
    own = Authority(tmp_path).sign("server", usage=CLIENT_AUTH)

    with pytest.raises(TlsError, match="GAME_TLS_CERT: no PEM certificate"):
        certificate_end(CertificateFiles(own.key, own.key))
    with pytest.raises(TlsError, match="GAME_TLS_CERT: no certificate of a server: unsuitable"):
        certificate_end(own)


def test_an_openssl_that_cannot_encrypt_is_named(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration without ciphers or protocols, as a whole machine may have one, is one clear line."""

    def fail(*_: object) -> None:
        raise ssl.SSLError(1, "[SSL: NO_PROTOCOLS_AVAILABLE] no protocols available")

    with monkeypatch.context() as patched:
        patched.setattr(ssl.SSLObject, "do_handshake", fail)
        with pytest.raises(TlsError, match=r"OPENSSL_CONF: .*no protocols available"):
            certificate_end(cast.server)
    monkeypatch.setattr("services.runtime.tls._CIPHERS", "NONE")
    with pytest.raises(TlsError, match=r"OPENSSL_CONF: .*no cipher"):
        client_context(ClientTls(cast.ca, None))
