"""The scripted server that judges clients: a scene is one start of the client and one conversation."""

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn, TypeVar, cast

from services.conformance.program import Program
from services.conformance.results import Finding
from services.conformance.wire import MismatchError, Pace, Wire
from services.protocol.codec import parse_request
from services.protocol.messages import Game, Guess, Request

HOST: Final = "0.0.0.0"
"""A client in another container has to reach the stage."""
START_S: Final = 10.0
"""A command has to connect within this time."""
PERSON_S: Final = 60.0
"""A person who starts the client by hand has this long."""
HOLD_S: Final = 0.1
"""A reply is held back so long, to see whether the client waits for it."""
HELD_REPLIES: Final = 4
GAP_S: Final = 0.4
"""A message that goes on after so much silence was not ended."""
CRASHES: Final = (
    b"Traceback (most recent call last)",
    b"Unhandled exception",
    b"panicked at",
    b"Segmentation fault",
)

Gathered = TypeVar("Gathered")


class NoConnectionError(MismatchError):
    """The client did not come."""


class NotReachedError(Exception):
    """The conversation did not get far enough to tell."""


@dataclass(slots=True)
class Scene:
    """One conversation with the client."""

    wire: Wire
    program: Program | None
    messages: list[bytes] = field(default_factory=list)
    """What the client said, message by message, as it came."""
    early: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Where the client did not wait: the message that was not answered yet, and what came meanwhile."""
    ended_at: str = ""
    """The reply after which the client closed; empty while it has not."""
    after_end: bytes = b""
    """What the client said after the game was over."""
    _replies: int = 0

    def hear(self) -> str | None:
        """Return the client's next message; None if it has closed or says nothing."""
        self.wire.gap_s = GAP_S
        try:
            octets = self.wire.line_octets("a message")
        except MismatchError:
            return None
        self.messages.append(octets)
        return octets.rstrip(b"\r\n").decode("ascii", "backslashreplace")

    def reply(self, *texts: str, end: str = "\r\n") -> None:
        """Answer in one write, after a while in which nothing should come."""
        self._replies += 1
        if self._replies <= HELD_REPLIES:
            self.wire.receive(time.monotonic() + HOLD_S)
            if self.wire.pending() and self.messages:
                self.early.append((self.messages[-1], self.wire.pending()))
        self.wire.send("".join(text + end for text in texts).encode())

    def reply_in_pieces(self, text: str, cut: int) -> None:
        """Answer in two segments."""
        line = text.encode() + b"\r\n"
        self.wire.send(line[:cut])
        time.sleep(HOLD_S)
        self.wire.send(line[cut:])

    def gone(self, within_s: float) -> bool:
        """Tell whether the client closes its connection within a time."""
        self.after_end += self.wire.rest(within_s)
        return bool(self.wire.ended)

    def requests(self) -> list[Request]:
        """Return what the client said, read."""
        return [parse_request(message.rstrip(b"\r\n")) for message in self.messages]

    def guesses(self) -> list[Request]:
        """Return what the client said once it could guess."""
        requests = self.requests()
        begun = [index for index, request in enumerate(requests) if isinstance(request, Game | Guess)]
        return [request for request in requests[begun[0] :] if not isinstance(request, Game)] if begun else []

    def expect_gone(self, after: str) -> None:
        """Take the client to close its connection, and not to crash over it."""
        if not self.gone(self.wire.pace.patience_s):
            self.fail(f"the connection to be closed by the client, after {after}", "it was left open")
        self.expect_no_crash()

    def expect_no_crash(self) -> None:
        """Take the program, if the kit has started it, to end in an orderly way, or to go on."""
        if self.program is None:
            return
        code = self.program.wait(self.wire.pace.patience_s / 2)
        if code is not None and code < 0:
            self.fail("the program to end by itself", f"it was ended by signal {-code}")
        output = self.program.output()
        for crash in CRASHES:
            if crash in output:
                self.fail("one clear line for the user", f"the program printed '{crash.decode()}'")

    def fail(self, expected: str, came: str, note: str = "") -> NoReturn:
        """Say what was wrong, and show what the program printed.

        Raises:
            MismatchError: always.
        """
        printed = self.program.news() if self.program else ()
        raise MismatchError(Finding(expected, came, self.wire.conversation(), note, printed))


@dataclass(slots=True)
class JudgedClient:
    """A client that is started for each scene, by the kit or by a person."""

    listener: socket.socket
    pace: Pace
    program: Program | None
    call: Callable[[str], None]
    """Asks a person to start the client; says which scene it is for."""
    dialects: list[str] = field(default_factory=list)
    _memory: dict[object, object] = field(default_factory=dict)
    _scene: Scene | None = None

    def start(self, name: str, typed: Sequence[str] = ()) -> Scene:
        """Start the client, with what its user types, and return the conversation that it opens."""
        self.finish()
        self._drain()
        if self.program is not None:
            self.program.start("".join(f"{line}\n" for line in typed).encode())
        else:
            self.call(name)
        self.listener.settimeout(START_S if self.program else PERSON_S)
        try:
            sock, _ = self.listener.accept()
        except TimeoutError as error:
            printed = self.program.news() if self.program else ()
            port = self.listener.getsockname()[1]
            raise NoConnectionError(
                Finding(f"the client to connect to port {port}", "no connection", printed=printed)
            ) from error
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._scene = Scene(Wire(sock, self.pace), self.program)
        return self._scene

    def _drain(self) -> None:
        # A client that comes again and again must not meet a scene that is over.
        self.listener.settimeout(0)
        try:
            while True:
                self.listener.accept()[0].close()
        except OSError:
            return

    def finish(self) -> None:
        """End the scene, and the program with it."""
        if self._scene is not None:
            self._scene.wire.close()
            self._scene = None
        if self.program is not None:
            self.program.end()

    def once(self, gather: "Callable[[JudgedClient], Gathered]") -> "Gathered":
        """Play a scene once that several checks look at; where it failed, it is not reached again."""
        if gather not in self._memory:
            self._memory[gather] = None
            self._memory[gather] = gather(self)
        if self._memory[gather] is None:
            raise NotReachedError("the conversation failed: see the check before")
        return cast("Gathered", self._memory[gather])

    def name_dialect(self, name: str) -> None:
        """Note a dialect for the report, once."""
        if name not in self.dialects:
            self.dialects.append(name)


def listen(port: int) -> socket.socket:
    """Listen for clients.

    Raises:
        OSError: the port is taken.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.close()
        raise
    listener.listen(16)
    return listener
