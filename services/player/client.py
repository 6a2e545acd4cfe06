"""How long a player waits for its server, whether a bot or a person plays."""

from __future__ import annotations

from typing import Final

REPLY_TIMEOUT_S: Final = 30.0
"""A server that owes a reply for so long will not give it; a paused one is waited for."""

QUIET_S: Final = 1.0
"""After so much silence a line in unknown words counts as the reply."""
