"""A person's lines on a terminal, with editing and history by prompt_toolkit."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import deque
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import DummyHistory, InMemoryHistory
from prompt_toolkit.input import create_input
from prompt_toolkit.input.typeahead import clear_typeahead
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.keys import Keys
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output

from services.player.keyboard import InterruptError, flush_terminal

if TYPE_CHECKING:
    from prompt_toolkit.key_binding import KeyPressEvent


class Editor:
    """Lines typed into a terminal that can be drawn on."""

    is_person = True

    def __init__(self, term: str) -> None:
        self._input = create_input(sys.stdin)
        self._output = Vt100_Output.from_pty(
            sys.stdout,
            term=term,
            default_color_depth=ColorDepth.DEPTH_1_BIT,
        )
        # Not every terminal answers where its cursor is, and one line does not need to know.
        self._output.enable_cpr = False
        self._history = InMemoryHistory()
        self._pasted: deque[str] = deque()
        """Lines of a paste that come after the one that was entered."""
        self._unfinished = ""
        """The end of a paste that no line end follows."""

    async def read(self, prompt: str, *, remembered: bool) -> str:
        """Return the next line, as soon as it is entered."""
        if self._pasted:
            line = self._pasted.popleft()
            if remembered:
                self._history.append_string(line)
            sys.stdout.write(f"{prompt}{line}\n")
            sys.stdout.flush()
            return line
        session: PromptSession[str] = PromptSession(
            input=self._input,
            output=self._output,
            history=self._history if remembered else DummyHistory(),
            key_bindings=self._keys(),
            enable_suspend=True,
            reserve_space_for_menu=0,
            interrupt_exception=InterruptError,
        )
        default, self._unfinished = self._unfinished, ""
        # In the usual colour: a blank at the end of what has no style would not be written.
        styled = FormattedText([("fg:ansidefault", prompt)])
        asking = asyncio.ensure_future(
            session.prompt_async(styled, default=default, handle_sigint=False),
        )
        try:
            await asyncio.wait((asking,))
        except asyncio.CancelledError:
            # Told to end, the prompt leaves the terminal as it was, and the cursor below itself.
            if not session.app.is_running:
                asking.cancel()
            elif not session.app.is_done:
                session.app.exit(exception=EOFError)
            with contextlib.suppress(EOFError, InterruptError, asyncio.CancelledError):
                await asking
            raise
        line = asking.result()
        # What comes next begins a line, for those as well who take codes for words: 2004l1 is no number.
        sys.stdout.write("\r")
        return line

    def forget_typed(self) -> None:
        """Forget what was typed or pasted ahead."""
        self._pasted.clear()
        self._unfinished = ""
        clear_typeahead(self._input)
        flush_terminal()

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add(Keys.BracketedPaste)
        def _(event: KeyPressEvent) -> None:
            """Enter each line of a paste, as if it had been typed."""
            first, *others = event.data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
            event.current_buffer.insert_text(first)
            if others:
                *lines, self._unfinished = others
                self._pasted.extend(lines)
                event.current_buffer.validate_and_handle()

        @keys.add(Keys.Vt100MouseEvent)
        def _(_event: KeyPressEvent) -> None:
            """Pass over what looks like the mouse, which is not asked for: a colour in a paste does."""

        return keys
