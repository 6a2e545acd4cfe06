"""Keep a set of files in three folders so that it changes as one; what the files say stays outside.

The folders may be three volumes, and no rename spans those. So each folder holds its files in a generation
of its own, and shows the one in force through a link:

    server/cert.pem -> current/cert.pem        fixed
    server/current  -> generation-7f3a         replaced by one rename
    server/generation-7f3a/cert.pem

A new set is first written whole, to all three; then a note says which generation is to come; then one link
after the other is replaced. Whoever is interrupted before the note has changed nothing; after it, the next
run replaces the links that are left. The public folder goes first, then the server's: since a new set also
trusts the CA of the one before, every step in between works for everybody.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import time
from typing import TYPE_CHECKING, Final

from services.certs.inspection import FoundSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from services.certs.authority import IssuedSet

LOCK_TIMEOUT_S: Final = 30.0
"""Making a set takes a fraction of a second: whoever waits for this long waits for a run that hangs."""

_LOCK_PAUSE_S: Final = 0.05

_PUBLIC, _SERVER, _ADMIN = "public", "server", "admin"
_ORDER: Final = (_PUBLIC, _SERVER, _ADMIN)
_LINK: Final = "current"
_GENERATION: Final = "generation-"
_NOTE: Final = ".next"
_LOCK: Final = ".lock"
_SPARE: Final = ".spare"

_KEY: Final = "key.pem"


class StoreError(Exception):
    """The folders cannot be used; one line that says which and why."""


class Store:
    """The three folders below `out`. Read and replace only within `locked`."""

    def __init__(self, out: Path) -> None:
        self._folders = {name: out / name for name in _ORDER}

    @contextlib.contextmanager
    def locked(self, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
        """Keep other runs out, and first finish what an interrupted one has left.

        Raises:
            StoreError: the folders cannot be made, or another run does not end.
        """
        for name, folder in self._folders.items():
            folder.mkdir(mode=0o755 if name == _PUBLIC else 0o700, parents=True, exist_ok=True)
        # Not in the public folder: there, any client could hold the lock and so prevent a renewal.
        descriptor = os.open(self._folders[_SERVER] / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline = time.monotonic() + timeout_s
            while not _try_lock(descriptor):
                if time.monotonic() >= deadline:
                    raise StoreError(
                        f"another run has held {self._folders[_SERVER] / _LOCK} for {timeout_s:g} s"
                    )
                time.sleep(_LOCK_PAUSE_S)
            self._finish_interrupted()
            yield
        finally:
            os.close(descriptor)

    def read(self) -> FoundSet | str:
        """Return the set in force, or a line that says why there is none."""
        generations = {_generation(folder) for folder in self._folders.values()}
        public, server, admin = (self._folders[name] for name in _ORDER)
        try:
            found = FoundSet(
                ca=(public / "ca.pem").read_bytes(),
                client_ca=(server / "client-ca.pem").read_bytes(),
                server_cert=(server / "cert.pem").read_bytes(),
                server_key=(server / _KEY).read_bytes(),
                admin_cert=(admin / "cert.pem").read_bytes(),
                admin_key=(admin / _KEY).read_bytes(),
            )
        except FileNotFoundError as error:
            return "there is none yet" if generations == {None} else f"{error.filename} is missing"
        return found if len(generations) == 1 else "the folders hold parts of different sets"

    def trusted(self) -> bytes:
        """Return the CAs that are trusted now; nothing if there are none."""
        for name, file in ((_SERVER, "client-ca.pem"), (_PUBLIC, "ca.pem")):
            with contextlib.suppress(FileNotFoundError):
                return (self._folders[name] / file).read_bytes()
        return b""

    def replace(self, issued: IssuedSet, predecessor: bytes) -> None:
        """Put a new set in force, which trusts the CA of the one before it too."""
        bundle = issued.ca + predecessor
        parts: dict[str, dict[str, bytes]] = {
            _PUBLIC: {"ca.pem": bundle},
            _SERVER: {"cert.pem": issued.server.cert, _KEY: issued.server.key, "client-ca.pem": bundle},
            _ADMIN: {"cert.pem": issued.admin.cert, _KEY: issued.admin.key},
        }
        generation = _GENERATION + secrets.token_hex(8)
        for name, files in parts.items():
            _stage(self._folders[name], generation, files)
        _put_link(self._folders[_SERVER] / _NOTE, generation)
        self._switch(generation)

    def _finish_interrupted(self) -> None:
        generation = _target(self._folders[_SERVER] / _NOTE)
        if generation and all((folder / generation).is_dir() for folder in self._folders.values()):
            self._switch(generation)
        else:
            self._tidy()

    def _switch(self, generation: str) -> None:
        for name in _ORDER:
            folder = self._folders[name]
            for file in (folder / generation).iterdir():
                if _target(folder / file.name) != f"{_LINK}/{file.name}":
                    _put_link(folder / file.name, f"{_LINK}/{file.name}")
            _put_link(folder / _LINK, generation)
        self._tidy()

    def _tidy(self) -> None:
        """Remove what no link leads to, the note first: without it nothing else is half done."""
        (self._folders[_SERVER] / _NOTE).unlink(missing_ok=True)
        for folder in self._folders.values():
            (folder / _SPARE).unlink(missing_ok=True)
            in_force = _generation(folder)
            for generation in folder.glob(f"{_GENERATION}*"):
                if generation.name != in_force:
                    shutil.rmtree(generation)


def _stage(folder: Path, generation: str, files: Mapping[str, bytes]) -> None:
    place = folder / generation
    place.mkdir(mode=0o755)
    for name, content in files.items():
        mode = 0o600 if name == _KEY else 0o644
        descriptor = os.open(place / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)  # whatever the umask says
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    place.chmod(0o755)
    _sync_folder(place)
    _sync_folder(folder)


def _put_link(link: Path, target: str) -> None:
    spare = link.parent / _SPARE
    spare.unlink(missing_ok=True)
    spare.symlink_to(target)
    spare.replace(link)
    _sync_folder(link.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _target(link: Path) -> str | None:
    try:
        return str(link.readlink())
    except OSError:  # missing, or no link
        return None


def _generation(folder: Path) -> str | None:
    return _target(folder / _LINK)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
