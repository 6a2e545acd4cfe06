"""What a peer may cost: each row of the table of bounds in docs/operations.md, small enough to be quick.

`make soak` runs the same at full size.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.host import processor_s, resident_kib
from tests.support.bystander import waits_of
from tests.support.line_client import LineClient
from tests.support.play import finish_a_game, start_a_game, win
from tests.support.server_process import LOOPS, Alteration, ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20
FULL = b"Refused: server full\r\n"


@pytest.fixture(params=LOOPS, ids=["fastest loop", "asyncio", "no epoll"])
def loop(request: pytest.FixtureRequest) -> Alteration:
    """Give a server on one event loop and on the other."""
    return Alteration(without=request.param)


# --- time


@pytest.mark.parametrize("drips", [b"H", b" ", b"\xff"], ids=["a word", "blanks", "octets"])
def test_who_drips_is_cut_all_the_same(drips: bytes) -> None:
    """The time to the game is a total: what comes meanwhile does not prolong it (P-10)."""
    with ServerProcess(GAME_HANDSHAKE_TIMEOUT="0.5") as server, server.new_player() as dripping:
        began_s = time.monotonic()
        assert dripping.ask("Hello") == "Greetings"
        while not dripping.receives(0.05):
            dripping.send(drips)
        assert dripping.read_some() == b"Refused: line not ended by CRLF\r\n"
        assert time.monotonic() - began_s < 0.5 + 2
        finish_a_game(server)


def test_who_drips_lingers_no_longer_than_others() -> None:
    """A peer that never closes its side is forgotten within two seconds of the timeout."""
    with (
        ServerProcess(GAME_HANDSHAKE_TIMEOUT="0.5", GAME_MAX_PLAYERS="1") as server,
        server.new_player("Hello"),
    ):
        began_s = time.monotonic()
        while True:  # the place is free only when the connection is gone
            with server.new_player() as next_one:
                next_one.send(b"Hello\r\n")
                if next_one.read(len(b"Greetings\r\n")) == b"Greetings\r\n":
                    break
        assert 0.5 < time.monotonic() - began_s < 0.5 + 2


# --- octets


def test_a_line_without_end_is_cut_before_it_is_stored(loop: Alteration) -> None:
    """Of 64 MiB without a line end the server takes in less than 8, and cuts it within a second (F-2)."""
    with ServerProcess(loop) as server, server.new_player("Hello") as player:
        before_kib = resident_kib(server.pid)
        began_s = time.monotonic()
        with pytest.raises(ConnectionError):
            player.send(b"x" * 64 * MIB)
        assert time.monotonic() - began_s < 1
        assert player.acknowledged_octets < 8 * MIB
        assert resident_kib(server.pid) - before_kib < 1024
        assert server.wait_for("session_closed")["reason"] == "line longer than 512 octets"
        finish_a_game(server)


def test_a_player_who_does_not_read_is_not_read_and_then_dropped() -> None:
    """Replies are kept up to a bound, for the write timeout; memory stays (RSS + 8 MiB at most) (G-1)."""
    settings = {"GAME_WRITE_TIMEOUT": "0.5", "GAME_MAX_INVALID_GUESSES": "999999999"}
    with ServerProcess(Alteration(send_buffer_octets=1 << 16), **settings) as server:
        server.ignore("guess_rejected")
        before_kib = resident_kib(server.pid)
        with server.new_player("Hello", "Game", receive_buffer_octets=4096) as player:
            send_until_cut(player, b"\n" * 10_000)
        assert resident_kib(server.pid) - before_kib < 8 * 1024
        server.wait_for("session_closed", peer=player.peer, reason="replies not read")
        finish_a_game(server)


def test_a_watcher_who_does_not_read_is_dropped(loop: Alteration) -> None:
    """Events are kept up to a bound, for the write timeout; the log tells why, and the seat is free (A-9)."""
    with ServerProcess(loop, GAME_WRITE_TIMEOUT="0.3", GAME_MAX_LINE_RATE="0") as server:
        player, guess, _ = start_a_game(server)
        server.ignore("guess_judged")
        before_kib = resident_kib(server.pid)
        with server.new_admin("Hello", "Watch", receive_buffer_octets=4096) as watcher, flood(player, guess):
            server.wait_for("admin_left", peer=watcher.peer)
            (closed,) = server.events("session_closed", peer=watcher.peer)
            assert closed["reason"] in {"replies not read", "outbox full"}
            assert resident_kib(server.pid) - before_kib < 8 * 1024
            with server.new_admin("Hello") as next_one:
                assert next_one.ask("Watch") == player.peer


@contextlib.contextmanager
def flood(player: LineClient, guess: bytes) -> Iterator[None]:
    """Let a player send as much as it can, and read the replies, until the block ends."""
    threads = [
        threading.Thread(target=send_until_cut, args=(player, guess * 1000)),
        threading.Thread(target=read_until_cut, args=(player,)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        player.cut()
        for thread in threads:
            thread.join()
        player.close()


def send_until_cut(client: LineClient, octets: bytes) -> None:
    """Send without reading, until the connection is no more."""
    with contextlib.suppress(OSError):
        while True:
            client.send(octets)


def test_a_flood_by_one_starves_nobody(loop: Alteration) -> None:
    """While one player floods, another's guesses are answered as if there were nobody else (G-1)."""
    with ServerProcess(loop) as server:
        flooding, guess, _ = start_a_game(server)
        bystander, _, _ = start_a_game(server)
        server.ignore("guess_judged")
        with bystander, flood(flooding, guess):
            waits_s = waits_of(bystander, 200)
        assert sorted(waits_s)[197] < 0.1


