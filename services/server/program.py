"""The server as a program: settings, logging, then the app; the exit status says how it ended."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from services.runtime.environ import SettingsError
from services.runtime.logging import configure, default_format
from services.runtime.terminal import Terminal
from services.runtime.tls import TlsError
from services.server.app import App, ListenError
from services.server.observe import SERVICE
from services.server.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EXIT_OK, EXIT_FAILED, EXIT_SETTINGS = 0, 1, 2


def event_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return how to make an event loop: uvloop's where it is installed, else asyncio's, a little slower."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def run(environ: Mapping[str, str]) -> int:
    """Run the server until it is stopped, and return its exit status."""
    try:
        settings = Settings.from_environ(environ, default_format())
    except SettingsError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)  # noqa: T201  logging is not set up yet
        return EXIT_SETTINGS
    sink = configure(
        SERVICE, settings.log_format, settings.log_level, coloured=Terminal.find(environ).is_coloured
    )

    async def serve() -> None:
        await App(settings, sink).run()

    try:
        with asyncio.Runner(loop_factory=event_loop()) as runner:
            runner.run(serve())
    except (ListenError, TlsError) as error:
        print(error, file=sys.stderr)  # noqa: T201  for whoever started it
        return EXIT_FAILED
    finally:
        sink.close()
    return EXIT_OK
