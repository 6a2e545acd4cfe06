"""Run the server with something changed, for what a test could not wait for or bring about otherwise.

The first argument is a JSON object: `without` names what is as if it were not there, modules or epoll;
`values` maps dotted names of module constants to other values, `failing` names functions that raise,
`descriptors` is how many this process may have, and `send_buffer_octets` how much the kernel keeps of what a
peer does not read.
"""

from __future__ import annotations

import importlib
import json
import resource
import select
import socket
import sys
from typing import Any, NoReturn

from services.server import app
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


def listen_with(send_buffer_octets: int) -> None:
    """Give the listeners a small buffer, which their connections inherit."""
    usual = app.listen

    def listen(host: str, port: int, setting: str) -> list[socket.socket]:
        listeners = usual(host, port, setting)
        for listener in listeners:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer_octets)
        return listeners

    app.listen = listen


def alter(
    *,
    without: list[str],
    values: dict[str, Any],
    failing: list[str],
    descriptors: int,
    send_buffer_octets: int,
) -> None:
    """Change the server that is about to start."""
    for name in without:
        if name == "epoll":
            del select.epoll
        else:
            sys.modules[name] = None  # type: ignore[assignment]  # importing it fails then
    for dotted_name, value in values.items():
        replace(dotted_name, value)
    for dotted_name in failing:
        replace(dotted_name, fail)
    if send_buffer_octets:
        listen_with(send_buffer_octets)
    if descriptors:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))


if __name__ == "__main__":
    alter(**json.loads(sys.argv.pop(1)))
    main()
