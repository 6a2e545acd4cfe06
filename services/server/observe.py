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

MOST_ENDS: Final = 1 << 16
"""As many ends of log lines are kept at most; that is 4 MiB."""

ENDS: Final = [b"%d}\n" % attempt for attempt in range(64)]
"""The end of a guess's log line, by attempt: as many as somebody has needed so far."""

WIDEST_RANGE: Final = 128
"""Tables of answers are kept for ranges up to this; that is 4 MiB at most. Wider ranges are parsed."""


def ends_of_guesses(first: int, count: int) -> list[bytes]:
    """Return the ends of the log lines of consecutive attempts."""
    beyond = first + count
    if beyond > MOST_ENDS:
        return [b"%d}\n" % attempt for attempt in range(first, beyond)]
    if beyond > len(ENDS):
        ENDS.extend(b"%d}\n" % attempt for attempt in range(len(ENDS), min(2 * beyond, MOST_ENDS)))
    return ENDS[first:beyond]


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
        self.text = b'"session":"%b","peer":"%b %d",' % (session.encode(), peer.host.encode(), peer.port)
        """The fields as they stand in a line."""


@lru_cache(maxsize=4096)  # handshakes and wins say the same again and again
def _fields(fact: Fact, values: tuple[Value, ...]) -> bytes:
    """Return the end of a line: the event's own fields."""
    pairs = dict(zip(fact.fields, values, strict=True))
    return encode_json(pairs)[1:].encode() + b"\n"


@lru_cache(maxsize=1024)
def _fields_before_duration(fact: Fact, values: tuple[Value, ...]) -> bytes:
    """Return the end of a line up to the value of its last field, a duration."""
    pairs = dict(zip(fact.fields, (*values, 0), strict=True))
    return encode_json(pairs)[1:-2].encode()


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
            sink = self._sink
            if isinstance(values[-1], float):  # hardly ever the same again
                fields = _fields_before_duration(fact, values[:-1])
                sink.parts += (sink.stamp, head, bound.text, fields, b"%r}\n" % values[-1])
            else:
                sink.parts += (sink.stamp, head, bound.text, _fields(fact, values))
            return
        structlog.get_logger().log(
            LEVELS[fact.level],
            fact.event,
            session=bound.session,
            peer=str(bound.peer),
            **dict(zip(fact.fields, values, strict=True)),
        )
