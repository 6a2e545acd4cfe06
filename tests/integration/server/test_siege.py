"""What one hostile peer sends in floods: it is bounded or cut, and those beside it do not notice."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from services.protocol.codec import encode
from services.protocol.messages import Guess
from services.server.admin_session import SLOW_OCTETS
from tests.support.certificates import make_cast
from tests.support.server_process import Alteration, ServerProcess

if TYPE_CHECKING:
    from tests.support.certificates import Cast

WAIT_S = 50.0

KEY_UPDATES = 200_000
"""Five megabytes of them: more than the kernel buffers on the way."""


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    """Give certificates of everybody."""
    return make_cast(tmp_path_factory.mktemp("cast"))


def test_records_without_data_are_cut(cast: Cast) -> None:
    """Key updates without end are cut, and a player beside them is answered (T-1, G-1)."""
    settings = {"GAME_TLS_CERT": str(cast.server.cert), "GAME_TLS_KEY": str(cast.server.key)}
    with (
        ServerProcess(**settings, GAME_ADMIN_TLS="off", GAME_HIGH="1000000") as server,
        server.new_player("Hello", "Game") as player,
    ):
        flood = subprocess.Popen(
            [sys.executable, "-m", "tests.support.key_updates", *map(str, server.player), str(KEY_UPDATES)],
            stdout=subprocess.PIPE,
            text=True,
        )
        while flood.poll() is None:
            assert player.ask("1") == "Far"
        output, _ = flood.communicate(timeout=WAIT_S)
        server.wait_for("session_closed", reason="TLS: too many records without data")
        assert int(output) < KEY_UPDATES


def test_a_flood_of_guesses_is_slowed_and_answered_whole() -> None:
    """No guess above the rate is dropped: all replies come, only later (P-4, F-3, G-1)."""
    rate, count = 200, 500
    with (
        ServerProcess(GAME_MAX_LINE_RATE=str(rate), GAME_HIGH="1000000") as server,
        server.new_player("Hello", "Game") as player,
    ):
        begun = time.monotonic()
        player.send(encode(Guess(1)) * count)
        replies = player.read(count * len(b"Far\r\n"))
        seconds = time.monotonic() - begun
        assert re.fullmatch(rb"(Far\r\n)+", replies)
        # So many at once, and the rest no faster than the rate: less is a fault on any machine.
        assert seconds > (count - rate) / rate - 0.5
        assert player.ask("2") == "Far"
        server.wait_for("guess_judged", number=2, attempt=count + 1)


def test_a_low_rate_starves_nobody() -> None:
    """What a rate comes to between two looks is less than a line, and adds up to one (P-4)."""
    with (
        ServerProcess(GAME_MAX_LINE_RATE="3", GAME_HIGH="1000000") as server,
        server.new_player("Hello", "Game") as player,
    ):
        assert [player.ask("1") for _ in range(3)] == ["Far"] * 3


def test_lines_that_are_no_guesses_count_too() -> None:
    """Wrong lines between guesses are slowed as well, so that they cannot fill the log either (P-13)."""
    rate, count = 200, 300
    with (
        ServerProcess(GAME_MAX_LINE_RATE=str(rate), GAME_HIGH="1000000") as server,
        server.new_player("Hello", "Game") as player,
    ):
        begun = time.monotonic()
        player.send(b"x\r\n1\r\n" * count)
        for _ in range(count):
            assert player.read_line().startswith("Pick a number")
            assert player.read_line() == "Far"
        assert time.monotonic() - begun > (2 * count - rate) / rate - 1


def test_a_slow_watcher_misses_guesses_and_nothing_else() -> None:
    """A watcher that reads too slowly keeps the seat, and is told how many guesses it missed (A-4, A-9)."""
    with (
        ServerProcess(
            Alteration(send_buffer_octets=1 << 16),
            GAME_MAX_LINE_RATE="0",
            GAME_HIGH="1000000",
            GAME_WRITE_TIMEOUT="60",
        ) as server,
        server.new_admin("Hello", receive_buffer_octets=1 << 12) as watcher,
    ):
        assert watcher.ask("Watch") == "End"
        guesses = 2 * SLOW_OCTETS // len(b"Guessed 127.0.0.1 40000 1 Far\r\n")
        with server.new_player("Hello", "Game") as player:

            def guess() -> None:
                player.send(encode(Guess(1)) * guesses)

            sender = threading.Thread(target=guess, daemon=True)
            sender.start()
            player.read(guesses * len(b"Far\r\n"))
            sender.join(WAIT_S)
        server.wait_for("session_closed", guesses=guesses)
        told = missed = 0
        kinds = []
        while "Left" not in kinds or not missed:
            kind, _, rest = watcher.read_line().partition(" ")
            told += kind == "Guessed"
            missed += int(rest) if kind == "Missed" else 0
            if kind != "Guessed":
                kinds.append(kind)
        assert kinds == ["Joined", "Left", "Missed"]
        assert told + missed == guesses
        assert watcher.ask("Who") == "End"
