"""A person's game, on a terminal and with piped input."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import termios
import threading
from io import StringIO
from typing import TYPE_CHECKING

import pexpect
import pytest

from services.player import interactive
from services.player.bot import Dialect
from services.protocol.messages import Verdict
from services.protocol.rules import Rules
from services.runtime.connecting import Target
from services.runtime.fault import Fault
from tests.support.fake_server import FakeServer, begin, close, refuse, vanish
from tests.support.player_process import arguments, environ, piped
from tests.support.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.scripted_server import Peer


TIMEOUT_S = 20
PERFECTION = "a perfect player needs 5.0 on average, one who guesses blindly 15.5."
ESCAPE = "\x1b["
PASTES_APART, PASTES_TYPED = "\x1b[?2004h", "\x1b[?2004l"
ASK_NAME = "Your name (Enter: none): "
AGAIN = "Play again? (Enter: yes, n: no) "


def terminal(port: int, *more: str, name: str | None = "", **environment: str) -> pexpect.spawn[str]:
    """Start the player on a terminal of 80 by 24; with None for a name, it will ask for one."""
    program = pexpect.spawn(
        sys.executable,
        arguments(port, *more, *([] if name is None else ["--name", name])),
        dimensions=(24, 80),
        encoding="utf-8",
        timeout=TIMEOUT_S,
        env=environ(**environment),
    )
    program.logfile_read = StringIO()
    return program


class Typed:
    """A keyboard of whose lines each has been typed."""

    is_person = False

    def __init__(self, *lines: str) -> None:
        self._lines = iter(lines)

    async def read(self, _prompt: str, *, remembered: bool) -> str:
        """Return the next line."""
        assert remembered
        return next(self._lines)

    def forget_typed(self) -> None:
        """There is nothing to forget."""


def shown(program: pexpect.spawn[str]) -> str:
    """Return all that the terminal was sent."""
    assert isinstance(program.logfile_read, StringIO)
    return program.logfile_read.getvalue()


def end(program: pexpect.spawn[str]) -> int | None:
    """Decline another game, wait for the end and return the exit status."""
    program.expect_exact(AGAIN)
    program.sendline("n")
    return status(program)


def status(program: pexpect.spawn[str]) -> int | None:
    """Wait for the end and return the exit status, or the signal below zero."""
    program.expect(pexpect.EOF)
    program.close()
    return -program.signalstatus if program.signalstatus else program.exitstatus


# --- piped


def test_a_piped_game() -> None:
    """Piped numbers are played line by line, plainly, and the winner is told so."""
    server_side = FakeServer(secret=17)
    with ScriptedServer(server_side) as server:
        played = piped(server.port, "5\n 15 \n17\n")
        port = server.port

    assert played.returncode == 0
    assert played.stderr == ""
    assert played.stdout.splitlines() == [
        f"You play at 127.0.0.1:{port}. Guess the number, from 1 to 30; quit or Ctrl-D leaves the game.",
        "5 is far. 1 guess so far.",
        "15 is close. 2 guesses so far.",
        f"Correct! You have won: it is 17. 3 guesses; {PERFECTION}",
    ]
    assert server_side.received == ["Hello", "Game", "My Guess is: 5", "My Guess is: 15", "My Guess is: 17"]


NO_NUMBERS = ["0", "31", "+5", "-5", "0x10", "٣", "1e3", "5 5", "", " ", "five", "5.0", "9" * 20, "9" * 5000]


def test_what_is_no_number_in_range_is_never_sent() -> None:
    """Each is answered on the spot, and the server hears nothing of it (clauses P-3, C-3)."""
    server_side = FakeServer(secret=17)
    with ScriptedServer(server_side) as server:
        played = piped(server.port, "\n".join([*NO_NUMBERS, "17"]) + "\n")

    assert played.returncode == 0
    assert played.stdout.count("Pick a number between 1-30\n") == len(NO_NUMBERS)
    assert server_side.guesses() == [17]


def test_any_bytes_may_be_piped_in() -> None:
    """What is not even text is no number."""
    with ScriptedServer(FakeServer(secret=17)) as server:
        played = piped(server.port, b"\xff\xfe\x00\n\x1b[2J\n17\n")

    assert played.returncode == 0
    assert played.stdout.count("Pick a number between 1-30\n") == 2


@pytest.mark.parametrize("keys", ["5\n", "5\nquit\n17\n", "5\n QUIT \n", "5\n17"])
def test_leaving_is_polite(keys: str) -> None:
    """The end of the input and `quit` leave the game in order, with success."""
    ends: list[str] = []

    def play(peer: Peer) -> None:
        begin(peer)
        while peer.receive():
            peer.send("Far")
        ends.append("in order")

    with ScriptedServer(play) as server:
        played = piped(server.port, keys)

    assert (played.returncode, played.stderr) == (0, "")
    assert ends == ["in order"]


def test_a_server_that_ends_no_line() -> None:
    """It is understood after a moment, and its last word even when it closes right after it."""
    with ScriptedServer(FakeServer(secret=17, end="")) as server:
        played = piped(server.port, "5\n17\n")

    assert played.returncode == 0
    assert "5 is far. 1 guess so far.\nCorrect! You have won: it is 17. 2 guesses;" in played.stdout


def test_hint() -> None:
    """Whoever asks for hints is proposed the best next guess, and needs as many guesses as computed."""
    with ScriptedServer(FakeServer(secret=10)) as server:
        played = piped(server.port, "3\n8\n", "--hint")

    hints = [line for line in played.stdout.splitlines() if line.startswith("Hint: ")]
    assert hints[:2] == ["Hint: 3", "Hint: 8"]
    assert len(hints) == 3


def test_another_range_is_learnt() -> None:
    """What the server says of its range holds from then on, for what may be sent too (clause P-5)."""
    server_side = FakeServer(secret=7, rules=Rules(5, 9))
    with ScriptedServer(server_side) as server:
        played = piped(server.port, "30\n20\n7\n")

    assert played.stdout.count("Pick a number between 5-9\n") == 2
    assert server_side.guesses() == [30, 7]
    assert "1 guess; a perfect player needs" in played.stdout


def test_a_wider_range_is_found_in_the_end() -> None:
    """Where no number of the range was it, any other may be tried."""
    server_side = FakeServer(secret=35, rules=Rules(1, 40))
    numbers = "".join(f"{number}\n" for number in [*range(1, 31), 99, 35])
    with ScriptedServer(server_side) as server:
        played = piped(server.port, numbers)

    assert played.returncode == 0
    assert "No number from 1 to 30 is left; try any other.\nPick a number between 1-40\n" in played.stdout


def test_too_late() -> None:
    """In a shared round that somebody else has won, the count starts again (clause R-3)."""

    def play(peer: Peer) -> None:
        begin(peer)
        for reply in ("Far", "Too late", "Correct"):
            peer.receive()
            peer.send(reply)
        peer.wait_for_end()

    with ScriptedServer(play) as server:
        played = piped(server.port, "1\n2\n3\n")

    assert played.stdout.splitlines()[2].startswith("Too late: somebody else has found it.")
    assert "it is 3. 1 guess;" in played.stdout


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        (refuse, "the server refused: server full"),
        (close, "the server closed the connection"),
        (vanish, "the connection broke: Connection reset by peer"),
    ],
    ids=["refused", "closed", "reset"],
)
def test_a_server_that_refuses_or_goes(script: Callable[[Peer], None], complaint: str) -> None:
    """Whatever the server does, there is one clear line, and status 1 (clause C-4)."""
    with ScriptedServer(script) as server:
        played = piped(server.port, "5\n6\n7\n")

    assert played.returncode == 1
    assert played.stderr.splitlines() == [f"guessing-player: {complaint}"]


def test_nobody_listens() -> None:
    """Where no server is, one line says so."""
    with ScriptedServer(refuse) as gone:
        port = gone.port
    played = piped(port, "5\n")

    assert (played.returncode, played.stdout) == (1, "")
    assert played.stderr == f"guessing-player: cannot reach 127.0.0.1:{port}: Connection refused\n"


def test_a_server_cannot_steer_the_terminal() -> None:
    """Control characters of the server are shown, not obeyed."""

    def play(peer: Peer) -> None:
        begin(peer)
        peer.receive()
        peer.send("\x1b[2Jgotcha", "Far", "Refused: \x07\x1b]0;title\x07")
        peer.close()

    with ScriptedServer(play) as server:
        played = piped(server.port, "5\n6\n")

    assert "The server says: \\x1b[2Jgotcha\n" in played.stdout
    assert played.stderr == "guessing-player: the server refused: \\x07\\x1b]0;title\\x07\n"
    assert "\x1b" not in played.stdout


def test_other_words() -> None:
    """A server with words of its own can be played; what it says is shown."""
    server_side = FakeServer(
        secret=17, words={Verdict.FAR: "Brr", Verdict.CLOSE: "Warm", Verdict.CORRECT: "Correct"}
    )
    with ScriptedServer(server_side) as server:
        played = piped(server.port, "5\n16\n17\n", "--dialect", "short")

    assert played.returncode == 0
    assert "The server says: Brr\nThe server says: Warm\nCorrect!" in played.stdout
    assert "Game" not in server_side.received


@pytest.mark.parametrize(
    ("flags", "complaints"),
    [
        (["--port", "x", "--dialect", "latin"], ["--port", "--dialect"]),
        (["--players", "3"], ["--players"]),
        (["--ca", "/nonexistent"], ["GAME_TLS_CA"]),
    ],
)
def test_bad_settings(flags: list[str], complaints: list[str]) -> None:
    """Every fault gets its line, and the status is 2."""
    played = piped(1, "", *flags)

    assert played.returncode == 2
    assert [line.split(": ")[1] for line in played.stderr.splitlines()] == complaints


def test_help_and_bad_usage() -> None:
    """The help is success; a flag that does not exist is not."""
    assert piped(1, "", "--help").returncode == 0
    assert piped(1, "", "--cheat").returncode == 2


def test_a_silent_server_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not reply in time ends the game with one line, and status 1."""
    monkeypatch.setattr("services.player.game_connection.REPLY_TIMEOUT_S", 0.1)
    wishes = interactive.Wishes(
        Dialect.CLASSIC, None, shared_rounds=False, hints=False, drawn=False, coloured=False
    )
    with (
        ScriptedServer(lambda peer: peer.wait_for_end()) as server,
        pytest.raises(Fault, match=r"^no reply from the server within 0\.1 s$") as fault,
    ):
        interactive.play(Target("127.0.0.1", server.port), wishes)

    assert fault.value.status == 1


