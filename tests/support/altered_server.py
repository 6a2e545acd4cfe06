"""Run the server with something changed, for what a test could not wait for or bring about otherwise.

The first argument is a JSON object: `without` names modules that are as if not installed, `values` maps
dotted names of module constants to other values, `failing` names functions that raise, and `descriptors` is
how many this process may have.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
from typing import Any, NoReturn

from services.server.__main__ import main


def fail(*_: Any, **__: Any) -> NoReturn:
    """Stand in for a function that has a bug."""
    raise RuntimeError("a mistake made on purpose")


def replace(dotted_name: str, value: Any) -> None:
    """Change an attribute of a module, or of a class in one."""
    *path, attribute = dotted_name.split(".")
    owner = path.pop() if path[-1][0].isupper() else None
    holder = importlib.import_module(".".join(path))
    if owner:
        holder = getattr(holder, owner)
    assert hasattr(holder, attribute), f"nothing is called {dotted_name}"
    setattr(holder, attribute, value)


def alter(*, without: list[str], values: dict[str, Any], failing: list[str], descriptors: int) -> None:
    """Change the server that is about to start."""
    for module in without:
        sys.modules[module] = None  # type: ignore[assignment]  # importing it fails then
    for dotted_name, value in values.items():
        replace(dotted_name, value)
    for dotted_name in failing:
        replace(dotted_name, fail)
    if descriptors:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))


if __name__ == "__main__":
    alter(**json.loads(sys.argv[1]))
    sys.exit(main())
