"""A correct administrator's client, and mutants that each break one clause."""

from __future__ import annotations

import re
import socket
import sys
import time
from typing import ClassVar


class ReferenceAdmin:
    """Asks once who is playing."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.buffer = b""

    def run(self) -> None:
        """Ask, and show the answer."""
        self.greet()
        if self.read_message() == "Admin-Greetings":
            self.ask()
            self.show()
        self.sock.close()

    def greet(self) -> None:
        """Say Hello."""
        self.send_lines("Admin-Hello")

    def ask(self) -> None:
        """Ask for the list."""
        self.send_lines("Who")

    def show(self) -> None:
        """Show the list up to its end."""
        while (line := self.read_message()) is not None:
            sys.stdout.write(f"{self.shown(line)}\n")
            sys.stdout.flush()

    def shown(self, line: str) -> str:
        """Spell a line for the user."""
        return line

    def send_lines(self, text: str) -> None:
        """Send a line."""
        self.sock.sendall(f"{text}\r\n".encode())

    def read_message(self) -> str | None:
        """Return the next line; None at the end of the stream."""
        while b"\n" not in self.buffer:
            data = self.sock.recv(4096)
            if not data:
                return None
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.decode().strip()


class Mutant(ReferenceAdmin):
    """An administrator that breaks something."""

    breaks: ClassVar[str] = ""


class SaysHi(Mutant):
    """Greets in its own words."""

    breaks = "hello-first"

    def greet(self) -> None:
        self.send_lines("Hi")


class SaysList(Mutant):
    """Asks in its own words."""

    breaks = "who-second"

    def ask(self) -> None:
        self.send_lines("List")


class NoLineEnd(Mutant):
    """Does not end its lines."""

    breaks = "lines-ended"

    def send_lines(self, text: str) -> None:
        self.sock.sendall(text.encode())


class DoesNotWait(Mutant):
    """Says Who before it is greeted."""

    breaks = "waits"

    def greet(self) -> None:
        self.send_lines("Hello")
        self.send_lines("Who")

    def ask(self) -> None:
        pass


class NeverEnds(Mutant):
    """Does not notice the end of the list."""

    breaks = "ends-with-the-list"

    def show(self) -> None:
        super().show()
        time.sleep(60)


class ShowsFirst(Mutant):
    """Shows the first player only."""

    breaks = "shows-the-list list-in-pieces shows-ipv6"

    def show(self) -> None:
        sys.stdout.write(f"{self.read_message()}\n")


class ShowsThree(Mutant):
    """Shows three players at most."""

    breaks = "shows-the-list list-in-pieces"

    def show(self) -> None:
        for _ in range(3):
            sys.stdout.write(f"{self.read_message()}\n")


class HidesPorts(Mutant):
    """Shows addresses without ports."""

    breaks = "shows-the-list list-in-pieces shows-ipv6"

    def shown(self, line: str) -> str:
        return line.partition(" ")[0]


class CrashesOnEmpty(Mutant):
    """Falls over an empty list."""

    breaks = "empty-list"

    def shown(self, line: str) -> str:
        host, port = line.split()
        return f"{host} {port}"


class PieceIsReply(Mutant):
    """Takes the first piece for the whole reply."""

    breaks = "list-in-pieces"

    def read_message(self) -> str | None:
        return self.sock.recv(4096).decode().strip() or None


class IgnoresRefusal(Mutant):
    """Waits on after a refusal."""

    breaks = "refusal"

    def read_message(self) -> str | None:
        line = super().read_message()
        if line is not None and line.startswith("Refused"):
            time.sleep(60)
        return line


class SpinsAtTheEnd(Mutant):
    """Does not notice that the server has gone."""

    greeted = False

    breaks = "vanished"

    def read_message(self) -> str | None:
        line = super().read_message()
        if line is None and not self.greeted:
            time.sleep(60)
        self.greeted = True
        return line


class KnowsIpv4Only(Mutant):
    """Shows nothing but IPv4 addresses."""

    breaks = "shows-ipv6"

    def shown(self, line: str) -> str:
        return line if re.match(r"\d+\.", line) else "?"


class Watcher(ReferenceAdmin):
    """Watches, and shows each line as it comes; it is correct, and the mutants below it are not."""

    def ask(self) -> None:
        """Take the seat."""
        self.send_lines("Watch")

    def show(self) -> None:
        """Show what happens, as long as it may watch."""
        while (line := self.read_message()) is not None:
            self.take(line)
            if self.is_over(line):
                return

    def take(self, line: str) -> None:
        """Show a line, or answer it."""
        if line.startswith("Ping"):
            self.answer()
        else:
            sys.stdout.write(f"{self.shown(line)}\n")
            sys.stdout.flush()

    def answer(self) -> None:
        """Answer a sign of life."""
        self.send_lines("Pong")

    def is_over(self, line: str) -> bool:
        """Tell whether the watch ends with this line."""
        return line.startswith("Refused")


class ShowsOnlyTheList(Watcher, Mutant):
    """Shows who plays when it begins to watch, and nobody who comes later."""

    breaks = "follows-events reads-names"

    def shown(self, line: str) -> str:
        return "" if line.startswith(("Joined", "Guessed", "Won")) else line


class StumblesOnNames(Watcher, Mutant):
    """Takes a line with a name for none."""

    breaks = "reads-names"

    def shown(self, line: str) -> str:
        return line if re.fullmatch(r"(Joined )?\S+ \d+|End|[GRW].*", line) else "?"


class NeverAnswers(Watcher, Mutant):
    """Does not answer a sign of life."""

    breaks = "pong"

    def answer(self) -> None:
        pass


class WaitsForTheSeat(Watcher, Mutant):
    """Stays connected when the seat is taken, as if it were free one day."""

    breaks = "seat-taken"

    def is_over(self, line: str) -> bool:
        return "another" not in line and super().is_over(line)

    def take(self, line: str) -> None:
        super().take(line)
        if "another" in line:
            time.sleep(10)


MUTANTS: dict[str, type[Mutant]] = {mutant.__name__: mutant for mutant in Mutant.__subclasses__()}

REFERENCE = ReferenceAdmin
