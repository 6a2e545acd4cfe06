"""Players' clients that each break one clause."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from typing import ClassVar

from tests.support.conformance.reference_client import Ended, ReferenceClient


class Mutant(ReferenceClient):
    """A client that breaks something."""

    breaks: ClassVar[str] = ""
    names: ClassVar[str] = ""


class SaysHi(Mutant):
    """Greets in its own words."""

    breaks = "hello-first"

    def greet(self) -> None:
        self.send_lines("Hi")
        self.read_message()


class NoGame(Mutant):
    """Speaks the short dialect."""

    breaks = "game-second"
    names = "short"

    def begin(self) -> None:
        pass


class BareNumber(Mutant):
    """Guesses by the number alone, which is allowed."""

    names = "a guess is spelled '3'"

    def send_lines(self, text: str) -> None:
        super().send_lines(text.removeprefix("My Guess is: "))


class OwnSpelling(Mutant):
    """Spells a guess in its own way."""

    breaks = "guess-spelled valid-numbers reply-in-pieces reads-first-word lone-lf too-late"

    def send_lines(self, text: str) -> None:
        super().send_lines(text.replace("My Guess is:", "I think it is"))


class LfOnly(Mutant):
    """Ends its lines with LF alone, which is allowed."""

    names = "LF alone"

    def send_lines(self, text: str) -> None:
        self.sock.sendall(f"{text}\n".encode())


class NoLineEnd(Mutant):
    """Does not end its lines."""

    breaks = "lines-ended"

    def send_lines(self, text: str) -> None:
        self.sock.sendall(text.encode())


class DoesNotWait(Mutant):
    """Says Hello and Game at once."""

    breaks = "waits"

    def greet(self) -> None:
        self.send_lines("Hello")
        self.send_lines("Game")
        self.expect("greetings")

    def begin(self) -> None:
        self.expect("ready")


class GoesOnWhenWon(Mutant):
    """Guesses on after Correct."""

    breaks = "stops-when-won"

    def judge(self, reply: str) -> None:
        pass


class NeverCloses(Mutant):
    """Waits for the server to close after Correct."""

    breaks = "stops-when-won"

    def judge(self, reply: str) -> None:
        if self.first_word(reply) == "correct":
            self.read_message()


class CrashesWhenWon(Mutant):
    """Falls over Correct."""

    breaks = "stops-when-won"

    def judge(self, reply: str) -> None:
        if self.first_word(reply) == "correct":
            raise AssertionError(reply)


class GivesUpOnPrompt(Mutant):
    """Leaves at the prompt."""

    breaks = "goes-on-after-prompt"

    def judge(self, reply: str) -> None:
        super().judge(reply)
        if reply.startswith("Pick"):
            raise Ended(reply)


class SendsAnything(Mutant):
    """Sends whatever was typed."""

    breaks = "valid-numbers"

    def valid(self, typed: str) -> bool:
        return True


class SendsOutOfRange(Mutant):
    """Sends any number that was typed."""

    breaks = "valid-numbers"

    def valid(self, typed: str) -> bool:
        return typed.isdigit()


class CrashesOnWord(Mutant):
    """Falls over a word that was typed."""

    breaks = "valid-numbers"

    def valid(self, typed: str) -> bool:
        return super().valid(str(int(typed)))


class LongLines(Mutant):
    """Fills its guesses up with blanks."""

    breaks = "short-lines"

    def send_lines(self, text: str) -> None:
        super().send_lines(text.replace("is: ", f"is: {' ' * 600}"))


class PieceIsReply(Mutant):
    """Takes each piece that comes for a reply."""

    breaks = "reply-in-pieces replies-in-one"

    def read_message(self) -> str:
        data = self.sock.recv(4096)
        if not data:
            raise Ended("the server has closed")
        text = data.decode().strip()
        if text.startswith("Refused"):
            raise Ended(text)
        if "\n" in text:
            time.sleep(60)
        return text


class IgnoresRefusal(Mutant):
    """Goes on after a refusal."""

    breaks = "refusal"

    def greet(self) -> None:
        self.send_lines("Hello")
        if "Refused" in self.read_message():
            time.sleep(60)

    def read_message(self) -> str:
        line = ReferenceClient.read_message
        try:
            return line(self)
        except Ended as error:
            return str(error) if "full" in str(error) else self.end(error)

    def end(self, error: Ended) -> str:
        raise error


class CrashesOnRefusal(Mutant):
    """Falls over a refusal."""

    breaks = "refusal"

    def expect(self, word: str) -> None:
        try:
            super().expect(word)
        except Ended as error:
            raise AssertionError(str(error)) from None


class SpinsAtTheEnd(Mutant):
    """Does not notice the end of the stream."""

    breaks = "vanished"

    def read_message(self) -> str:
        try:
            return super().read_message()
        except Ended as error:
            if "closed" in str(error):
                time.sleep(60)
            raise


class GuessesAtTheEnd(Mutant):
    """Takes the end of the stream for an empty reply, and asks its user for the next number."""

    breaks = "vanished replies-in-one"

    def read_message(self) -> str:
        try:
            return super().read_message()
        except Ended as error:
            return str(error)


class RefusalIsAReply(Mutant):
    """Takes a refusal within the game for one more verdict, and asks its user for the next number."""

    breaks = "replies-in-one"

    def read_message(self) -> str:
        try:
            return super().read_message()
        except Ended as error:
            if "stops" not in str(error):
                raise
            return str(error)


class HangsAfterReset(Mutant):
    """Waits forever when the connection breaks off."""

    breaks = "reset"

    def read_message(self) -> str:
        try:
            return super().read_message()
        except OSError:
            time.sleep(60)
            raise


class ExactReplies(Mutant):
    """Compares whole replies."""

    breaks = "reads-first-word"

    def first_word(self, reply: str) -> str:
        return reply.lower() if reply in {"Greetings", "Ready", "Far", "Close", "Correct"} else "?"


class GivesUpWhenTooLate(Mutant):
    """Leaves when another player has won the round."""

    breaks = "too-late"

    def judge(self, reply: str) -> None:
        super().judge(reply)
        if reply.startswith("Too late"):
            raise Ended(reply)


class WantsCr(Mutant):
    """Looks for CRLF."""

    breaks = "lone-lf"

    def read_message(self) -> str:
        while b"\r\n" not in self.buffer:
            data = self.sock.recv(4096)
            if not data:
                raise Ended("the server has closed")
            self.buffer += data
        return super().read_message()


MUTANTS: dict[str, type[Mutant]] = {mutant.__name__: mutant for mutant in Mutant.__subclasses__()}

REFERENCE = ReferenceClient


class StaysEncrypted(ReferenceClient):
    """Begins with TLS, and ends where nobody speaks it; only one check has a server for it."""

    breaks: ClassVar[str] = ""

    def greet(self) -> None:
        self.shake_hands()
        raise Ended("no TLS here")

    def shake_hands(self) -> None:
        """Begin a handshake, and read the answer."""
        self.server = self.sock.getpeername()
        self.buffer = b""
        hello = ssl.MemoryBIO()
        client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        self.sock.sendall(hello.read())
        self.sock.recv(4096)


class FallsBack(StaysEncrypted):
    """Speaks plain text with whoever speaks no TLS."""

    breaks = "never-falls-back"

    def greet(self) -> None:
        self.shake_hands()
        self.sock.close()
        self.sock = socket.create_connection(self.server)
        self.buffer = b""
        ReferenceClient.greet(self)


ENCRYPTED: dict[str, type[StaysEncrypted]] = {
    client.__name__: client for client in (StaysEncrypted, FallsBack)
}
