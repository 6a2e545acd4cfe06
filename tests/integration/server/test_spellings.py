"""Lines in usual spellings are looked up, all others are worked out: nobody can tell them apart."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.protocol.messages import Address
from services.runtime.logging import LogFormat, configure
from services.server.admission import Admission
from services.server.context import ServerContext
from services.server.observe import Observer
from services.server.player_session import PlayerSession
from services.server.quota import Quota
from services.server.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from services.server.game.log_events import LogEvent

SECRET = 21
ENVIRON = {"GAME_MAX_INVALID_GUESSES": "3"}
PLAYER = Address("192.0.2.7", 50123)

USUAL = {
    "Hello": b"Hello\r\n",
    "Game": b"Game\n",
    "none": b"x\r\n",
    "outside": b"My Guess is: 31\r\n",
    "far": b"My Guess is: 2\r\n",
    "close": b"20\n",
    "correct": b"Guess: 21\r\n",
}
"""Lines as most clients spell them."""

UNUSUAL = {
    "Hello": b" HELLO\r\n",
    "Game": b"game \r\n",
    "none": b"x\r\n",
    "outside": b"my guess is: 31\r\n",
    "far": b"my guess is :2\r\n",
    "close": b" 20\n",
    "correct": b"GUESS:21\r\n",
}
"""The same lines in spellings that are allowed, and that nobody uses."""


class Transcript(NamedTuple):
    """All that anybody can see of a conversation."""

    replies: list[bytes]
    log: list[dict[str, Any]]
    events: list[bytes]
    """What the administrator was told."""
    guesses: int
    counted: dict[LogEvent, int]
    """How often each event was counted, guesses aside."""


class ListeningWatcher:
    """An administrator that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Hear an event."""
        self.events.append(data)

    def unseat(self, reason: str) -> None:
        """Keep the seat: nobody else wants it."""


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number that every player has to guess."""
    monkeypatch.setattr("secrets.randbelow", lambda _span: SECRET - 1)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server logs."""
    return tmp_path_factory.mktemp("log") / "log"


def play(
    chunks: Sequence[Sequence[bytes]], log: Path, *, leave: bool = False, watched: bool = False
) -> Transcript:
    """Have a conversation twice, one after the other, and return the second one's transcript.

    What is usual was worked out in the first one, and is looked up in the second one.
    """

    async def converse_twice() -> Transcript:
        fd = os.open(log, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_APPEND)
        sink = configure("server", LogFormat.JSON, "info", fd)
        observer = Observer(sink, level="info")
        settings = Settings.from_environ(ENVIRON, LogFormat.JSON)
        context = ServerContext(settings, sink, observer)
        admission = Admission(context, settings, Quota(8, 1, 1))
        watcher = ListeningWatcher()
        if watched:
            context.lobby.take_seat(watcher, lambda _seating: None)
        await converse(context, admission, chunks, leave=leave)
        os.truncate(fd, 0)
        watcher.events.clear()
        guesses, counted = context.guesses, dict(observer.counted)
        replies = await converse(context, admission, chunks, leave=leave)
        context.reactor.close()
        os.close(fd)
        counts = {event: count - counted[event] for event, count in observer.counted.items()}
        return Transcript(replies, list(lines(log)), watcher.events, context.guesses - guesses, counts)

    return asyncio.run(converse_twice())


async def converse(
    context: ServerContext, admission: Admission, chunks: Sequence[Sequence[bytes]], *, leave: bool
) -> list[bytes]:
    """Send each chunk at once, wait for its replies, and perhaps end the stream then."""
    replies: list[bytes] = []
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    context.reactor.perform(lambda: admission.admit_player(ours, PLAYER))
    reader, writer = await asyncio.open_connection(sock=theirs)
    for chunk in chunks:
        writer.write(b"".join(chunk))
        for line in chunk:
            if not line.endswith(b"\n"):
                await part_of_a_line(context)
                continue
            replies.append(await reader.readline())
            if replies[-1] in {b"", b"Correct\r\n"} or replies[-1].startswith(b"Refused"):
                break
        else:
            continue
        break
    if leave:
        writer.write_eof()
        replies.append(await reader.read())
    writer.close()
    await writer.wait_closed()
    while context.reactor.connections:  # noqa: ASYNC110  nothing tells of it
        await asyncio.sleep(0)
    return replies


async def part_of_a_line(context: ServerContext) -> None:
    """Wait until the server has read part of a line."""
    [session] = context.reactor.connections.values()
    assert isinstance(session, PlayerSession)
    while not session.lines.unterminated:  # noqa: ASYNC110  nothing tells of it
        await asyncio.sleep(0)


def lines(log: Path) -> Iterator[dict[str, Any]]:
    """Return what was logged, without what is never the same twice, and input without its spelling."""
    for line in log.read_text().splitlines():
        fields = json.loads(line)
        if "input" in fields:
            fields["input"] = "".join(fields["input"].split()).lower()
        yield {name: fields[name] for name in fields if name not in {"timestamp", "session", "seconds"}}


@given(
    before=st.sampled_from([(), ("Hello",), ("Hello", "Game")]),
    said=st.lists(st.lists(st.sampled_from([*USUAL]), min_size=1, max_size=4), max_size=6),
    leave=st.booleans(),
    watched=st.booleans(),
)
@example(before=("Hello", "Game"), said=[["none"], ["none"], ["far"], ["none"]], leave=False, watched=False)
@example(before=("Hello",), said=[], leave=True, watched=False)
@example(before=("Hello", "Game"), said=[["correct"]], leave=True, watched=True)
@example(before=("Hello", "Game"), said=[["far"], ["close", "far"], ["correct"]], leave=False, watched=True)
@settings(deadline=None)
def test_usual_and_unusual_spellings_are_answered_alike(
    log: Path, *, before: tuple[str, ...], said: list[list[str]], leave: bool, watched: bool
) -> None:
    """A conversation in usual spellings has the replies, the log, the events and the counts of any other."""
    chunks = [*([one] for one in before), *said]

    usual, unusual = (
        play([[spelled[line] for line in chunk] for chunk in chunks], log, leave=leave, watched=watched)
        for spelled in (USUAL, UNUSUAL)
    )

    assert usual == unusual


@pytest.mark.parametrize(
    ("before", "parts", "reply"),
    [
        ((), (b"x", b"Hello\r\n"), b"Refused: say Hello first\r\n"),
        (("Hello",), (b"x", b"Game\n"), b"Refused: say Game first\r\n"),
        (("Hello", "Game"), (b"2", b"1\r\n"), b"Correct\r\n"),
        (("Hello", "Game"), (b"2", b"21\r\n"), b"Pick a number between 1-30\r\n"),
    ],
)
def test_a_usual_line_may_be_the_end_of_another(
    log: Path, before: tuple[str, ...], parts: tuple[bytes, bytes], reply: bytes
) -> None:
    """Octets that would be a usual line by themselves belong to the line that has begun before (F-3)."""
    transcript = play([*([USUAL[line]] for line in before), *([part] for part in parts)], log)

    assert transcript.replies[-1] == reply


def test_who_leaves_after_hello_is_let_go(log: Path) -> None:
    """A client that says Hello and ends the stream gets nothing more, and the log says who closed (F-6)."""
    transcript = play([[USUAL["Hello"]]], log, leave=True)

    assert transcript.replies == [b"Greetings\r\n", b""]
    assert [line["event"] for line in transcript.log] == ["handshake_advanced", "session_closed"]
    assert transcript.log[-1]["reason"] == "peer closed"
