"""The kit's command line: what may be typed, and what it starts."""

import argparse
import math
import random
import shlex
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from services.conformance import admin_checks, batch, client_checks, server_run
from services.conformance.arguments import at_least, command, host, port, seconds, wait
from services.conformance.checks import Check
from services.conformance.client_run import judge_client
from services.conformance.clock import Clock, measured_stretch
from services.conformance.connection import Endpoint, Timing
from services.conformance.containers import Containers, EngineError
from services.conformance.export import as_gradescope, as_json, as_junit
from services.conformance.judged import JudgedServer, Limits
from services.conformance.pages import write_page
from services.conformance.program import Program
from services.conformance.report import plain_lines, tell_progress, write_report
from services.conformance.results import Level, Report
from services.conformance.scripted_server import JudgedClient, listen
from services.conformance.server_run import UnreachableError, judge_server
from services.conformance.submission import UnfitError, inspect
from services.runtime.connecting import cause
from services.runtime.fault import INTERRUPTED
from services.runtime.output_file import output_file, output_folder
from services.runtime.tls import TlsError, client_context
from services.runtime.tls_settings import CertificateFiles, ClientTls
from services.runtime.whole_file import write_whole

HOLDS: Final = 0
DOES_NOT_HOLD: Final = 1
UNREACHABLE: Final = 2
PLAYER_PORT: Final = 4000
ADMIN_PORT: Final = 4001
OWN_HOST: Final = "127.0.0.1"
LOOPBACK: Final = {"localhost", "127.0.0.1", "::1"}
CHECKS: Final[dict[str, Sequence[Check[Any]]]] = {
    "server": server_run.CHECKS,
    "client": client_checks.CHECKS,
    "admin-client": admin_checks.CHECKS,
}
Subject = TypeVar("Subject")
Launch = Callable[[Sequence[str], Mapping[str, str]], Program]
SEEDS: Final = 1_000_000


