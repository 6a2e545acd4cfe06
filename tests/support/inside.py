"""What a command prints inside a container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from docker.models.containers import Container

ATTEMPTS: Final = 5


def output_of(container: Container, *command: str, **options: Any) -> str:
    """Return what a command prints that changes nothing and always prints something.

    On a busy machine an engine now and then loses all that a short command prints: then it is run again.
    """
    for _ in range(ATTEMPTS):
        output = container.exec_run(list(command), **options).output
        assert isinstance(output, bytes)
        if output:
            return output.decode()
    return ""
