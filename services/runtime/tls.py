"""Contexts for encrypted connections, and who counts as the administrator; no connection is made here.

TLS 1.2 and 1.3 with forward secrecy and authenticated encryption, nothing else. The server's contexts serve
non-blocking `SSLSocket`s, the clients' asyncio.
"""

from __future__ import annotations

import contextlib
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NoReturn

from services.runtime.fault import BAD_USAGE, Fault
from services.runtime.key_exchange import restrict
from services.runtime.tls_settings import AdminTls, PlayerTls

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from services.runtime.tls_settings import CertificateFiles, ClientTls, ServerTls

ADMINISTRATOR_ROLE: Final = "urn:guessing-game:role:administrator"
"""The URI among a certificate's alternative names that makes its bearer an administrator."""

EXPIRY_WARNING_DAYS: Final = 7
"""A server's certificate with fewer days left is warned about."""

MOST_OCTETS: Final = 4 << 20
"""Of a file: twenty times what an operating system trusts. A device such as /dev/zero has no end."""

_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2; those of TLS 1.3 are all good."""


_BOTH_SIDES: Final = (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT)

_VERIFY_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python does not name."""


class TlsError(Fault):
    """A certificate, a key or a CA cannot be used: one line that names the setting."""

    status = BAD_USAGE


def server_player_context(tls: ServerTls) -> ssl.SSLContext | None:
    """Make the context of the player port, which asks for no certificate; None where TLS is off.

    Raises:
        TlsError: the certificate or its key cannot be used.
    """
    return None if tls.player is PlayerTls.OFF else _server_context(tls)


def server_admin_context(tls: ServerTls) -> ssl.SSLContext | None:
    """Make the context of the administrator port, where the client must prove itself; None where TLS is off.

    A finished handshake proves that the CA has signed the client's certificate for clients. What it does not
    prove is the role: ask `is_administrator`.

    Raises:
        TlsError: the certificate, its key or the CA of the administrators cannot be used.
    """
    if tls.admin is AdminTls.OFF or tls.client_ca is None:
        return None
    context = _server_context(tls)
    context.verify_mode = ssl.CERT_REQUIRED
    _trust(context, "GAME_TLS_CLIENT_CA", tls.client_ca)
    return context


def client_context(tls: ClientTls) -> ssl.SSLContext:
    """Make a client's context: it always verifies the CA and the host's name.

    Raises:
        TlsError: the CA, the certificate or its key cannot be used.
    """
    context = _bounded(ssl.PROTOCOL_TLS_CLIENT)
    _trust(context, "GAME_TLS_CA", tls.ca)
    if tls.own is not None:
        _prove(context, tls.own)
    return context


class ReloadingContext:
    """A client's context that follows its files: a client outlives the certificates it was started with."""

    def __init__(self, tls: ClientTls) -> None:
        """Read the files.

        Raises:
            TlsError: the CA, the certificate or its key cannot be used.
        """
        self._tls = tls
        self._stamp = self._look()
        self._context = client_context(tls)

    def current(self) -> ssl.SSLContext:
        """Return the context of the files as they are now, or as they last were any good."""
        stamp = self._look()
        if stamp != self._stamp:
            with contextlib.suppress(TlsError):
                self._context = client_context(self._tls)
                self._stamp = stamp
        return self._context

    def _look(self) -> tuple[tuple[int, int] | None, ...]:
        own = (self._tls.own.cert, self._tls.own.key) if self._tls.own else ()
        return tuple(_stamp(path) for path in (self._tls.ca, *own))


def explain_tls(error: ssl.SSLError) -> str:
    """Say for a person what went wrong with an encrypted connection, as its client sees it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    # What Python itself raises lacks the attribute.
    reason: str = getattr(error, "reason", None) or "unknown reason"
    if reason == "TLSV13_ALERT_CERTIFICATE_REQUIRED":
        return "it wants a certificate: give --cert and --key (GAME_TLS_CERT, GAME_TLS_KEY)"
    _, alert, word = reason.partition("_ALERT_")
    if alert:
        return f"it refuses our certificate or our way to encrypt: {word.replace('_', ' ').lower()}"
    if reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}:
        return "it does not speak TLS on this port"
    return f"TLS failed: {reason.replace('_', ' ').lower()}"


def is_administrator(certificate: Mapping[str, object] | None) -> bool:
    """Tell whether a verified certificate, as `getpeercert()` gives it, carries the administrator's role."""
    names = certificate.get("subjectAltName") if certificate else None
    return isinstance(names, tuple) and ("URI", ADMINISTRATOR_ROLE) in names