def parser() -> argparse.ArgumentParser:
    """Describe what may be typed."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--level",
        type=Level,
        choices=list(Level),
        default=Level.ROBUST,
        help="what has to hold; each level includes those before it (default: robust)",
    )
    common.add_argument("--seed", type=int, help="repeat the run that reported this seed")
    common.add_argument(
        "--timeout",
        type=seconds,
        default=Timing().timeout_s,
        metavar="S",
        help="how long to wait for a reply while the program has nothing to do (default: %(default)s)",
    )
    common.add_argument(
        "--only", metavar="CHECK[,CHECK]", help="run these checks alone, whatever their level"
    )
    common.add_argument("--list", action="store_true", help="list the checks and run none")
    common.add_argument(
        "--verbose", action="store_true", help="show what happened in every check, also those that passed"
    )
    common.add_argument("--trace", type=output_file, metavar="FILE", help="write that into a file")
    common.add_argument("--json", action="store_true", help="print the report as JSON")
    common.add_argument("--junit", type=output_file, metavar="FILE", help="write the report as JUnit XML too")
    common.add_argument(
        "--gradescope", type=output_file, metavar="FILE", help="write a results.json for Gradescope too"
    )
    common.add_argument("--html", type=output_folder, metavar="FOLDER", help="write the report as a page too")
    main = argparse.ArgumentParser(
        prog="guessing-conformance",
        description="Judge any server or client of the Guessing Game by the clauses of its protocol.",
        epilog="exit status: 0 the level holds, 1 it does not, 2 nothing could be reached or bad usage",
    )
    commands = main.add_subparsers(dest="subject", required=True, metavar="COMMAND")
    _server(commands.add_parser("server", parents=[common], help="judge a server"))
    for name, whose in (("client", "a player's"), ("admin-client", "an administrator's")):
        client = commands.add_parser(name, parents=[common], help=f"judge {whose} client")
        default = PLAYER_PORT if name == "client" else ADMIN_PORT
        client.add_argument(
            "--listen",
            type=port,
            default=default,
            metavar="PORT",
            help="where it has to connect (default: %(default)s)",
        )
        client.add_argument(
            "--type",
            action="append",
            default=[],
            metavar="LINE",
            help="what its user types first (an address, a language); may be repeated",
        )
        client.add_argument("--cert", type=Path, metavar="FILE", help="speak TLS, with this certificate")
        client.add_argument("--key", type=Path, metavar="FILE", help="its private key")
        client.add_argument(
            "--sandbox",
            action="store_true",
            help="run COMMAND in a container that has no network, on a copy of this folder",
        )
        batch.add_container_arguments(client)
        client.add_argument("command", nargs="*", metavar="-- COMMAND", help="how to start it; else you do")
    batch.add_arguments(
        commands.add_parser(
            "batch", help="judge a folder of servers or clients, each in a container of its own"
        )
    )
    return main


def _server(server: argparse.ArgumentParser) -> None:
    server.add_argument(
        "host",
        metavar="HOST",
        type=host,
        nargs="?",
        help=f"where it runs (with --server-command: {OWN_HOST} unless you say otherwise)",
    )
    server.add_argument(
        "--player-port", type=port, default=PLAYER_PORT, metavar="PORT", help="default: %(default)s"
    )
    server.add_argument(
        "--admin-port", type=port, default=ADMIN_PORT, metavar="PORT", help="default: %(default)s"
    )
    server.add_argument("--ca", type=Path, metavar="FILE", help="encrypt, and trust this CA alone")
    server.add_argument("--cert", type=Path, metavar="FILE", help="the administrator's certificate")
    server.add_argument("--key", type=Path, metavar="FILE", help="its private key")
    server.add_argument("--plain-players", action="store_true", help="encrypt the administrator's port alone")
    server.add_argument(
        "--wait", type=wait, default=0.0, metavar="S", help="wait so long for it to listen (default: 0)"
    )
    server.add_argument(
        "--server-command", type=command, metavar="CMD", help="start the server so, and again when it dies"
    )
    server.add_argument(
        "--handshake-timeout",
        type=seconds,
        default=10.0,
        metavar="S",
        help="as the server is set (default: %(default)g)",
    )
    server.add_argument(
        "--idle-timeout",
        type=seconds,
        metavar="S",
        help="as the server is set; judged if short (default: not judged)",
    )
    server.add_argument(
        "--max-players",
        type=at_least(1),
        metavar="N",
        help="as the server is set; judged if small (default: not judged)",
    )
    server.add_argument(
        "--max-invalid",
        type=at_least(1),
        default=20,
        metavar="N",
        help="as the server is set (default: %(default)s)",
    )
    server.add_argument(
        "--close-distance",
        type=at_least(0),
        default=2,
        metavar="N",
        help="as the server is set (default: %(default)s)",
    )
    server.add_argument(
        "--crowd",
        type=at_least(1),
        default=200,
        metavar="N",
        help="how many players come at once (default: %(default)s)",
    )
    server.add_argument(
        "--cut", type=command, default="", metavar="CMD", help="cuts the server off from the shared round"
    )
    server.set_defaults(sandbox=False)
    server.add_argument("--mend", type=command, default="", metavar="CMD", help="connects it again")


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Do what the command line says and return the exit status."""
    if sys.flags.optimize > 1:
        sys.stderr.write(
            "conformance: what its checks say are docstrings: run it without -OO (PYTHONOPTIMIZE=2)\n"
        )
        return UNREACHABLE
    try:
        described = parser()
        options = described.parse_args(arguments)
        if options.subject == "server" and not options.host and not options.list:
            if not options.server_command:
                described.error("server: name its HOST, or say how to start it: --server-command")
            options.host = OWN_HOST
    except SystemExit as ended:
        # argparse has printed the help (0) or what is wrong (2).
        return ended.code if isinstance(ended.code, int) else UNREACHABLE
    try:
        if options.subject == "batch":
            return batch.run(options)
        if options.list:
            _list_checks(CHECKS[options.subject])
            return HOLDS
        report = _judge_sandboxed(options) if options.sandbox else judge(options, environ)
    except (UnreachableError, UnfitError, TlsError, EngineError) as error:
        sys.stderr.write(f"conformance: {error}{_hint(options, environ)}\n")
        return UNREACHABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    if options.json:
        sys.stdout.write(as_json(report))
    else:
        write_report(report, sys.stdout, environ, verbose=options.verbose)
    if options.junit:
        write_whole(options.junit, as_junit(report))
    if options.gradescope:
        write_whole(options.gradescope, as_gradescope(report))
    if options.html:
        write_page(report, options.html)
    if options.trace:
        write_whole(options.trace, "\n".join(plain_lines(report, verbose=True)) + "\n")
    return HOLDS if report.holds else DOES_NOT_HOLD


def _list_checks(checks: Sequence[Check[Any]]) -> None:
    for check in checks:
        clauses = " ".join(check.clauses)
        sys.stdout.write(f"{check.level:10}{check.name:24}{clauses:12}{check.sentence}\n")


def _chosen(checks: Sequence[Check[Subject]], options: argparse.Namespace) -> list[Check[Subject]]:
    """Return the checks of the level, or those that are named.

    Raises:
        UnreachableError: there is no check of a name.
    """
    if options.only is None:
        return [check for check in checks if check.level in options.level.included]
    names = [name.strip() for name in options.only.split(",")]
    unknown = sorted(set(names) - {check.name for check in checks})
    if unknown:
        raise UnreachableError(f"there is no check {', '.join(map(repr, unknown))}: see --list")
    return [check for check in checks if check.name in names]


def _hint(options: argparse.Namespace, environ: Mapping[str, str]) -> str:
    """Return what to type where a container is taken for the machine that it runs on."""
    name = environ.get("GAME_MACHINE_OF_CONTAINER")
    if not name or options.subject != "server" or options.host not in LOOPBACK:
        return ""
    return f"; here {options.host} is this container: name the machine {name}"


def _judge_sandboxed(options: argparse.Namespace) -> Report:
    """Judge a client's command in a container, with the folder that the kit was started in."""
    if not options.command or options.cert:
        raise UnreachableError("--sandbox needs a COMMAND, and knows no TLS")
    seed = random.randrange(SEEDS) if options.seed is None else options.seed
    asked = ["--level", options.level.value, "--seed", str(seed), "--timeout", str(options.timeout)]
    asked += ["--only", options.only] if options.only else []
    asked += [f"--type={line}" for line in options.type]
    try:
        here = Path.cwd()
    except OSError as error:
        raise UnreachableError(f"the folder that this was started in: {error.strerror}") from error
    with Containers(options.image) as containers:
        inspect(here)
        return containers.judge(
            here,
            [options.subject, *asked, "--", *options.command],
            judging_s=options.time,
        )


def judge(
    options: argparse.Namespace,
    environ: Mapping[str, str],
    launch: Launch = Program,
    budget_s: float = math.inf,
) -> Report:
    """Judge what the command line names; `launch` makes a program of its command.

    Raises:
        UnreachableError: nothing could be judged.
        TlsError: the certificates are of no use.
    """
    seed = random.randrange(SEEDS) if options.seed is None else options.seed
    timing = Timing(timeout_s=options.timeout)
    if options.subject == "server":
        report = Report(f"server {options.host}", options.level, seed, chosen=bool(options.only))
        chosen = _chosen(server_run.CHECKS, options)
        server = _judged_server(options, environ, timing, seed, launch)
        try:
            judge_server(server, report, checks=chosen, on_result=tell_progress, budget_s=budget_s)
        except OSError as error:
            raise UnreachableError(f"{options.server_command}: {error.strerror}") from error
        return report
    checks = _chosen(client_checks.CHECKS if options.subject == "client" else admin_checks.CHECKS, options)
    subject = " ".join([options.subject, *options.command])
    report = Report(subject, options.level, seed, chosen=bool(options.only))
    try:
        listener = listen(options.listen)
    except OSError as error:
        raise UnreachableError(
            f"cannot listen on port {options.listen}: {cause(error)}; choose another: --listen"
        ) from error
    with listener:
        port = str(listener.getsockname()[1])
        program = None
        if options.command:
            command = [part.replace("{host}", OWN_HOST).replace("{port}", port) for part in options.command]
            program = launch(command, {**environ, "GAME_HOST": OWN_HOST, "GAME_PORT": port})
        client = JudgedClient(
            listener,
            timing,
            program,
            lambda session: _call(session, port),
            port="player" if options.subject == "client" else "admin",
            clock=_clock(program),
            tls=_server_context(options),
            typed_first=options.type,
        )
        try:
            judge_client(client, report, checks=checks, on_result=tell_progress, budget_s=budget_s)
        except OSError as error:
            raise UnreachableError(f"{options.command[0]}: {error.strerror}") from error
    return report


def _server_context(options: argparse.Namespace) -> ssl.SSLContext | None:
    if not options.cert:
        return None
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert, options.key)
    except OSError as error:
        raise UnreachableError(f"{options.cert}: {error}") from error
    return context


def _call(session: str, port: str) -> None:
    sys.stderr.write(f"Now start the client; it should connect to port {port}. {session}\n")


def _judged_server(
    options: argparse.Namespace, environ: Mapping[str, str], timing: Timing, seed: int, launch: Launch
) -> JudgedServer:
    tls = None
    if options.ca:
        own = CertificateFiles(options.cert, options.key) if options.cert and options.key else None
        tls = client_context(ClientTls(options.ca, own))
    program = None
    if options.server_command:
        ports = {"GAME_PLAYER_PORT": str(options.player_port), "GAME_ADMIN_PORT": str(options.admin_port)}
        program = launch(shlex.split(options.server_command), {**environ, **ports})
    return JudgedServer(
        Endpoint(options.host, options.player_port, None if options.plain_players else tls),
        Endpoint(options.host, options.admin_port, tls, "admin"),
        timing,
        Limits(
            close_distance=options.close_distance,
            handshake_timeout_s=options.handshake_timeout,
            idle_timeout_s=options.idle_timeout,
            max_players=options.max_players,
            max_invalid=options.max_invalid,
            crowd=options.crowd,
            cut=options.cut,
            mend=options.mend,
            start_s=options.wait,
        ),
        random.Random(seed),
        program=program,
        clock=_clock(program),
    )


def _clock(program: Program | None) -> Clock:
    return Clock(program.usage if program else lambda: None, measured_stretch())
