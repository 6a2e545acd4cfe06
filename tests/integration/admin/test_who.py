"""`who` against scripted servers of the whole family, started as a user would."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from services.admin import client
from services.runtime.connecting import Target, UnreachableError
from tests.support.scripted_server import Peer, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable


def who(port: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "services.admin",
            "who",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            *arguments,
        ],
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )


def our_own(*players: str) -> Callable[[Peer], None]:
    """Script a server that does what clauses A-1 and A-2 say."""

    def script(peer: Peer) -> None:
        assert peer.receive() == "Hello"
        peer.send("Admin-Greetings")
        assert peer.receive() == "Who"
        peer.send(*(players or ("",)))
        peer.close()

    return script


def test_lists_each_player_on_a_line() -> None:
    """Away from a terminal the list is `IP port`, a line each, and nothing else."""
    with ScriptedServer(our_own("10.0.0.1 5", "2001:db8::2 6")) as server:
        done = who(server.port)

    assert (done.stdout, done.stderr, done.returncode) == ("10.0.0.1 5\n2001:db8::2 6\n", "", 0)


def test_nobody_is_an_empty_list() -> None:
    """The empty line that stands for nobody (clause A-2) prints nothing and is no error."""
    with ScriptedServer(our_own()) as server:
        done = who(server.port)

    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_json() -> None:
    """`--json` prints one object."""
    with ScriptedServer(our_own("10.0.0.1 5")) as server:
        done = who(server.port, "--json")

    assert json.loads(done.stdout) == {"version": 1, "playing": 1, "players": [{"ip": "10.0.0.1", "port": 5}]}


def never_closes(peer: Peer) -> None:
    """Answer, then leave the connection open."""
    peer.receive()
    peer.send("Admin-Greetings")
    peer.receive()
    peer.send("('10.0.0.1', 5)")
    peer.wait_for_end()


def never_ends_a_line(peer: Peer) -> None:
    """Say everything without a line end."""
    peer.receive()
    peer.send("Admin-Greetings", end="")
    peer.receive()
    peer.send("[('10.0.0.1', 5)]", end="")
    peer.wait_for_end()


def resets_after_the_list(peer: Peer) -> None:
    """Answer, then break off."""
    peer.receive()
    peer.send("Admin-Greetings", end="\n")
    peer.receive()
    peer.send("IP: 10.0.0.1", "Port: 5", end="\n")
    peer.reset()


def trickles(peer: Peer) -> None:
    """Send the list in pieces."""
    peer.receive()
    peer.send("Admin-Gre", end="")
    peer.send("etings")
    peer.receive()
    for piece in ("10.0", ".0.1", ":", "5"):
        peer.send(piece, end="")
    peer.close()


def greets_with_the_list(peer: Peer) -> None:
    """Send the list along with the greeting, and go."""
    peer.receive()
    peer.send("Admin-Greetings", "10.0.0.1 5")
    peer.close()


def greets_with_the_list_and_stays(peer: Peer) -> None:
    """Send the list along with the greeting, and answer Who by nothing."""
    peer.receive()
    peer.send("Admin-Greetings", "10.0.0.1 5")
    peer.wait_for_end()


def greets_with_the_list_in_the_same_line(peer: Peer) -> None:
    """Do without line ends altogether."""
    peer.receive()
    peer.send("Admin-Greetings [('10.0.0.1', 5)]", end="")
    peer.close()


def wants_its_own_hello(answer: str) -> Callable[[Peer], None]:
    """Know Admin-Hello alone."""

    def script(peer: Peer) -> None:
        if peer.receive() == "Admin-Hello":
            peer.send("Admin-Greetings")
            peer.receive()
            peer.send("10.0.0.1 5")
        elif answer:
            peer.send(answer)
        peer.close()

    return script


def compares_all_that_came(hello: str) -> Callable[[Peer], None]:
    """Compare what one recv() returns, as a beginner does: a line end is one octet too many."""

    def script(peer: Peer) -> None:
        if peer.hear_anything() == hello:
            peer.send("Admin-Greetings")
            if peer.hear_anything() == "Who":
                peer.send("10.0.0.1 5")
        peer.close()

    return script


def ends_with_its_first_connection() -> Callable[[Peer], None]:
    """Compare what one recv() returns, and be gone as soon as the first administrator leaves."""
    first = threading.Lock()

    def script(peer: Peer) -> None:
        if not first.acquire(blocking=False):
            peer.reset()
            return
        while (said := peer.hear_anything()) not in {"Who", ""}:
            if said == "Hello":
                peer.send("Give your command:", end="")
        peer.send("10.0.0.1 5")
        peer.close()

    return script


@pytest.mark.parametrize(
    "script",
    [
        greets_with_the_list,
        greets_with_the_list_and_stays,
        greets_with_the_list_in_the_same_line,
        wants_its_own_hello(""),
        wants_its_own_hello("Refused: administrators only"),
        compares_all_that_came("Hello"),
        compares_all_that_came("Admin-Hello"),
        ends_with_its_first_connection(),
    ],
)
def test_gets_on_with_stranger_servers(script: Callable[[Peer], None]) -> None:
    """A list that comes unasked counts, and Hello is said in every way before it is given up."""
    with ScriptedServer(script) as server:
        done = who(server.port)

    assert (done.stdout, done.stderr, done.returncode) == ("10.0.0.1 5\n", "", 0)


def test_a_list_without_end_is_given_up() -> None:
    """A server that never stops costs a bounded amount of memory, and ends in one clear line (G-10)."""

    def script(peer: Peer) -> None:
        peer.receive()
        peer.send("Admin-Greetings")
        peer.receive()
        while True:
            peer.send(*["10.0.0.1 5"] * 10_000)

    with ScriptedServer(script) as server:
        done = who(server.port)

    assert done.returncode == 1
    assert done.stderr == (
        f"guessing-admin: 127.0.0.1:{server.port} went on and on without an end to its list\n"
    )


def test_a_list_that_takes_too_long_is_not_called_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time may have passed here, where the program was stopped: what is told is true in either case."""

    def script(peer: Peer) -> None:
        peer.receive()
        peer.send("Admin-Greetings")
        while peer.receive():
            pass

    monkeypatch.setattr(client, "WHOLE_ANSWER_S", 0.2)
    with (
        ScriptedServer(script) as server,
        pytest.raises(UnreachableError, match=r"has not ended its list within 0\.2 s"),
    ):
        asyncio.run(client.ask_who(Target("127.0.0.1", server.port)))