# --- on a terminal


def test_a_game_on_a_terminal() -> None:
    """The prompt counts, the strip shows far and close in colours, and the end is a victory."""
    with ScriptedServer(FakeServer(secret=17)) as server:
        program = terminal(server.port)
        for attempt, number in enumerate((5, 15, 17), start=1):
            program.expect_exact(f"Guess {attempt}: ")
            program.sendline(str(number))
        program.expect_exact("You have won: it is 17. 3 guesses")
        assert end(program) == 0

    screen = shown(program)
    assert "  1       5         10        15        20        25        30" in screen.replace("\x1b[2m", "")
    assert ". . . . \x1b[33mF\x1b[0m . . . . . . . . . \x1b[36;1mC\x1b[0m . \x1b[32;1m*\x1b[0m" in screen


@pytest.mark.parametrize(("flags", "variables"), [(["--plain"], {}), ([], {"NO_COLOR": "1"})])
def test_no_colours_where_none_are_wanted(flags: list[str], variables: dict[str, str]) -> None:
    """With --plain there is neither strip nor colour, with NO_COLOR no colour."""
    with ScriptedServer(FakeServer(secret=17)) as server:
        program = terminal(server.port, *flags, **variables)
        program.expect_exact("Guess 1: ")
        program.sendline("5")
        program.expect_exact("Guess 2: ")
        program.sendline("17")
        assert end(program) == 0

    screen = shown(program)
    # What line editing switches on and off, and where it puts the cursor, is no colour.
    assert set(re.findall(r"\x1b\[[0-9;]*m", screen)) <= {"\x1b[0m"}
    assert ESCAPE not in screen or not flags
    assert ("  1       5" in screen) is not bool(flags)


