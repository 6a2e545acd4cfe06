"""The scripted server that judges clients: a session is one start of the client and one connection."""

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn, TypeVar, cast

from services.conformance.clock import Clock, WallDeadline
from services.conformance.connection import (
    Connection,
    MismatchError,
    NoConnectionError,
    NotJudgedError,
    Timing,
    in_words,
    shown,
)
from services.conformance.program import Program
from services.conformance.results import Finding
from services.conformance.timeline import PROGRAM, Recorder, Timeline, joined
from services.protocol.codec import parse_request
from services.protocol.messages import Game, Guess, Request
from services.runtime.listening import open_listeners

BACKLOG: Final = 16
START_S: Final = 10.0
"""A command has to connect within this time."""
PERSON_S: Final = 60.0
"""A person who starts the client by hand has this long."""
HOLD_S: Final = 0.1
"""A reply is held back so long, to see whether the client waits for it."""
HELD_REPLIES: Final = 4
CHECK_S: Final = 15.0
"""A check that has waited so long in all gets no more answers: each has a limit of its own."""
GAP_S: Final = 0.4
"""A message that goes on after so much silence was not ended."""
CRASHES: Final = (
    b"Traceback (most recent call last)",
    b"Exception in thread",  # Java
    b"Unhandled exception",  # .NET
    b"terminate called",  # C++
    b"goroutine 1 [",  # Go
    b"panicked at",  # Rust
    b"Node.js v",
    b"Segmentation fault",
)
AFTER_END: Final = (
    "recv() returns nothing when the server has closed: end then, before you ask your user again"
)
AFTER_REFUSAL: Final = (
    "look at each reply: at Refused show the reason and close, before you ask your user again"
)
AFTER_CORRECT: Final = (
    "this reply was Correct, and the game is won: take the first word alone, whatever the case, whatever "
    "stands behind it (a blank, a comma) and however the line ends and was cut; leave the loop then, and "
    "close"
)
HINT_HELLO: Final = "after connecting, send 'Hello\\r\\n' before you read anything: the server waits for you"
HINT_LINE_END: Final = "add \\r\\n to each text that you send: the server waits for the end of the line"
LEFT_OPEN: Final = "close the socket, and end; do not wait for the server or for the user's next line"

Gathered = TypeVar("Gathered")


