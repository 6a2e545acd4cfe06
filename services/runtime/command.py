"""How a command line ends that cannot do what it says: in one line for each fault, and a status."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from services.runtime.fault import BAD_USAGE, INTERRUPTED, Fault

if TYPE_CHECKING:
    from collections.abc import Callable


def run_command(name: str, command: Callable[[], int]) -> int:
    """Return the status of a command; what it raises for its user to read is told on standard error."""
    try:
        return command()
    except SystemExit as ended:
        # argparse has printed the help (0) or what is wrong (2).
        return ended.code if isinstance(ended.code, int) else BAD_USAGE
    except Fault as fault:
        sys.stdout.flush()
        sys.stderr.writelines(f"{name}: {line}\n" for line in str(fault).splitlines())
        return fault.status
    except KeyboardInterrupt:
        return INTERRUPTED
