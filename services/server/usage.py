"""What the server says to somebody who types an argument: it takes none."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from services.runtime.command import run_command

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "guessing-server"


def explain(arguments: Sequence[str]) -> int:
    """Print the help, or what is wrong, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog=NAME,
        usage=f"[SETTING=VALUE ...] {NAME} [-h]",
        description="Serve the guessing game until stopped.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="""\
settings, from the environment (docs/operations.md has all of them):
  GAME_PLAYER_PORT  port of players (default 4000)
  GAME_ADMIN_PORT   port of administrators (default 4001)
  GAME_HOST         where to listen (default: everywhere)
  GAME_HIGH         the greatest number (default 30)
  GAME_LOG_LEVEL    debug, info, warning or error (default info)

exit status: 0 stopped, 1 failed, 2 bad usage or settings""",
    )

    def parse() -> int:
        parser.parse_args(arguments)
        return 0

    return run_command(NAME, parse)