@dataclass(slots=True)
class Session:
    """One start of the client, and its connection."""

    connection: Connection
    program: Program | None
    messages: list[bytes] = field(default_factory=list)
    """What the client said, message by message, as it came."""
    early: list[tuple[int, bytes]] = field(default_factory=list)
    """Where the client did not wait: the number of the message that was not answered yet, and what came
    meanwhile."""
    ended_at: str = ""
    """The reply after which the client closed; empty while it has not."""
    crashed: str = ""
    """How the program crashed after the end, if it did."""
    after_end: bytes = b""
    """What the client said after the game was over."""
    _replies: int = 0
    _times: list[float] = field(default_factory=list)
    """When each message had come."""

    def read_message(self) -> str | None:
        """Return the client's next message; None if it has closed or says nothing."""
        self.connection.gap_s = GAP_S
        try:
            octets = self.connection.read_line_octets("a message")
        except MismatchError:
            return None
        self.messages.append(octets)
        self._times.append(self.connection.now())
        return octets.rstrip(b"\r\n").decode("ascii", "backslashreplace")

    def reply(self, *texts: str, end: str = "\r\n") -> None:
        """Answer in one write, after a while in which nothing should come."""
        self._replies += 1
        if self._replies <= HELD_REPLIES:
            self.connection.receive(WallDeadline(HOLD_S))
            if self.connection.pending() and self.messages:
                self.early.append((len(self.messages) - 1, self.connection.pending()))
        self.connection.send("".join(text + end for text in texts).encode())

    def reply_in_pieces(self, text: str, cut: int) -> None:
        """Answer in two segments."""
        line = text.encode() + b"\r\n"
        self.connection.send(line[:cut])
        time.sleep(HOLD_S)
        self.connection.send(line[cut:])

    def gone(self, within_s: float) -> bool:
        """Tell whether the client closes its connection within a time."""
        self.after_end += self.connection.read_rest(within_s)
        return bool(self.connection.ended)

    def requests(self) -> list[Request]:
        """Return what the client said, read."""
        return [parse_request(message.rstrip(b"\r\n")) for message in self.messages]

    def guesses(self) -> list[tuple[int, Request]]:
        """Return what the client said once it could guess: the number of the message, and what it means."""
        said = list(enumerate(self.requests()))
        begun = [number for number, request in said if isinstance(request, Game | Guess)]
        return [pair for pair in said[begun[0] :] if not isinstance(pair[1], Game)] if begun else []

    def said(self, number: int) -> str:
        """Spell a message for a report."""
        return f"'{shown(self.messages[number])}'"

    def expect_lines_ended(self) -> None:
        """Take each message of the client to end with CRLF or LF."""
        for number, message in enumerate(self.messages):
            if not message.endswith(b"\n"):
                came = f"{self.said(number)}, and no line end"
                self.fail("each message to end with \\r\\n", came, message=number)

    def expect_turns(self) -> None:
        """Take the client to have waited for each reply before it said the next thing."""
        if self.early:
            number, came = self.early[0]
            expected = f"nothing more, until {self.said(number)} is answered"
            self.fail(expected, f"'{shown(came)}'", message=number)

    def expect_gone(self, after: str, went_on: str) -> None:
        """Take the client to close its connection, and not to crash; `went_on` is the hint if it goes on."""
        if not self.gone(self.connection.timing.timeout_s):
            expected = f"the connection to be closed by the client, after {after}"
            if self.after_end:
                self.fail(expected, f"it went on, and sent '{shown(self.after_end)}'", went_on)
            self.fail(expected, "it was left open, and nothing was sent", LEFT_OPEN)
        self.expect_no_crash()

    def expect_no_crash(self) -> None:
        """Take the program, if the kit has started it, to end in an orderly way, or to go on."""
        crash = self.crash()
        if crash:
            self.fail("the program to end in an orderly way, with one clear line for its user", crash)

    def crash(self) -> str:
        """Tell how the program crashed; nothing if it has not, or is still running after a moment."""
        if self.program is None:
            return ""
        deadline = self.connection.clock.deadline(self.connection.timing.timeout_s / 2)
        while self.program.running and not deadline.over:
            self.program.wait(HOLD_S)
        how = self.program.ended()
        if how.startswith("killed"):
            return f"it was {how}"
        output = self.program.output()
        return next((f"it printed '{crash.decode()}'" for crash in CRASHES if crash in output), "")

    def fail(self, expected: str, came: str, note: str = "", message: int | None = None) -> NoReturn:
        """Say what was wrong, with the message of that number, or now.

        Raises:
            MismatchError: always.
        """
        self.connection.fail(expected, came, note, None if message is None else self._times[message])


