"""What every mutant of the reference server says of itself."""

from typing import ClassVar

from tests.support.conformance.reference_server import ReferenceServer


class Mutant(ReferenceServer):
    """A server that breaks something."""

    breaks: ClassVar[str] = ""
    """The checks that have to fail, and no others; what is not reached because of them does not count."""
    short_idle_s: ClassVar[float | None] = None
    """The idle timeout, where the check of it matters: the others need not wait for it."""
    names: ClassVar[str] = ""
    """Words of the dialect that has to be named."""