def certificate_end(own: CertificateFiles) -> datetime:
    """Return when the server's certificate ends.

    The standard library tells that of a peer's certificate alone: so a client in memory connects to us.

    Raises:
        TlsError: the certificate or its key cannot be used by a server.
    """
    server_context, client_context = (_bounded(protocol) for protocol in _BOTH_SIDES)
    _prove(server_context, own)
    client_context.check_hostname = False
    client_context.load_verify_locations(cadata=_read("GAME_TLS_CERT", own.cert))
    client_context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _VERIFY_NO_CHECK_TIME
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    try:
        for side in (client, server, client):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    except ssl.SSLCertVerificationError as error:
        _refuse("GAME_TLS_CERT", own.cert, f"no certificate of a server: {error.verify_message}", error)
    except ssl.SSLError as error:
        raise _unable(error) from error
    certificate = client.getpeercert() or {}
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)


def _bounded(protocol: ssl._SSLMethod) -> ssl.SSLContext:
    try:
        context = ssl.SSLContext(protocol)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
    except ssl.SSLError as error:
        raise _unable(error) from error
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    return context


def _unable(error: ssl.SSLError) -> TlsError:
    reason: str = (getattr(error, "reason", None) or str(error)).replace("_", " ").lower()
    return TlsError(f"OPENSSL_CONF: OpenSSL, as this machine configures it, cannot encrypt: {reason}")


def _server_context(tls: ServerTls) -> ssl.SSLContext:
    context = _bounded(ssl.PROTOCOL_TLS_SERVER)
    restrict(context)
    # A ticket costs an eighth of a handshake, and our clients never resume a session.
    context.num_tickets = 0
    if tls.own is None:
        raise TlsError("GAME_TLS_CERT: is missing")
    _prove(context, tls.own)
    return context


def _prove(context: ssl.SSLContext, own: CertificateFiles) -> None:
    certificate = _read("GAME_TLS_CERT", own.cert)
    _read("GAME_TLS_KEY", own.key)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificate)
    except (ssl.SSLError, ValueError) as error:
        _refuse("GAME_TLS_CERT", own.cert, "no PEM certificate", error)
    try:
        context.load_cert_chain(own.cert, own.key, password=_no_passphrase)
    except _PassphraseError as error:
        _refuse("GAME_TLS_KEY", own.key, "locked by a passphrase, which nobody could type", error)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            _refuse("GAME_TLS_KEY", own.key, "not the key of GAME_TLS_CERT", error)
        if error.reason in {"EE_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"}:
            _refuse("GAME_TLS_CERT", own.cert, "too weak: a short key or an old signature", error)
        _refuse("GAME_TLS_KEY", own.key, "no PEM private key", error)
    except OSError as error:
        # It was readable a moment ago.
        _refuse("GAME_TLS_CERT", own.cert, error.strerror or str(error), error)


def _trust(context: ssl.SSLContext, setting: str, ca: Path) -> None:
    try:
        context.load_verify_locations(cadata=_read(setting, ca))
    except (ssl.SSLError, ValueError) as error:
        _refuse(setting, ca, "no PEM certificate", error)
    if not context.get_ca_certs():
        # It would load, and then trust nobody.
        _refuse(setting, ca, "no certificate of a CA", None)


def _read(setting: str, path: Path) -> str:
    try:
        with path.open(encoding="ascii", errors="ignore") as file:
            text = file.read(MOST_OCTETS)
    except OSError as error:
        _refuse(setting, path, f"cannot be read: {error.strerror}", error)
    if len(text) == MOST_OCTETS:
        _refuse(setting, path, "too long", None)
    return text


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


class _PassphraseError(Exception):
    """OpenSSL asked for a passphrase; unanswered, it would ask the terminal."""


def _no_passphrase() -> NoReturn:
    raise _PassphraseError


def _refuse(setting: str, path: Path, problem: str, cause: Exception | None) -> NoReturn:
    raise TlsError(f"{setting}: {problem} ({str(path)!r})") from cause
