"""The hint of a report is chosen by what came: programs with one fault each, and what is said of it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from services.conformance.cli import run
from tests.support.conformance.judging import free_ports

if TYPE_CHECKING:
    from pathlib import Path

SERVER = """
import itertools, os, random, socket, threading, time

FAULT = "{fault}"
games = itertools.count()
lock = threading.Lock()
places = threading.Semaphore(30 if FAULT == "places" else 1000)


def lines(conn):
    data = b""
    while piece := conn.recv(256):
        data += piece
        while b"\\n" in data or (FAULT == "pieces" and data):
            line, _, data = data.partition(b"\\n")
            yield line.strip().lower()


def play(conn):
    secret = 0
    with places, conn:
        for line in lines(conn):
            with lock:
                number = line.removeprefix(b"my guess is:").strip()
                if line == b"hello" and (not secret or FAULT == "state"):
                    conn.sendall(b"Greetings\\r\\n")
                elif line == b"game" and not secret:
                    secret = 1 if (FAULT, next(games)) == ("lucky", 2) else random.randint(1, 30)
                    conn.sendall(b"Ready\\r\\n")
                elif not (number.isdigit() and 1 <= int(number) <= 30):
                    conn.sendall(b"Pick a number between 1-30\\r\\n")
                elif int(number) != secret:
                    conn.sendall(b"Close\\r\\n" if abs(int(number) - secret) <= 2 else b"Far\\r\\n")
                else:
                    conn.sendall(b"Correct\\r\\n")
                    conn.shutdown(socket.SHUT_WR)
                    while FAULT in {"hangs", "lucky"} and conn.recv(256):
                        pass
                    while FAULT == "mute":
                        time.sleep(1)
                    return
        while FAULT == "stays":
            time.sleep(1)


listener = socket.socket()
if FAULT != "port":
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try:
    listener.bind(("127.0.0.1", int(os.environ["GAME_PLAYER_PORT"])))
    listener.listen(128)
except OSError:
    time.sleep(1000)
while True:
    threading.Thread(target=play, args=(listener.accept()[0],), daemon=True).start()
"""
CLIENT = """
import os, socket

conn = socket.create_connection(("127.0.0.1", int(os.environ["GAME_PORT"])))
replies = conn.makefile("r")
said = ["Hello", "Game"] + ["My Guess is: %d" % number for number in (3, 17, 18)]
for line in said:
    conn.sendall(line.encode() + b"\\r\\n")
    if replies.readline().lower().split()[:1] in ([], ["correct"]):
        break
"""


def judge(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the report of a program that has a fault, its lines joined."""
    assert run(arguments, os.environ) in {0, 1}
    return " ".join(capsys.readouterr().out.split())


def judge_server(fault: str, checks: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the report of a server that has a fault."""
    (folder / "server.py").write_text(SERVER.replace("{fault}", fault), encoding="utf-8")
    player_port, admin_port = free_ports(2)
    command = f"{sys.executable} -u {folder / 'server.py'}"
    ports = ["--player-port", str(player_port), "--admin-port", str(admin_port)]
    return judge(["server", *ports, "--server-command", command, "--only", checks], capsys)


@pytest.mark.parametrize(
    ("fault", "check", "hint"),
    [
        ("hangs", "own-secret", "the server answers nobody any more, since connection"),
        # Where the kit finds out whether two may play, the first guess happens to win.
        ("lucky", "own-secret", "the server answers nobody any more, since connection"),
        (
            "places",
            "crowd",
            "players were served before, at the same time hint: is there room for so many only",
        ),
        ("pieces", "no-numbers", "recv brought the line in pieces"),
        ("port", "rebound", "it is still running; it printed nothing hint: set SO_REUSEADDR"),
        ("state", "nonsense", "hint: this player's game has begun"),
    ],
)
def test_server_is_told_the_cause(
    fault: str, check: str, hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server is told what it does wrong, and not merely what the check is about."""
    report = judge_server(fault, check, tmp_path, capsys)
    assert hint in report
    assert "0 of 1 chosen checks passed; no level is judged by them" in report
    assert report.count("connected:") >= 1


@pytest.mark.parametrize(
    ("fault", "checks", "points"),
    [("stays", "half-close", "1 of 1"), ("mute", "verdict-distances,survives", "1 of 2")],
)
def test_other_checks_blame_nobody(
    fault: str, checks: str, points: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Keeping a connection that the client has ended is no fault; a server that a win hangs is told so."""
    report = judge_server(fault, checks, tmp_path, capsys)
    assert f"{points} chosen checks passed" in report
    assert ("gone after verdict-distances: it answered nobody any more" in report) == (fault == "mute")


def test_client_is_told_where_a_word_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A client that takes a comma for a part of the word is not told that somebody has closed."""
    (tmp_path / "client.py").write_text(CLIENT, encoding="utf-8")
    command = [sys.executable, str(tmp_path / "client.py")]
    report = judge(["client", "--listen", "0", "--only", "reads-first-word", "--", *command], capsys)
    assert "hint: this reply was Correct, and the game is won" in report
    assert "gone: exit status 0" not in report
    assert "the kit typed, a line each: 3, 28, 16" in report
