"""What OpenSSL is made to read; what comes of it, tests/integration/server/test_tls.py shows."""

from __future__ import annotations

import subprocess
import sys

import pytest

from services.runtime.key_exchange import CONFIGURATION, configure


@pytest.fixture
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that has not loaded OpenSSL yet."""
    for module in ("_ssl", "_hashlib"):
        monkeypatch.delitem(sys.modules, module, raising=False)


@pytest.mark.usefixtures("nothing_loaded")
def test_openssl_is_told_in_time() -> None:
    """Before OpenSSL is loaded, it can be told what to read."""
    environ: dict[str, str] = {}
    configure(environ)

    assert environ == {"OPENSSL_CONF": CONFIGURATION}


@pytest.mark.usefixtures("nothing_loaded")
def test_who_runs_the_server_has_the_last_word() -> None:
    """A configuration that is given from outside stays."""
    environ = {"OPENSSL_CONF": "/etc/own.cnf"}
    configure(environ)

    assert environ == {"OPENSSL_CONF": "/etc/own.cnf"}


@pytest.mark.parametrize("module", ["_ssl", "_hashlib"])
def test_nobody_is_told_too_late(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """Once OpenSSL is loaded it would not listen, and nobody must believe that it did."""
    monkeypatch.setitem(sys.modules, module, sys)
    environ: dict[str, str] = {}
    configure(environ)

    assert environ == {}


def test_nothing_loads_openssl_before() -> None:
    """The server's entry point imports nothing that would load OpenSSL before it is told."""
    loaded = "import services.server.__main__, sys; print({'_ssl', '_hashlib'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"
