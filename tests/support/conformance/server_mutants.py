"""All servers that break one clause, by their names."""

from __future__ import annotations

from tests.support.conformance.mutants import administrator, company, framing, play, rounds
from tests.support.conformance.mutants.mutant import Mutant
from tests.support.conformance.reference_server import ReferenceServer

MUTANTS: dict[str, type[Mutant]] = {
    mutant.__name__: mutant
    for module in (framing, play, company, administrator, rounds)
    for mutant in vars(module).values()
    if isinstance(mutant, type) and issubclass(mutant, Mutant) and mutant not in {Mutant, rounds.SharedRounds}
}
CORRECT: dict[str | None, type[ReferenceServer]] = {
    None: ReferenceServer,
    "SharedRounds": rounds.SharedRounds,
}
SERVERS = CORRECT | MUTANTS
