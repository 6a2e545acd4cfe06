"""Run a server that breaks one clause: `python -m tests.support.conformance.server_mutants [NAME]`."""

from __future__ import annotations

import sys

from tests.support.conformance.mutants import administrator, company, framing, play
from tests.support.conformance.mutants.mutant import Mutant
from tests.support.conformance.reference_server import ReferenceServer

MUTANTS: dict[str, type[Mutant]] = {
    mutant.__name__: mutant
    for module in (framing, play, company, administrator)
    for mutant in vars(module).values()
    if isinstance(mutant, type) and issubclass(mutant, Mutant) and mutant is not Mutant
}


def main() -> None:
    """Run the mutant that is named, or the reference."""
    mutant = MUTANTS[sys.argv[1]] if len(sys.argv) > 1 else ReferenceServer
    mutant().run()


if __name__ == "__main__":
    main()
