"""Our own clients at encrypted ports: they verify, they prove themselves, and they say why they give up."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from socket import AF_INET, SOCK_STREAM
from typing import TYPE_CHECKING

import pytest

from services.runtime import resolver
from services.runtime.connecting import Target, open_stream
from services.runtime.tls import ReloadingContext
from services.runtime.tls_settings import ClientTls
from tests.support.certificates import make_cast
from tests.support.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.runtime.tls_settings import CertificateFiles
    from tests.support.certificates import Cast

ADMIN = ("services.admin", "who")
PLAYER = ("services.player",)
BOT = ("services.player", "--bot", "smart", "--games", "2")


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    """Certificates of the server, the administrator and the impostors."""
    return make_cast(tmp_path_factory.mktemp("cast"))


@pytest.fixture(scope="module")
def server(cast: Cast) -> Iterator[ServerProcess]:
    """A server that speaks nothing but TLS."""
    with ServerProcess(
        GAME_TLS_CERT=str(cast.server.cert),
        GAME_TLS_KEY=str(cast.server.key),
        GAME_TLS_CLIENT_CA=str(cast.ca),
        GAME_PLAYER_TLS="required",
    ) as running:
        yield running


def run(
    program: tuple[str, ...], address: tuple[str, int], *flags: str, host: str = "localhost"
) -> subprocess.CompletedProcess[str]:
    """Run a client to its end."""
    command = [sys.executable, "-m", *program, "--host", host, "--port", str(address[1]), *flags]
    return subprocess.run(command, input="", capture_output=True, text=True, timeout=30, check=False)


def proof(own: CertificateFiles | None) -> tuple[str, ...]:
    """The flags that show a certificate."""
    return ("--cert", str(own.cert), "--key", str(own.key)) if own else ()


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """Expect a failure that is told in one line, and return it."""
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    return line


def test_the_administrator_gets_the_list(server: ServerProcess, cast: Cast) -> None:
    """With the CA, a certificate and its key the administrator is answered."""
    done = run(ADMIN, server.admin, "--ca", str(cast.ca), *proof(cast.administrator))

    assert (done.returncode, done.stderr) == (0, "")


def test_a_name_may_end_with_a_dot(server: ServerProcess, cast: Cast) -> None:
    """`server.example.` is the same host to a name service, and so it is to who checks a certificate."""

    async def greeted() -> bytes:
        target = Target("localhost.", server.player[1], ReloadingContext(ClientTls(cast.ca)))
        reader, writer = await open_stream(target)
        writer.write(b"Hello\r\n")
        reply = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return reply

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resolver, "_resolve", lambda *_: [(AF_INET, SOCK_STREAM, 0, "", server.player)])
        assert asyncio.run(greeted()) == b"Greetings\r\n"


def test_bots_play_over_tls(server: ServerProcess, cast: Cast) -> None:
    """With the CA alone a bot plays its games."""
    done = run(BOT, server.player, "--ca", str(cast.ca))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count('"event":"game_won"') == 2


@pytest.mark.parametrize(
    ("impostor", "words"),
    [
        ("no certificate", "give --cert and --key"),
        ("another CA", "refuses our certificate"),
        ("another CA of the same subject", "refuses our certificate"),
        ("an expired one", "refuses our certificate or our way to encrypt: certificate expired"),
        ("the server's own", "refuses our certificate"),
        ("no role", "does not carry the administrator's role"),
    ],
)
def test_whoever_is_no_administrator_learns_why(
    server: ServerProcess, cast: Cast, impostor: str, words: str
) -> None:
    """A client that cannot prove the role fails with one line that says what the server holds against it."""
    done = run(ADMIN, server.admin, "--ca", str(cast.ca), *proof(cast.impostors[impostor]))

    assert words in complaint(done)


@pytest.mark.parametrize("program", [ADMIN, PLAYER, BOT])
def test_a_server_of_another_ca_is_refused(
    server: ServerProcess, cast: Cast, program: tuple[str, ...]
) -> None:
    """Each client refuses a server that its CA has not signed, and does not try again (T-4)."""
    foreign = cast.ca.parent.parent / "foreign/ca.pem"
    address = server.admin if program == ADMIN else server.player

    assert "is not trusted: " in complaint(run(program, address, "--ca", str(foreign)))


@pytest.mark.parametrize("program", [ADMIN, PLAYER, BOT])
def test_a_server_of_another_name_is_refused(
    server: ServerProcess, cast: Cast, program: tuple[str, ...]
) -> None:
    """Each client refuses a server whose certificate is for another name, and says for which it is not."""
    address = server.admin if program == ADMIN else server.player

    line = complaint(run(program, address, "--ca", str(cast.ca), host="127.0.0.1"))

    assert "is not trusted: IP address mismatch, certificate is not valid for '127.0.0.1'" in line


@pytest.mark.parametrize("program", [ADMIN, PLAYER])
def test_a_plain_client_is_told_what_to_do(server: ServerProcess, program: tuple[str, ...]) -> None:
    """A client that was not told to encrypt shows the server's advice."""
    address = server.admin if program == ADMIN else server.player

    assert "this port speaks TLS only: give --ca FILE" in complaint(run(program, address))


@pytest.mark.parametrize("program", [ADMIN, PLAYER])
def test_a_client_never_falls_back_to_plain_text(cast: Cast, program: tuple[str, ...]) -> None:
    """A client that was told to encrypt says nothing to a server that does not (T-4, G-9)."""
    with ServerProcess() as plain:
        address = plain.admin if program == ADMIN else plain.player
        done = run(program, address, "--ca", str(cast.ca))

    assert complaint(done).endswith(": it does not speak TLS on this port")


@pytest.mark.parametrize("program", [ADMIN, PLAYER, BOT])
def test_a_certificate_without_a_ca_is_bad_usage(cast: Cast, program: tuple[str, ...]) -> None:
    """A client that would show a certificate to just anybody does not start."""
    done = run(program, ("localhost", 1), *proof(cast.administrator))

    assert done.returncode == 2
    assert "GAME_TLS_CA: is missing beside GAME_TLS_CERT" in done.stderr