def read_until_cut(client: LineClient) -> None:
    """Read and forget, until the connection is no more."""
    with contextlib.suppress(OSError):
        while client.read_some():
            pass


@pytest.mark.parametrize("limit", [1, 3, 20])
def test_lines_that_are_no_guess_are_borne_so_many_times(limit: int) -> None:
    """That many in a row end the game; a guess between them restarts the count (P-13)."""
    setting = {} if limit == 20 else {"GAME_MAX_INVALID_GUESSES": str(limit)}
    with ServerProcess(**setting) as server:
        player, guess, reply = start_a_game(server)
        with player:
            for _ in range(2):
                for _ in range(limit - 1):
                    assert player.ask("99") == "Pick a number between 1-30"
                player.send(guess)
                assert player.read(len(reply)) == reply
            for _ in range(limit - 1):
                assert player.ask("") == "Pick a number between 1-30"
            assert player.ask("99") == "Refused: too many invalid guesses"
            assert player.read_rest() == b""


# --- connections


@pytest.mark.parametrize(
    ("altered", "settings"),
    [
        (Alteration(), {"GAME_MAX_CONNECTIONS": "24"}),
        (Alteration(descriptors=88), {}),
        (Alteration(descriptors=88, without=["uvloop"]), {}),
        (Alteration(), {"GAME_MAX_PLAYERS": "18"}),
    ],
    ids=["by the setting", "by the descriptors", "by the descriptors, asyncio", "by the players"],
)
def test_connections_over_the_limit_are_refused(altered: Alteration, settings: dict[str, str]) -> None:
    """One too many is told at once, the administrator gets in, and room is room again (P-12).

    Descriptors never run out, and the server does not spin.
    """
    with ServerProcess(altered, **settings) as server, contextlib.ExitStack() as stack:
        players = [stack.enter_context(server.new_player("Hello", "Game")) for _ in range(18)]
        before_s, began_s = processor_s(server.pid), time.monotonic()
        crowd = [stack.enter_context(server.new_player()) for _ in range(60)]
        for surplus in crowd:
            assert surplus.read_rest() == FULL
        with server.new_admin("Hello", "Watch") as watcher, server.new_admin("Hello") as admin:
            assert admin.ask("Who") == players[0].peer
            players[0].close()
            while watcher.read_line() != f"Left {players[0].peer}":
                pass
        finish_a_game(server)
        assert processor_s(server.pid) - before_s < 0.2 * (time.monotonic() - began_s) + 0.2
        assert not server.events("accept_failed")
        if altered.descriptors:
            warned = server.wait_for("descriptors_missing", descriptors=88, max_players=18)
            assert "ulimit -Hn" in warned["remedy"]
        else:
            assert not server.events("descriptors_missing")


def test_descriptors_that_run_out_are_waited_for() -> None:
    """Even where the count was wrong, the server says so, does not spin, and goes on when there are some."""
    altered = Alteration(descriptors=88, values={"services.server.app.RESERVED_DESCRIPTORS": -100})
    with ServerProcess(altered) as server, contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(server.new_player()) for _ in range(90)]
        server.wait_for("accept_failed")
        before_s, began_s = processor_s(server.pid), time.monotonic()
        server.wait_for("accept_failed", count=4)
        assert time.monotonic() - began_s > 0.5
        assert processor_s(server.pid) - before_s < 0.2
        for client in crowd:
            client.close()
        finish_a_game(server)


def test_one_address_has_only_so_many() -> None:
    """With a limit for each address, one too many from there is refused, and others are not (P-12)."""
    with (
        ServerProcess(GAME_MAX_PER_ADDRESS="2") as server,
        server.new_player("Hello") as first,
        server.new_player("Hello"),
    ):
        with server.new_player() as third:
            assert third.read_rest() == FULL
        with server.new_player(source=("127.0.0.2", 0)) as stranger:
            assert stranger.ask("Hello") == "Greetings"
        first.end_sending()
        assert first.read_rest() == b""
        finish_a_game(server)


# --- the watcher


