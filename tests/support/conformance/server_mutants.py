"""All servers that break one clause, by their names."""

from __future__ import annotations

from tests.support.conformance.mutants import administrator, company, framing, play
from tests.support.conformance.mutants.mutant import Mutant

MUTANTS: dict[str, type[Mutant]] = {
    mutant.__name__: mutant
    for module in (framing, play, company, administrator)
    for mutant in vars(module).values()
    if isinstance(mutant, type) and issubclass(mutant, Mutant) and mutant is not Mutant
}
