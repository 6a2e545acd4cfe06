"""`python -m services.certs --out DIR`: make or renew the certificates if need be, and say what was done."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from services.certs.authority import issue
from services.certs.inspection import predecessor, renewal_reason, valid_until
from services.certs.settings import DEFAULT_OUT, read_settings
from services.certs.store import Store, StoreError
from services.runtime.environ import EnvironReader, SettingsError, given_flags
from services.runtime.logging import configure, default_format
from services.runtime.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.certs.settings import CertsSettings

DONE, FAILED, BAD_SETTINGS = 0, 1, 2


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Do what the command line says and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        flags = given_flags({"out": options.out})
        reader = EnvironReader({**environ, **({"GAME_CERTS_OUT": flags["out"]} if flags else {})})
        settings = read_settings(reader, default_format())
        reader.finish()
    except SettingsError as error:
        return _complain(str(error), BAD_SETTINGS)
    sink = configure("certs", settings.log_format, "info", coloured=Terminal.find(environ).is_coloured)
    try:
        _provide(settings, datetime.now(UTC))
    except StoreError as error:
        return _complain(str(error), FAILED)
    except OSError as error:
        place = error.filename or settings.out
        return _complain(f"GAME_CERTS_OUT (--out): {error.strerror} ({str(place)!r})", FAILED)
    finally:
        sink.close()
    return DONE


def _provide(settings: CertsSettings, now: datetime) -> None:
    store = Store(settings.out)
    with store.locked():
        found = store.read()
        reason = found if isinstance(found, str) else renewal_reason(found, settings.names, now)
        if reason is not None:
            store.replace(issue(settings.names, now), predecessor(store.trusted(), now))
            found = store.read()
    if isinstance(found, str):
        raise StoreError(f"{settings.out}: {found}, though it was just made")
    structlog.get_logger().info(
        "certificates_kept" if reason is None else "certificates_made",
        out=str(settings.out),
        names=str(settings.names),
        valid_until=f"{valid_until(found):%Y-%m-%dT%H:%M:%S.%fZ}",
        **({} if reason is None else {"reason": reason}),
    )


def _complain(text: str, code: int) -> int:
    print(text, file=sys.stderr)  # noqa: T201 - the one thing this program says to a human
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.certs",
        description="Make the certificates of the game, or renew them where they need it.",
        epilog="Environment: GAME_CERTS_OUT (as --out), GAME_TLS_NAMES (more names of the server).",
    )
    parser.add_argument("--out", metavar="DIR", help=f"the folder to make them in (default: {DEFAULT_OUT})")
    return parser
