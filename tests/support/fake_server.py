"""Servers of the family, as scripts for a ScriptedServer: conforming, with their own wording, or broken."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.protocol.messages import Verdict
from services.protocol.rules import CLASSIC

if TYPE_CHECKING:
    from services.player.bot import Dialect
    from services.protocol.rules import Rules
    from tests.support.scripted_server import Peer


@dataclass
class FakeServer:
    """One game after another, on a server with its own wording."""

    secret: int = 17
    rules: Rules = CLASSIC
    greetings: str = "Greetings"
    ready: str = "Ready"
    words: dict[Verdict, str] = field(default_factory=lambda: {verdict: verdict.value for verdict in Verdict})
    before: str = ""
    """Sent before each verdict, as a line of its own."""
    after: str = ""
    """Sent after each verdict, as a line of its own."""
    end: str = "\r\n"
    piecewise: bool = False
    """Whether each octet is sent by itself."""
    closes: bool = True
    """Whether the server closes after Correct."""
    names: str | None = "Welcome {}"
    """The answer to a name; None: as to Game."""
    dialect: Dialect | None = None
    """The only one that is understood; None: both of the older ones."""
    confused: str | None = "What?"
    """The answer to anything else; empty: the connection is closed; None: there is none."""
    received: list[str] = field(default_factory=list)
    """Every line that any client has sent."""

    def __call__(self, peer: Peer) -> None:
        """Play one game."""
        begun = self.dialect is None or not self.dialect.has_game
        while line := self._receive(peer):
            match line.lower().split()[0]:
                case "hello":
                    self._send(peer, self.greetings)
                case "game" if self.dialect is None or self.dialect.has_game:
                    self._send(peer, self.ready)
                    begun = True
                case "name:" if self.names is not None:
                    self._send(peer, self.names.format(line.partition(" ")[2]))
                    if self.names.startswith("Refused"):
                        break
                case _ if begun and (self.dialect is None or self._understands(self.dialect, line)):
                    if self._judge(peer, line):
                        break
                case _ if self.confused:
                    self._send(peer, self.confused)
                case _ if self.confused is None:
                    pass
                case _:
                    break
        if self.closes:
            peer.close()
        else:
            peer.wait_for_end()

    def guesses(self) -> list[int]:
        """Return the numbers that were guessed, by all clients."""
        return [
            int(line.rpartition(" ")[2])
            for line in self.received
            if line.lower() not in {"hello", "game"} and not line.startswith("Name: ")
        ]

    def _understands(self, dialect: Dialect, line: str) -> bool:
        number = line.rpartition(" ")[2]
        return number.isdecimal() and line == dialect.spell(int(number))

    def _judge(self, peer: Peer, line: str) -> bool:
        found = re.fullmatch(r"(?:(?:My Guess is|Guess): )?([0-9]+)", line)
        assert found, f"no guess: {line!r}"
        number = int(found[1])
        if number not in self.rules:
            self._send(peer, f"Pick a number between {self.rules.low}-{self.rules.high}")
            return False
        verdict = self.rules.judge(self.secret, number)
        self._send(peer, *filter(None, (self.before, self.words[verdict], self.after)))
        return verdict is Verdict.CORRECT

    def _receive(self, peer: Peer) -> str:
        line = peer.receive()
        if line:
            self.received.append(line)
        return line

    def _send(self, peer: Peer, *lines: str) -> None:
        text = "".join(line + self.end for line in lines)
        for piece in text if self.piecewise else [text]:
            peer.send(piece, end="")


def refuse(peer: Peer) -> None:
    """Refuse everybody."""
    peer.receive()
    peer.send("Refused: server full")
    peer.close()


def close(peer: Peer) -> None:
    """Close at the first line, without a reply."""
    peer.receive()
    peer.close()


def vanish(peer: Peer) -> None:
    """Break off in the middle of a game."""
    begin(peer)
    peer.receive()
    peer.reset()


def begin(peer: Peer) -> None:
    """Bring a classic player into a game."""
    assert peer.receive() == "Hello"
    peer.send("Greetings")
    assert peer.receive() == "Game"
    peer.send("Ready")


def who_or_watch(peer: Peer) -> None:
    """Play the administrator port of a server with one player, for who and watch alike."""
    peer.receive()
    peer.send("Admin-Greetings")
    if peer.receive() == "Who":
        peer.send("10.0.0.1 5")
        peer.close()
        return
    peer.send("10.0.0.1 5", "End", "Guessed 10.0.0.1 5 7 Close")
    peer.wait_for_end()
