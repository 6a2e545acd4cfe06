"""Outcomes made ready to be performed, as bytes: worked out when a line is first met, then looked up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.protocol.messages import Guessed

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from services.server.game.conversation import ConversationState, Outcome
    from services.server.game.log_events import LogEvent
    from services.server.observe import LogLine, Observer


@dataclass(slots=True, eq=False)  # frozen ones take longer to make
class Response:
    """An outcome as bytes; never changed once it is made."""

    reply: bytes
    log: tuple[LogLine, ...]
    guessed: bytes
    """What the watcher is told of a guess, after the player's address; empty if this is none."""
    is_guess: bool
    counted: tuple[LogEvent, ...]
    """The events that are counted; guesses are counted by themselves."""
    next_table: ResponseTable | None
    """The table for the next line; None: the same one."""
    timeout_s: float
    """As that table's."""
    rest: Outcome | None
    """The outcome, where there is more to do than that, before the next line is looked up."""


class ResponseTable(dict[bytes, Response]):
    """The response to each line in one state. A line is looked up with the terminator that it came with.

    Only what is usual is kept: a state has few usual lines, and there are few usual states. So nobody can
    fill the memory by sending lines that are new.
    """

    __slots__ = ("_after", "_compiler", "state", "timeout_s")

    def __init__(self, compiler: ResponseCompiler, state: ConversationState, timeout_s: float) -> None:
        self.state = state
        self.timeout_s = timeout_s
        """How long the next line may take; 0 where the time since the connection is bounded instead."""
        self._compiler = compiler
        self._after: dict[Hashable, Response] = {}

    def after(self, answer: Hashable, follow: Callable[[], Outcome]) -> Response:
        """Return what follows from an answer of the lobby, as bytes."""
        response = self._after.get(answer)
        if response is None:
            response = self._compiler.make(follow())
            if self.state.is_usual:
                self._after[answer] = response
        return response

    def __missing__(self, line: bytes) -> Response:
        """Work out what follows from a line, or from the end of the stream, which is the empty line."""
        state = self.state
        outcome = state.handle(line[:-1].removesuffix(b"\r")) if line else state.end_of_stream()
        response = self._compiler.make(outcome) if state.is_passing else self._compiler.compile(outcome)
        if outcome.is_usual:
            self[self._compiler.shared(line)] = response
        return response


class ResponseCompiler:
    """Makes responses and tables; those that are usual are made once and shared."""

    def __init__(self, observer: Observer, idle_timeout_s: float) -> None:
        self._observer = observer
        self._idle_timeout_s = idle_timeout_s
        self._tables: dict[ConversationState, ResponseTable] = {}
        self._responses: dict[Outcome, Response] = {}
        self._lines: dict[bytes, bytes] = {}
        self._passing: ConversationState | None = None
        """The state of the round in play, which has a table: all others' are forgotten."""

    def table(self, state: ConversationState) -> ResponseTable:
        """Return the table of a state."""
        timeout_s = self._idle_timeout_s if state.has_idle_timeout else 0.0
        if not state.is_usual:
            return ResponseTable(self, state, timeout_s)
        table = self._tables.get(state)
        if table is None:
            table = self._tables[state] = ResponseTable(self, state, timeout_s)
            if state.is_passing:
                if self._passing is not None:
                    del self._tables[self._passing]
                self._passing = state
        return table

    def shared(self, line: bytes) -> bytes:
        """Return the one copy of a usual line: the tables of all secrets have the same lines."""
        return self._lines.setdefault(line, line)

    def compile(self, outcome: Outcome) -> Response:
        """Return an outcome as bytes."""
        if not outcome.is_usual:
            return self.make(outcome)
        response = self._responses.get(outcome)
        if response is None:
            response = self._responses[outcome] = self.make(outcome)
        return response

    def make(self, outcome: Outcome) -> Response:
        """Return an outcome as bytes, which is not remembered."""
        guessed = b""
        has_rest = bool(
            outcome.question or outcome.repeat or outcome.name or outcome.close_reason is not None
        )
        for event in outcome.events:
            if event.kind is Guessed and event.verdict:
                guessed = b" %d %b\r\n" % (event.number, event.verdict.value.encode())
            else:
                has_rest = True
        next_table, timeout_s = None, self._idle_timeout_s if outcome.is_guess else 0.0
        if outcome.next_state is not None and not outcome.draws_secret:
            next_table = self.table(outcome.next_state)
            timeout_s = next_table.timeout_s
        return Response(
            reply=outcome.reply,
            log=tuple([line for line in map(self._observer.line, outcome.log) if line]),
            guessed=guessed,
            is_guess=outcome.is_guess,
            counted=tuple([event for event, _ in outcome.log if not event.is_guess]),
            next_table=next_table,
            timeout_s=timeout_s,
            rest=outcome if has_rest else None,
        )