@dataclass(slots=True)
class JudgedClient:
    """A client that is started for each session, by the kit or by a person."""

    listener: socket.socket
    timing: Timing
    program: Program | None
    call: Callable[[str], None]
    """Asks a person to start the client; says which session it is for."""
    port: str = "player"
    """Which port of the protocol the scripted server plays: `player` or `admin`."""
    clock: Clock = field(default_factory=Clock)
    tls: ssl.SSLContext | None = None
    typed_first: Sequence[str] = ()
    """What the client's user types before anything else: an address, a language."""
    dialects: list[str] = field(default_factory=list)
    _recorders: list[Recorder] = field(default_factory=list)
    """What the sessions of the check that is running have taken down."""
    _memory: dict[object, tuple[object, list[Recorder]]] = field(default_factory=dict)
    _session: Session | None = None

    def begin_check(self) -> None:
        """Begin a timeline."""
        self._recorders = []
        self.clock.begin(CHECK_S)

    def timeline(self) -> Timeline:
        """Return what happened in all sessions that the check has looked at."""
        return joined(recorder.timeline() for recorder in self._recorders)

    def start(self, name: str, typed: Sequence[str] = ()) -> Session:
        """Start the client, with what its user types, and return the session that it opens."""
        self.finish()
        self._drain()
        recorder = Recorder()
        self._recorders.append(recorder)
        if self.program is not None:
            self.program.recorder = recorder
            self.program.start("".join(f"{line}\n" for line in (*self.typed_first, *typed)).encode())
        else:
            self.call(name)
        connection = Connection(self._accept(recorder), self.timing, self.clock, recorder, self.port)
        self._session = Session(connection, self.program)
        return self._session

    def _accept(self, recorder: Recorder) -> socket.socket:
        deadline = self.clock.deadline(START_S) if self.program else WallDeadline(PERSON_S)
        port = self.listener.getsockname()[1]
        came = "no connection"
        while not deadline.over:
            self.listener.settimeout(deadline.remaining_s())
            # It is asked first: a client that has ended may have connected just before.
            how = self.program.ended() if self.program else ""
            try:
                sock, _ = self.listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self.tls is None:
                    return sock
                sock.settimeout(self.timing.connect_s)
                return self.tls.wrap_socket(sock, server_side=True)
            except TimeoutError:
                if how:
                    came = f"no connection; the program ended: {how}"
                    break
            except OSError as error:
                came = f"no connection that is encrypted: {in_words(error)}"
                break
        recorder.mark(PROGRAM, f"expected the client to connect to port {port}; came {came}")
        printed = self.program.new_output() if self.program else ()
        raise NoConnectionError(Finding(f"the client to connect to port {port}", came, printed=printed))

    def comes_back(self, program: Program) -> bool:
        """Tell whether a client whose connection broke off ends, or connects again."""
        deadline = self.clock.deadline(2 * self.timing.timeout_s)
        while program.running and not deadline.over:
            self.listener.settimeout(deadline.remaining_s())
            with contextlib.suppress(TimeoutError):
                self.listener.accept()[0].close()
                return True
        return not program.running

    def said_when_back(self) -> bytes:
        """Return what a client says that connects once more by itself; nothing if it does not."""
        deadline = self.clock.deadline(self.timing.timeout_s)
        while not deadline.over:
            # It is asked first: a client that has ended may have connected just before.
            ended = self.program is not None and not self.program.running
            self.listener.settimeout(deadline.remaining_s())
            with contextlib.suppress(TimeoutError):
                sock, _ = self.listener.accept()
                again = Connection(sock, self.timing, self.clock, self._recorders[-1], self.port)
                said = again.read_rest(self.timing.quiet_s)
                again.close()
                return said
            if ended:
                break
        return b""

    def _drain(self) -> None:
        # A client that comes again and again must not meet a session that is over.
        self.listener.settimeout(0)
        try:
            while True:
                self.listener.accept()[0].close()
        except OSError:
            return

    def finish(self) -> None:
        """End the session, and the program with it."""
        if self._session is not None:
            self._session.connection.close()
            self._session = None
        if self.program is not None:
            self.program.stop()

    def once(self, gather: "Callable[[JudgedClient], Gathered]") -> "Gathered":
        """Play a session once that several checks look at; where it failed, it is not played again."""
        if gather in self._memory:
            gathered, recorders = self._memory[gather]
            for recorder in recorders:
                recorder.unmark()
            self._recorders += recorders
        else:
            self._memory[gather] = None, []
            before = len(self._recorders)
            gathered = gather(self)
            self._memory[gather] = gathered, self._recorders[before:]
        if gathered is None:
            raise NotJudgedError("the session failed: see the check before")
        return cast("Gathered", gathered)

    def ends(self, gather: "Callable[[JudgedClient], Session]") -> bool:
        """Tell whether the client ends well by itself after a plain session; another check blames it if not.

        To be asked before the check starts a session of its own; in its timeline nothing of this is shown.
        """
        shown_before, self._recorders = self._recorders, []
        try:
            session = self.once(gather)
            return bool(session.ended_at and not session.crashed)
        except (MismatchError, NotJudgedError):
            return False
        finally:
            self._recorders = shown_before

    def name_dialect(self, name: str) -> None:
        """Note a dialect for the report, once."""
        if name not in self.dialects:
            self.dialects.append(name)


def listen(port: int) -> socket.socket:
    """Listen for clients on all addresses.

    One in another container has to get here, and one that takes `localhost` for nothing but `::1`.

    Raises:
        OSError: the port is taken.
    """
    return open_listeners("", port, backlog=BACKLOG)[0]