@pytest.mark.parametrize("script", [never_closes, never_ends_a_line, resets_after_the_list, trickles])
def test_gets_on_with_other_servers(script: Callable[[Peer], None]) -> None:
    """However a server spells, cuts and ends its list, it is read."""
    with ScriptedServer(script) as server:
        done = who(server.port)

    assert (done.stdout, done.returncode) == ("10.0.0.1 5\n", 0)


def test_a_refusal_is_one_clear_line() -> None:
    """A refusal is told with its reason, control characters escaped, and ends with 1."""

    def script(peer: Peer) -> None:
        peer.receive()
        peer.send("Refused: not \x1b[2J today")
        peer.close()

    with ScriptedServer(script) as server:
        done = who(server.port)

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == f"guessing-admin: 127.0.0.1:{server.port} refused: 'not \\x1b[2J today'\n"


def test_the_player_port_is_no_administrator_port() -> None:
    """Whoever has mistaken one port for the other is told so."""

    def script(peer: Peer) -> None:
        peer.receive()
        peer.send("Greetings")
        peer.receive()
        peer.send("Refused: say Game first")
        peer.close()

    with ScriptedServer(script) as server:
        done = who(server.port)

    assert done.returncode == 1
    assert done.stderr.endswith(" refused: 'say Game first': is this the administrator port?\n")


def test_a_server_that_is_not_there_is_one_clear_line() -> None:
    """Nobody listening: one line, no traceback, exit 1."""
    with ScriptedServer(our_own()) as server:
        port = server.port
    done = who(port)

    assert done.returncode == 1
    assert done.stderr == f"guessing-admin: cannot reach 127.0.0.1:{port}: Connection refused\n"


def test_a_server_that_hangs_up_is_one_clear_line() -> None:
    """A server that closes instead of greeting is told as that."""
    with ScriptedServer(Peer.close) as server:
        done = who(server.port)

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--port", "http"], ["--port", "0"], ["--colour"]])
def test_bad_usage_exits_2(arguments: list[str]) -> None:
    """A flag that is wrong or unknown is told on standard error, and the status is 2."""
    done = who(1, *arguments)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr
