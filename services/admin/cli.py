"""The administrator's command line: what may be typed, and which of the two commands it starts."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING, Final

from rich.console import Console

from services.admin.client import ask_who
from services.admin.scores import NoScoresError, show_scores
from services.admin.settings import Settings
from services.admin.view import players_table
from services.admin.watch import watch
from services.runtime.connecting import Target, UnreachableError
from services.runtime.environ import SettingsError, given_flags, host_and_port
from services.runtime.logging import default_format
from services.runtime.tls import ReloadingContext, TlsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.protocol.messages import Address

OK: Final = 0
FAILED: Final = 1
BAD_USAGE: Final = 2
INTERRUPTED: Final = 130

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
        prog="guessing-admin",
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
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as ended:
        # argparse has printed the help (0) or what is wrong (2).
        return ended.code if isinstance(ended.code, int) else BAD_USAGE
    try:
        settings = Settings.from_environ({**environ, **_overrides(options)}, default_format())
        tls = None if settings.tls is None else ReloadingContext(settings.tls)
        target = Target(settings.host, settings.port, tls)
    except SettingsError as error:
        for fault in error.faults:
            _complain(fault)
        return BAD_USAGE
    except TlsError as error:
        _complain(str(error))
        return BAD_USAGE
    try:
        if options.command == "scores":
            show_scores(settings, as_json=options.json, as_csv=options.csv)
            return OK
        if options.command == "who":
            return _who(target, as_json=options.json)
        return asyncio.run(watch(target, settings, as_json=options.json))
    except (UnreachableError, NoScoresError) as error:
        _complain(str(error))
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read this has gone; the interpreter must not complain of it once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _overrides(options: argparse.Namespace) -> dict[str, str]:
    flags = given_flags({flag: getattr(options, flag, None) for flag in (*_FLAGS, "dashboard")})
    given = {_FLAGS[flag]: value for flag, value in flags.items() if flag in _FLAGS}
    if "dashboard" in flags:
        host, given["GAME_DASHBOARD_PORT"] = host_and_port("dashboard", flags["dashboard"])
        if host:
            given["GAME_DASHBOARD_HOST"] = host
    return given


def _complain(text: str) -> None:
    sys.stderr.write(f"guessing-admin: {text}\n")


def _who(target: Target, *, as_json: bool) -> int:
    players = asyncio.run(ask_who(target))
    # Whether there is a terminal decides the form; rich would let FORCE_COLOR and TTY_COMPATIBLE do so.
    console = Console(force_terminal=sys.stdout.isatty())
    if as_json:
        sys.stdout.write(json.dumps(_as_json(players)) + "\n")
    elif console.is_terminal:
        console.print(players_table(target, players))
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
