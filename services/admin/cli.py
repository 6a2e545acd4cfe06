"""The administrator's command line: what may be typed, and which of the two commands it starts."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import TYPE_CHECKING, Final

from services.admin.client import ask_who
from services.admin.settings import Settings
from services.runtime.command import run_command
from services.runtime.connecting import Target
from services.runtime.environ import given_flags, host_and_port
from services.runtime.logging import default_format
from services.runtime.start import loading
from services.runtime.terminal import Terminal
from services.runtime.tls import ReloadingContext

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.protocol.messages import Address

OK: Final = 0

_NAME: Final = "guessing-admin"

_FLAGS: Final = {
    "host": "GAME_HOST",
    "port": "GAME_PORT",
    "ca": "GAME_TLS_CA",
    "cert": "GAME_TLS_CERT",
    "key": "GAME_TLS_KEY",
    "history": "GAME_HISTORY",
}
"""Each flag is another way to set a variable, and beats it."""


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--host", help="where the server is (GAME_HOST, default localhost)")
    common.add_argument("--port", help="its administrator port (GAME_PORT, default 4001)")
    common.add_argument("--ca", metavar="FILE", help="encrypt, and trust this CA alone (GAME_TLS_CA)")
    common.add_argument("--cert", metavar="FILE", help="the administrator's certificate (GAME_TLS_CERT)")
    common.add_argument("--key", metavar="FILE", help="its private key (GAME_TLS_KEY)")
    common.add_argument("--json", action="store_true", help="print JSON, on a terminal too")
    parser = argparse.ArgumentParser(
        prog=_NAME,
        description="See who plays.",
        epilog="exit status: 0 fine, 1 failed, 2 bad usage or settings, 130 interrupted",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("who", parents=[common], help="list the players once")
    scores = commands.add_parser("scores", help="show the best of all games that `watch` has recorded")
    scores.add_argument("--history", metavar="FILE", help="the file that they are in (GAME_HISTORY)")
    form = scores.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--csv", action="store_true", help="print CSV")
    watching = commands.add_parser("watch", parents=[common], help="keep the list, live")
    watching.add_argument(
        "--history",
        metavar="FILE",
        help="record finished games there (GAME_HISTORY; default: in memory alone)",
    )
    watching.add_argument(
        "--dashboard",
        metavar="[HOST:]PORT",
        help="also serve the live page (GAME_DASHBOARD_HOST, default 127.0.0.1, and GAME_DASHBOARD_PORT)",
    )
    return parser


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Do what the command line says and return the exit status."""
    return run_command(_NAME, lambda: _run(arguments, environ))


def _run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    options = _parser().parse_args(arguments)
    settings = Settings.from_environ({**environ, **_overrides(options)}, default_format())
    tls = None if settings.tls is None else ReloadingContext(settings.tls)
    target = Target(settings.host, settings.port, tls)
    # Each command is there faster without what another one needs.
    if options.command == "scores":
        with loading():
            from services.admin.scores import show_scores  # noqa: PLC0415

        show_scores(settings, as_json=options.json, as_csv=options.csv)
        return OK
    if options.command == "who":
        return _who(target, as_json=options.json)
    with loading():
        from services.admin.watch import watch  # noqa: PLC0415

    return asyncio.run(watch(target, settings, Terminal.find(environ), as_json=options.json))


def _overrides(options: argparse.Namespace) -> dict[str, str]:
    flags = given_flags({flag: getattr(options, flag, None) for flag in (*_FLAGS, "dashboard")})
    given = {_FLAGS[flag]: value for flag, value in flags.items() if flag in _FLAGS}
    if "dashboard" in flags:
        host, given["GAME_DASHBOARD_PORT"] = host_and_port("dashboard", flags["dashboard"])
        if host:
            given["GAME_DASHBOARD_HOST"] = host
    return given


def _who(target: Target, *, as_json: bool) -> int:
    players = asyncio.run(ask_who(target))
    if as_json:
        sys.stdout.write(json.dumps(_as_json(players)) + "\n")
    elif sys.stdout.isatty():
        with loading():
            from rich.console import Console  # noqa: PLC0415

            from services.admin.view import players_table  # noqa: PLC0415

        # Rich would let FORCE_COLOR and TTY_COMPATIBLE decide the form.
        Console(force_terminal=True).print(players_table(target, players))
    else:
        sys.stdout.writelines(f"{address}\n" for address in players)
    sys.stdout.flush()
    return OK


def _as_json(players: Sequence[Address]) -> dict[str, object]:
    return {
        "version": 1,
        "playing": len(players),
        "players": [{"ip": address.host, "port": address.port} for address in players],
    }