def test_a_dumb_terminal_gets_lines() -> None:
    """Where the cursor cannot be moved, nothing but text is sent."""
    with ScriptedServer(FakeServer(secret=17)) as server:
        program = terminal(server.port, TERM="dumb")
        program.expect_exact("Guess 1: ")
        program.sendline("17")
        assert end(program) == 0

    assert "\x1b" not in shown(program)


def test_a_name_is_asked_for_once() -> None:
    """A person at a terminal is asked, what is no name is explained, and all games are played under it."""
    server_side = FakeServer(secret=17)
    with ScriptedServer(server_side) as server:
        program = terminal(server.port, name=None)
        for answer in ("two words", "anna"):
            program.expect_exact(ASK_NAME)
            program.sendline(answer)
        program.expect_exact("A name is 1 to 20 letters, digits, - or _.")
        program.expect_exact(" as anna. Guess the number")
        program.expect_exact("Guess 1: ")
        program.sendline("17")
        program.expect_exact(AGAIN)
        program.sendline("")
        program.expect_exact(" as anna. Guess the number")
        program.expect_exact("Guess 1: ")
        program.sendline("5")
        program.expect_exact("Guess 2: ")
        program.sendline("17")
        program.expect_exact("2 games won, in 1, 2 guesses: 1.5 on average, 1 at best.")
        assert end(program) == 0

    assert server_side.received[:4] == ["Hello", "Name: anna", "Game", "My Guess is: 17"]
    assert server_side.received.count("Name: anna") == 2