def test_the_seat_is_free_as_soon_as_the_watcher_is_gone(loop: Alteration) -> None:
    """However the watch ends, the next one is seated at once (A-7)."""
    with ServerProcess(loop) as server:
        for end in [LineClient.end_sending, LineClient.reset, LineClient.close] * 3:
            watcher = server.new_admin("Hello")
            assert watcher.ask("Watch") == "End"
            end(watcher)
            watcher.close()


def test_a_watcher_is_held_to_its_pongs() -> None:
    """One who has answered a ping and then no more loses the seat; one who never did keeps it (A-8)."""
    quick = Alteration(values={"services.server.admin_session.PING_INTERVAL_S": 0.2})
    with ServerProcess(quick) as server:
        with server.new_admin("Hello", "Watch") as silent:
            for _ in range(3):
                assert silent.read_line().startswith("Ping ")
            assert silent.ask("Who") == "End"
        with server.new_admin("Hello") as lively:
            assert lively.ask("Watch") == "End"
            for _ in range(3):
                assert lively.read_line().startswith("Ping ")
                lively.send(b"Pong\r\n")
            assert lively.read_line().startswith("Ping ")
            assert lively.read_rest() == b""
            server.wait_for("admin_left", peer=lively.peer, reason="pings not answered")


# --- what peers say


@pytest.fixture(scope="module")
def hostile() -> list[bytes]:
    """Lines that would forge a log or steer a terminal, if they got there as they are."""
    texts = [
        "\x1b]0;owned\x07",
        "\x1b[2J",
        "\u202e30 :si sseuG yM",
        '","level":"error","x":"',
        "\x85\u2028",
        "\x7f",
    ]
    return [text.encode() + b"\r" + b"\x9b31m\0" for text in texts]


def test_nothing_that_peers_say_forges_a_line_of_the_log(hostile: list[bytes]) -> None:
    """What is shown of a peer is printable ASCII within one line: each is held to the contract here (G-4)."""
    with ServerProcess(GAME_LOG_LEVEL="debug") as server, server.new_player("Hello", "Game") as player:
        for line in hostile:
            player.send(line + b"\r\n")
            assert player.read_line() == "Pick a number between 1-30"
            with server.new_player() as other:
                other.send(line + b"\r\n")
                assert other.read_rest().startswith(b"Refused: say Hello first (seen: ")
        server.wait_for("guess_rejected", count=len(hostile))
        server.wait_for("handshake_refused", count=len(hostile))


# --- the secret

WIDE = {"GAME_HIGH": "999999999", "GAME_CLOSE_DISTANCE": "500000000"}


def find_secret(player: LineClient) -> int:
    """Find the number in a range too wide to be swept: it lies in the middle of what is close."""

    def is_close(number: int) -> bool:
        verdict = player.ask(str(number))
        assert verdict in {"Close", "Far"}
        return verdict == "Close"

    close, far = 500_000_000, 999_999_999  # from the middle everything is close
    if is_close(far):
        far = 1
        assert not is_close(far), "just in the middle, of a thousand million"
    while abs(far - close) > 1:
        tried = (close + far) // 2
        close, far = (tried, far) if is_close(tried) else (close, tried)
    return close - 500_000_000 if far > close else close + 500_000_000


def test_the_secret_is_nowhere_to_be_read_before_it_is_guessed() -> None:
    """It is in no line of the log, and in nothing that the kernel shows of the process (P-9, G-3)."""
    with (
        ServerProcess(GAME_LOG_LEVEL="debug", **WIDE) as server,
        server.new_player("Hello", "Game") as player,
    ):
        secret = find_secret(player)
        number = re.compile(rf"(?<!\d){secret}(?!\d)")
        assert not number.search(str(server.all_events()))
        for name in ("cmdline", "environ", "comm", "status", "stat", "maps"):
            assert not number.search(Path(f"/proc/{server.pid}/{name}").read_text("latin-1"))
        assert player.ask(str(secret)) == "Correct"
        server.wait_for("guess_judged", number=secret, verdict="Correct")


def test_the_secret_cannot_be_foreseen() -> None:
    """Servers that are started alike, by the same seed, draw different numbers (P-9, G-3)."""
    drawn = set()
    for _ in range(2):
        with ServerProcess(PYTHONHASHSEED="0", **WIDE) as server:
            for _ in range(2):
                with server.new_player("Hello", "Game") as player:
                    drawn.add(find_secret(player))
    assert len(drawn) == 4


# --- the smallest server


def test_the_players_win_beside_all_this() -> None:
    """A game goes to its end with the smallest limits that there are."""
    with ServerProcess(
        GAME_MAX_PLAYERS="1", GAME_MAX_CONNECTIONS="1", GAME_MAX_PER_ADDRESS="1", GAME_MAX_INVALID_GUESSES="1"
    ) as server:
        with server.new_player("Hello", "Game") as player:
            win(player)
        finish_a_game(server)
