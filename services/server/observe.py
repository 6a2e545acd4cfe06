"""Facts of sessions to log lines: through structlog, or by a prepared path that writes the same bytes.

A busy server logs hundreds of thousands of facts a second; rendering each through structlog costs
more than the game itself (docs/performance.md). The prepared path joins texts that exist already.
A test holds the two to the same line.
"""

from functools import lru_cache
from typing import Final, NamedTuple

import structlog

from services.protocol.codec import encode
from services.protocol.messages import Address
from services.protocol.rules import Rules
from services.runtime.logging import LEVELS, LogSink, encode_json
from services.server.game.facts import Fact, Value
from services.server.game.player import ordinary_guesses

SERVICE: Final = "server"

READY_ATTEMPTS: Final = 1024
"""Attempts that hardly anybody exceeds."""

ATTEMPTS: Final = [b"%d}\n" % attempt for attempt in range(READY_ATTEMPTS)]
"""The end of a guess's log line, by attempt."""

WIDEST_RANGE: Final = 128
"""Tables of answers are kept for ranges up to this; that is 4 MiB at most. Wider ranges are parsed."""


def end_of_guess(attempt: int) -> bytes:
    """Return the end of a guess's log line for any attempt."""
    return ATTEMPTS[attempt] if attempt < READY_ATTEMPTS else b"%d}\n" % attempt


def guessed_event(player: Address, event_part: bytes) -> bytes:
    """Return what the watcher reads of a guess; `event_part` is the `Answer`'s."""
    return b"Guessed %b%b" % (str(player).encode(), event_part)


class Answer(NamedTuple):
    """All that follows from an ordinary guess, ready to be sent."""

    reply: bytes
    log_part: bytes
    """Between the session's part of the log line and the attempt."""
    event_part: bytes
    """What the watcher reads after the player's address."""


@lru_cache(maxsize=WIDEST_RANGE)
def ordinary_answers(rules: Rules, secret: int) -> dict[bytes, Answer]:
    """Return what `ordinary_guesses` lead to; empty for a range so wide that the tables would be large."""
    if rules.high - rules.low >= WIDEST_RANGE:
        return {}
    return {
        line: Answer(
            encode(verdict),
            b'"number":%d,"verdict":"%s","attempt":' % (number, verdict.value.encode()),
            b" %d %s\r\n" % (number, verdict.value.encode()),
        )
        for line, (number, verdict) in ordinary_guesses(rules, secret).items()
    }


class Bound:
    """The fields that are on each line of one session."""

    __slots__ = ("peer", "session", "text")

    def __init__(self, session: str, peer: Address) -> None:
        self.session = session
        self.peer = peer
        self.text = b'"session":"%b","peer":"%b",' % (session.encode(), str(peer).encode())
        """The fields as they stand in a line."""


@lru_cache(maxsize=4096)  # handshakes and wins say the same again and again
def _said_before(names: tuple[str, ...], values: tuple[Value, ...]) -> bytes:
    pairs = dict(zip(names, values, strict=True))
    return encode_json(pairs)[1:-1].encode()


def _fields(names: tuple[str, ...], values: tuple[Value, ...]) -> bytes:
    """Return the end of a line: the event's own fields."""
    last = values[-1]
    if not isinstance(last, float):
        return b"%b}\n" % _said_before(names, values)
    # A duration is hardly ever the same again: it would only crowd the others out.
    others = _said_before(names[:-1], values[:-1])
    return b'%b%b"%b":%b}\n' % (others, b"," if others else b"", names[-1].encode(), repr(last).encode())


class Observer:
    """Logs the facts of sessions; `hold` the sink while it does."""

    def __init__(self, sink: LogSink, *, prepared: bool, level: str) -> None:
        self._sink = sink
        self._prepared = prepared
        self.counted = dict.fromkeys(Fact, 0)
        """How often each fact was recorded. Ordinary guesses are counted by the reactor."""
        self._heads = {
            fact: b'"level":"%s","event":"%s","service":"%s",'
            % (fact.level.encode(), fact.event.encode(), SERVICE.encode())
            for fact in Fact
            if LEVELS[fact.level] >= LEVELS[level]
        }
        """The beginning of each line that is wanted at this level."""
        self.answers_ordinary = prepared or Fact.GUESS_JUDGED not in self._heads
        """Whether ordinary guesses may take the short way; they are logged by their `Answer` then."""
        self.guess_head = self._heads.get(Fact.GUESS_JUDGED, b"")
        """What follows on the time in the lines of guesses; empty where they are not logged."""

    def record(self, bound: Bound, fact: Fact, values: tuple[Value, ...]) -> None:
        """Log a fact, and count it whether it is logged or not."""
        self.counted[fact] += 1
        head = self._heads.get(fact)
        if head is None:
            return
        if self._prepared:
            self._sink.parts += (self._sink.stamp, head, bound.text, _fields(fact.fields, values))
            return
        structlog.get_logger().log(
            LEVELS[fact.level],
            fact.event,
            session=bound.session,
            peer=str(bound.peer),
            **dict(zip(fact.fields, values, strict=True)),
        )