@pytest.mark.parametrize(
    "variables", [{}, {"GAME_NAME": "anna"}, {"GAME_NAME": ""}], ids=["unset", "set", "empty"]
)
def test_piped_input_is_never_asked_for_a_name(variables: dict[str, str]) -> None:
    """The first line of a pipe is a guess; a name that is set is given."""
    server_side = FakeServer(secret=17)
    with ScriptedServer(server_side) as server:
        played = piped(server.port, "17\n", **variables)

    assert played.returncode == 0
    assert server_side.received == [
        *("Hello", *(["Name: anna"] if variables.get("GAME_NAME") else []), "Game", "My Guess is: 17"),
    ]


@pytest.mark.parametrize("answer", [None, "Refused: say Game first", "", "What?"])
def test_a_server_that_knows_no_names_is_played_without(
    answer: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused, hung up on, unanswered or not understood: the game begins all the same."""
    monkeypatch.setattr("services.player.game_connection.NAME_TIMEOUT_S", 0.1)
    server_side = FakeServer(secret=17, names=answer, dialect=Dialect.CLASSIC, confused="")
    wishes = interactive.Wishes(
        Dialect.CLASSIC, "anna", shared_rounds=False, hints=False, drawn=False, coloured=False
    )
    with ScriptedServer(server_side) as server:
        interactive.play(Target("127.0.0.1", server.port), wishes, Typed("17"))

    assert server_side.guesses() == [17]


def test_what_is_no_answer_is_asked_again() -> None:
    """After a win Enter plays on, `n` does not, and a number is neither."""
    with ScriptedServer(FakeServer(secret=17)) as server:
        program = terminal(server.port)
        program.expect_exact("Guess 1: ")
        program.sendline("17")
        program.expect_exact("1 game won, in 1 guess.")
        program.expect_exact(AGAIN)
        program.sendline("18")
        program.expect_exact("18")
        assert end(program) == 0


@pytest.mark.parametrize("flags", [[], ["--plain"]])
@pytest.mark.parametrize(
    "keys", ["5\r17\r18\r19\r20\r", "\x1b[200~5\n17\n18\n19\n20\x1b[201~"], ids=["typed", "pasted"]
)
def test_numbers_typed_ahead(keys: str, flags: list[str]) -> None:
    """Each is a guess of its own while the game lasts, and none is an answer to what is asked after it."""
    if flags and keys.startswith("\x1b"):
        keys = "5\n17\n18\n19\n20"  # nobody has asked this terminal to mark what is pasted
    server_side = FakeServer(secret=17)
    with ScriptedServer(server_side) as server:
        program = terminal(server.port, *flags)
        program.expect_exact("Guess 1: ")
        program.send(keys)
        program.expect_exact("1 game won, in 2 guesses.")
        assert end(program) == 0

    assert server_side.guesses() == [5, 17]


def test_colours_in_what_is_pasted_are_passed_over() -> None:
    """Text copied with its codes into a terminal that does not mark a paste is no traceback."""
    with ScriptedServer(FakeServer(secret=17)) as server:
        program = terminal(server.port)
        program.expect_exact("Guess 1: ")
        program.send("\x1b[32m17\x1b[0m\r")
        assert end(program) == 0


def test_an_unfinished_paste_can_be_gone_on_with() -> None:
    """What is pasted without an end of its line waits for Enter."""
    server_side = FakeServer(secret=17)
    with ScriptedServer(server_side) as server:
        program = terminal(server.port)
        program.expect_exact("Guess 1: ")
        program.send("\x1b[200~5\n1\x1b[201~")
        program.expect_exact("Guess 2: ")
        program.send("7\r")
        assert end(program) == 0

    assert server_side.guesses() == [5, 17]


@pytest.mark.parametrize("flags", ["", "--plain"])
def test_numbers_typed_ahead_never_reach_the_shell(flags: str) -> None:
    """When the game ends, what nobody has read of the keyboard is gone."""
    is_waiting, gate = threading.Semaphore(0), threading.Semaphore(0)

    def play(peer: Peer) -> None:
        begin(peer)
        peer.receive()
        is_waiting.release()
        gate.acquire()
        peer.close()

    with ScriptedServer(play) as server:
        player = " ".join([sys.executable, *arguments(server.port, "--name", "''", flags)])
        program = pexpect.spawn(
            "sh",
            ["-c", f"{player}; echo status $?; read line; echo shell read $line"],
            encoding="utf-8",
            timeout=TIMEOUT_S,
            env=environ(),
        )
        program.expect_exact("Guess 1: ")
        program.send("5\r")
        assert is_waiting.acquire(timeout=TIMEOUT_S)
        program.send("17\r18\r")
        program.expect_exact("18")
        gate.release()
        program.expect_exact("status 1")
        program.sendline("ls")
        program.expect_exact("shell read ls")
        program.expect(pexpect.EOF)
        program.close()


@pytest.mark.parametrize("flags", ["", "--plain"])
def test_ctrl_z(flags: str) -> None:
    """Suspended and resumed, the game goes on where it was."""
    with ScriptedServer(FakeServer(secret=17)) as server:
        player = " ".join([sys.executable, *arguments(server.port, "--name", "''", flags)])
        shell = pexpect.spawn(
            "bash", ["--norc", "-i"], encoding="utf-8", timeout=TIMEOUT_S, env=environ(PS1="shell> ")
        )
        shell.expect_exact("shell> ")
        shell.sendline(player)
        shell.expect_exact("Guess 1: ")
        shell.send("\x1a")
        shell.expect_exact("Stopped")
        shell.expect_exact("shell> ")
        shell.sendline("fg")
        shell.expect_exact("services.player")
        if not flags:
            shell.expect_exact("Guess 1: ")
        shell.send("17\r")
        shell.expect_exact("You have won")
        shell.expect_exact(AGAIN)
        shell.send("n\r")
        shell.expect_exact("shell> ")
        shell.sendline("exit $?")
        assert status(shell) == 0


def test_a_shared_round() -> None:
    """Who won it is told, and the next greeting says that all look for one number (clauses R-3, N-4)."""
    first = ("Far", "Too late 4 anna", "Correct")

    def play(peer: Peer) -> None:
        begin(peer)
        for reply in first:
            peer.receive()
            peer.send(reply)
        peer.wait_for_end()

    with ScriptedServer(play) as server:
        program = terminal(server.port)
        for prompt, number in (("Guess 1: ", 1), ("Guess 2: ", 2), ("Guess 1: ", 3)):
            program.expect_exact(prompt)
            program.sendline(str(number))
        program.expect_exact("You have won: it is 3. 1 guess")
        program.expect_exact(AGAIN)
        program.sendline("y")
        program.expect_exact("Guess the number that all players here look for, from 1 to 30")
        program.expect_exact("Guess 1: ")
        program.sendeof()
        assert status(program) == 0

    assert "Too late: anna has found it: it was 4." in shown(program)


def test_a_shared_round_that_is_known() -> None:
    """Where the topology's settings say that rounds are shared, the first greeting says so."""
    with ScriptedServer(FakeServer(secret=17)) as server:
        done = piped(server.port, "", GAME_ROUND="shared")
    assert "Guess the number that all players here look for, from 1 to 30" in done.stdout


def flood(peer: Peer) -> None:
    """Begin a game, then talk without end."""
    begin(peer)
    with contextlib.suppress(OSError):
        while True:
            peer.send(*["You have all the time that there is."] * 1000)


def test_a_server_that_talks_while_a_person_thinks() -> None:
    """A server that never stops is left after a page of text: nothing is kept without a bound (G-10)."""
    with ScriptedServer(flood) as server:
        program = terminal(server.port)
        program.expect_exact("guessing-player: the server said more than 16 KiB without being asked")
        assert status(program) == 1


def test_a_server_that_never_ends_its_reply() -> None:
    """The same holds for what comes in reply to a guess."""

    def play(peer: Peer) -> None:
        begin(peer)
        peer.receive()
        with contextlib.suppress(OSError):
            while True:
                peer.send(*["Let me think."] * 1000)

    with ScriptedServer(play) as server:
        played = piped(server.port, "5\n6\n")

    assert played.returncode == 1
    assert "the server said more than 16 KiB without being asked" in played.stderr


def test_a_line_without_end_is_no_number() -> None:
    """However long a line is that is piped in, little of it is kept."""
    with ScriptedServer(FakeServer(secret=17)) as server:
        played = piped(server.port, b"1" * 3_000_000 + b"\n17\n")

    assert played.returncode == 0
    assert played.stdout.count("Pick a number between 1-30\n") == 1


def test_input_from_a_file(tmp_path: Path) -> None:
    """A file is played as a pipe is, and no input at all is left in order."""
    numbers = tmp_path / "numbers"
    numbers.write_text("5\n17")
    for redirection, expected in ((f"<{numbers}", 0), ("</dev/null", 0), ("<&-", 0)):
        with ScriptedServer(FakeServer(secret=17)) as server:
            player = " ".join([sys.executable, *arguments(server.port), redirection])
            done = subprocess.run(["sh", "-c", player], env=environ(), capture_output=True, check=False)

        assert (done.returncode, done.stderr) == (expected, b"")
        assert (b"You have won" in done.stdout) is (str(numbers) in redirection)


def test_history() -> None:
    """The arrow key brings the last line back."""
    server_side = FakeServer(secret=17)
    with ScriptedServer(server_side) as server:
        program = terminal(server.port)
        program.expect_exact("Guess 1: ")
        program.sendline("5")
        program.expect_exact("Guess 2: ")
        program.send("\x1b[A")
        program.expect_exact("5")
        program.sendline("")
        program.expect_exact("Guess 3: ")
        program.sendeof()
        assert status(program) == 0

    assert server_side.guesses() == [5, 5]


@pytest.mark.parametrize(
    ("leave", "expected"),
    [
        (lambda program: program.sendeof(), 0),
        (lambda program: program.sendline("quit"), 0),
        (lambda program: program.kill(signal.SIGTERM), 0),
        (lambda program: program.kill(signal.SIGHUP), 0),
        (lambda program: program.kill(signal.SIGQUIT), -signal.SIGQUIT),
        (lambda program: program.sendintr(), 130),
    ],
    ids=["Ctrl-D", "quit", "SIGTERM", "SIGHUP", "SIGQUIT", "Ctrl-C"],
)
def test_leaving_on_a_terminal(leave: Callable[[pexpect.spawn[str]], None], expected: int) -> None:
    """Each way to leave is polite to the server, has its status, and gives the terminal back as it was."""
    ends: list[str] = []

    def play(peer: Peer) -> None:
        begin(peer)
        assert peer.receive() == ""
        ends.append("in order")

    with ScriptedServer(play) as server:
        program = terminal(server.port)
        program.expect_exact("Guess 1: ")
        leave(program)
        assert status(program) == expected

    assert ends == ["in order"]
    assert "Traceback" not in shown(program)
    assert shown(program).rfind(PASTES_APART) < shown(program).rfind(PASTES_TYPED)


@pytest.mark.parametrize(
    ("last_words", "complaint"),
    [
        (None, "the server closed the connection"),
        ("Refused: idle for 300 s", "the server refused: idle for 300 s"),
    ],
    ids=["closed", "refused"],
)
@pytest.mark.parametrize("typed", ["", "12"], ids=["idle", "typing"])
def test_the_server_goes_while_a_person_thinks(last_words: str | None, complaint: str, typed: str) -> None:
    """The prompt gives up at once, the terminal is as it was, and one line says why (clause C-4)."""
    gate = threading.Semaphore(0)

    def play(peer: Peer) -> None:
        begin(peer)
        gate.acquire()
        if last_words:
            peer.send(last_words)
        peer.close()

    with ScriptedServer(play) as server:
        program = terminal(server.port)
        before = termios.tcgetattr(program.child_fd)[3]
        program.expect_exact("Guess 1: ")
        program.send(typed)
        program.expect_exact(typed)
        gate.release()
        program.expect_exact(f"guessing-player: {complaint}")
        after = termios.tcgetattr(program.child_fd)[3]
        assert status(program) == 1

    assert after == before
    assert "Traceback" not in shown(program)
