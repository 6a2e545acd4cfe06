"""Bots and a person against the project's own server, in the clear and encrypted."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from services.protocol.rules import CLASSIC
from services.strategies.choice import guesses_needed
from tests.support.certificates import make_cast
from tests.support.player_process import bots, piped
from tests.support.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.certificates import Cast

EVERY_NUMBER = "".join(f"{number}\n" for number in range(1, 31))


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    """Certificates of the server and of others."""
    return make_cast(tmp_path_factory.mktemp("cast"))


@pytest.fixture(scope="module")
def server(cast: Cast) -> Iterator[ServerProcess]:
    """A server that takes players with and without TLS."""
    with ServerProcess(
        GAME_TLS_CERT=str(cast.server.cert),
        GAME_TLS_KEY=str(cast.server.key),
        GAME_TLS_CLIENT_CA=str(cast.ca),
    ) as running:
        yield running


@pytest.mark.parametrize("dialect", ["classic", "short"])
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "TLS"])
def test_bots_win(server: ServerProcess, cast: Cast, dialect: str, *, encrypted: bool) -> None:
    """Thirty bots win all their games, and server and bots agree on who won in how many guesses."""
    flags = ["--host", "localhost", "--ca", str(cast.ca)] if encrypted else []
    with bots(
        server.player[1], "--bot", "smart", "--players", "30", "--games", "2", "--dialect", dialect, *flags
    ) as pool:
        assert pool.finish() == 0

    won = pool.named("game_won")
    assert len(won) == 60
    assert max(game["guesses"] for game in won) <= max(guesses_needed(CLASSIC).values())
    local = {opened["session"]: opened["local"] for opened in pool.named("connection_opened")}
    for game in won:
        server.wait_for("game_won", peer=local[game["session"]], guesses=game["guesses"])


@pytest.mark.parametrize(
    ("name", "called"), [("strategy", {"smart-1", "smart-2"}), ("deep", {"deep-1", "deep-2"})]
)
def test_bots_have_names(name: str, called: set[str]) -> None:
    """Each bot is known to the server by its own name, and plays on under it (clause N-1)."""
    with (
        ServerProcess() as server,
        bots(server.player[1], "--bot", "smart", "--players", "2", "--games", "2", "--name", name) as pool,
    ):
        assert pool.finish() == 0
        named = [server.wait_for("player_named", count) for count in range(1, 5)]

    assert len(pool.named("game_won")) == 4
    assert {event["name"] for event in named} == called


def test_another_range_and_close_distance() -> None:
    """Every strategy finds its numbers under rules that it was not told (clause P-5)."""
    with (
        ServerProcess(GAME_LOW="20", GAME_HIGH="55", GAME_CLOSE_DISTANCE="4") as server,
        bots(server.player[1], "--bot", "mixed", "--players", "6", "--games", "3") as pool,
    ):
        assert pool.finish() == 0

    assert len(pool.named("game_won")) == 18


def test_the_administrator_port_is_no_player_port() -> None:
    """Whoever has mistaken one port for the other is told so."""
    with ServerProcess() as plain:
        played = piped(plain.admin[1], "5\n")

    assert played.returncode == 1
    assert "this is the administrator port, usually 4001; players connect to" in played.stderr


def test_a_person_wins(server: ServerProcess) -> None:
    """Whoever tries every number wins."""
    played = piped(server.player[1], EVERY_NUMBER)

    assert played.returncode == 0
    assert "Correct! You have won" in played.stdout


def test_a_person_wins_encrypted(server: ServerProcess, cast: Cast) -> None:
    """With a CA the game is encrypted, and as playable."""
    played = piped(server.player[1], EVERY_NUMBER, "--host", "localhost", "--ca", str(cast.ca))

    assert played.returncode == 0


def test_a_server_that_is_not_to_be_trusted(server: ServerProcess, cast: Cast) -> None:
    """Another CA, or another name than the certificate's, is refused with one line and status 1 (G-9)."""
    impostor = cast.impostors["another CA"]
    assert impostor is not None
    foreign = str(impostor.cert.parent / "ca.pem")
    for flags in (["--host", "localhost", "--ca", foreign], ["--host", "127.0.0.1", "--ca", str(cast.ca)]):
        played = piped(server.player[1], EVERY_NUMBER, *flags)
        assert played.returncode == 1
        assert "is not trusted: " in played.stderr
        assert len(played.stderr.splitlines()) == 1
        with bots(server.player[1], "--bot", "smart", "--players", "3", *flags) as pool:
            assert pool.finish() == 1
        assert len(pool.named("server_distrusted")) == 1


def test_the_server_is_killed_and_comes_back() -> None:
    """Bots that lose their server in the middle of a game all play on at the next one."""
    with ServerProcess() as first:
        port = first.player[1]
        with bots(port, "--bot", "sweep", "--players", "10", "--think", "0.1-0.2") as pool:
            first.wait_for("guess_judged", 10)
            first.signal(signal.SIGKILL)
            first.wait()
            with ServerProcess(GAME_PLAYER_PORT=str(port)):
                assert pool.finish() == 0

    assert pool.named("game_lost")
    assert len(pool.named("game_won")) == 10
