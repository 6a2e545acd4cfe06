"""A correct player's client, small: it reads what is typed. The mutants override its steps."""

from __future__ import annotations

import socket
import sys
from typing import Final

LOW: Final = 1
HIGH: Final = 30


class Ended(Exception):  # noqa: N818 - the end of a game is no error
    """The server has ended the conversation, or the game is over."""


class ReferenceClient:
    """The client; each step is a method, so that a mutant can do it wrongly."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.buffer = b""

    def run(self) -> None:
        """Play one game."""
        try:
            self.greet()
            self.begin()
            for typed in sys.stdin:
                self.turn(typed.strip())
        except (Ended, OSError) as error:
            sys.stdout.write(f"The game is over: {error}\n")
        self.close()

    def greet(self) -> None:
        """Say Hello."""
        self.send_lines("Hello")
        self.expect("greetings")

    def begin(self) -> None:
        """Ask for a game."""
        self.send_lines("Game")
        self.expect("ready")

    def turn(self, typed: str) -> None:
        """Guess what was typed, if it is a number in range."""
        if self.valid(typed):
            self.send_lines(f"My Guess is: {typed}")
            self.judge(self.read_message())

    def valid(self, typed: str) -> bool:
        """Tell whether what was typed is a number in range."""
        return typed.isascii() and typed.isdigit() and LOW <= int(typed) <= HIGH

    def judge(self, reply: str) -> None:
        """See what the server says."""
        if self.first_word(reply) == "correct":
            raise Ended("won")

    def expect(self, word: str) -> None:
        """Take the next reply to begin with a word."""
        reply = self.read_message()
        if self.first_word(reply) != word:
            raise Ended(reply)

    def first_word(self, reply: str) -> str:
        """Return the word that counts."""
        return reply.replace(",", " ").split()[0].lower() if reply.strip() else ""

    def send_lines(self, text: str) -> None:
        """Send a line."""
        self.sock.sendall(f"{text}\r\n".encode())

    def read_message(self) -> str:
        """Return the next line."""
        while b"\n" not in self.buffer:
            data = self.sock.recv(4096)
            if not data:
                raise Ended("the server has closed")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        text = line.decode().strip()
        if text.startswith("Refused"):
            raise Ended(text)
        return text

    def close(self) -> None:
        """Close."""
        self.sock.close()
