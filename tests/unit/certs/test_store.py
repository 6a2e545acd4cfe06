"""The folders of a set: how it changes as one, whoever is interrupted or comes at the same time."""

from __future__ import annotations

import os
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from services.certs.authority import issue
from services.certs.inspection import FoundSet, predecessor, renewal_reason
from services.certs.settings import ServerNames
from services.certs.store import Store, StoreError
from services.runtime.tls import client_context, is_administrator, server_admin_context
from services.runtime.tls_settings import AdminTls, CertificateFiles, ClientTls, PlayerTls, ServerTls
from tests.support.handshake import shake_hands

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.certs.authority import IssuedSet

NOW = datetime.now(UTC)
NAMES = ServerNames()


def renew(out: Path) -> None:
    """Make a new set, as the program does."""
    store = Store(out)
    with store.locked():
        store.replace(issue(NAMES, NOW), predecessor(store.trusted(), NOW))


def read(out: Path) -> FoundSet | str:
    """Read the set in force, as the program does."""
    store = Store(out)
    with store.locked():
        return store.read()


def server_of(out: Path) -> ServerTls:
    """The settings of a server that uses the set."""
    own = CertificateFiles(out / "server/cert.pem", out / "server/key.pem")
    return ServerTls(PlayerTls.OPTIONAL, AdminTls.REQUIRED, own, out / "server/client-ca.pem")


def administrator_of(out: Path) -> ClientTls:
    """The settings of an administrator that uses the set."""
    own = CertificateFiles(out / "admin/cert.pem", out / "admin/key.pem")
    return ClientTls(out / "public/ca.pem", own)


def works(server: ServerTls, administrator: ClientTls) -> bool:
    """Tell whether the administrator gets through to the server with what their folders hold now."""
    context = server_admin_context(server)
    assert context
    handshake = shake_hands(context, client_context(administrator))
    return handshake.succeeded and is_administrator(handshake.server.tls.getpeercert())


def test_what_was_put_is_found(tmp_path: Path) -> None:
    """A new set is read back whole and sound."""
    renew(tmp_path)

    found = read(tmp_path)

    assert isinstance(found, FoundSet)
    assert renewal_reason(found, NAMES, NOW) is None
    assert works(server_of(tmp_path), administrator_of(tmp_path))


def test_everybody_gets_his_own_and_keys_are_private(tmp_path: Path) -> None:
    """No folder holds another's key, keys are for their owner alone, and the CA's key is nowhere."""
    mask = os.umask(0o277)  # whatever it is, it must not matter
    try:
        renew(tmp_path)
    finally:
        os.umask(mask)

    shown = {
        folder: {path.name for path in (tmp_path / folder).glob("*.pem")}
        for folder in ("server", "admin", "public")
    }
    keys = [path for path in tmp_path.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]

    assert shown == {
        "server": {"cert.pem", "key.pem", "client-ca.pem"},
        "admin": {"cert.pem", "key.pem"},
        "public": {"ca.pem"},
    }
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert {key.parent.parent.name for key in keys if not key.is_symlink()} == {"server", "admin"}
    assert len({key.resolve() for key in keys}) == 2
    assert stat.S_IMODE((tmp_path / "public/ca.pem").stat().st_mode) == 0o644


def test_folders_may_be_links_to_volumes_and_move(tmp_path: Path) -> None:
    """A folder works wherever it is mounted: no link in it leads out of it."""
    renew(tmp_path / "there")
    (tmp_path / "there").rename(tmp_path / "here")

    assert works(server_of(tmp_path / "here"), administrator_of(tmp_path / "here"))


def test_nothing_old_is_left(tmp_path: Path) -> None:
    """After many renewals each folder holds one generation, and no old key is left on the disk."""
    for _ in range(4):
        renew(tmp_path)

    for folder in ("server", "admin", "public"):
        assert len(list((tmp_path / folder).glob("generation-*"))) == 1


def test_whoever_has_not_loaded_the_new_set_yet_is_not_cut_off(tmp_path: Path) -> None:
    """Around a renewal each side gets through to the other, whichever of them already has the new set.

    The exception is an administrator with the new certificate before a server that has not loaded the new CA.
    """
    renew(tmp_path / "old")
    shutil.copytree(tmp_path / "old", tmp_path / "new", symlinks=True)
    renew(tmp_path / "new")
    old, new = tmp_path / "old", tmp_path / "new"

    assert works(server_of(new), administrator_of(new))
    assert works(server_of(new), ClientTls(new / "public/ca.pem", administrator_of(old).own))
    assert works(server_of(old), ClientTls(new / "public/ca.pem", administrator_of(old).own))


@pytest.mark.parametrize(
    "name",
    [
        "server/cert.pem",
        "server/key.pem",
        "server/client-ca.pem",
        "admin/cert.pem",
        "admin/key.pem",
        "public/ca.pem",
    ],
)
@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.resolve().unlink()], ids=["link", "file"])
def test_a_missing_file_is_told_and_made_anew(
    tmp_path: Path, name: str, spoil: Callable[[Path], None]
) -> None:
    """Whichever file of a set is gone, the set is not taken for whole, and a renewal mends it."""
    renew(tmp_path)
    spoil(tmp_path / name)

    assert read(tmp_path) == f"{tmp_path / name} is missing"

    renew(tmp_path)

    assert isinstance(read(tmp_path), FoundSet)


def test_an_empty_volume_is_told_and_filled(tmp_path: Path) -> None:
    """When one of the three volumes was lost, the set is not taken for whole, and a renewal mends it."""
    renew(tmp_path)
    shutil.rmtree(tmp_path / "admin")

    assert str(read(tmp_path)).endswith("admin/cert.pem is missing")

    renew(tmp_path)

    assert works(server_of(tmp_path), administrator_of(tmp_path))


def test_folders_of_two_sets_are_told_apart(tmp_path: Path) -> None:
    """A folder that was put back from another set is noticed even if every file in it is sound."""
    renew(tmp_path / "one")
    renew(tmp_path / "two")
    shutil.rmtree(tmp_path / "one/admin")
    shutil.copytree(tmp_path / "two/admin", tmp_path / "one/admin", symlinks=True)

    assert read(tmp_path / "one") == "the folders hold parts of different sets"


def test_files_that_are_no_links_are_replaced(tmp_path: Path) -> None:
    """Files that somebody put in the place of the links give way to a new set."""
    renew(tmp_path)
    for path in (tmp_path / "server/cert.pem", tmp_path / "server/key.pem"):
        path.unlink()
        path.write_text("mine")

    renew(tmp_path)

    assert works(server_of(tmp_path), administrator_of(tmp_path))


def test_only_one_run_at_a_time(tmp_path: Path) -> None:
    """While a run holds the folders another one waits, and gives up with a line that says why."""
    with (
        Store(tmp_path).locked(),
        pytest.raises(StoreError, match=r"another run has held .*/server/\.lock for 0\.1 s"),
        Store(tmp_path).locked(timeout_s=0.1),
    ):
        pytest.fail("two runs at once")


class Crash(BaseException):
    """The power fails."""


STEPS = ("mkdir", "open", "fsync", "symlink", "replace", "unlink", "rmdir", "fchmod", "chmod")


def cut_power(patch: pytest.MonkeyPatch, after: int) -> None:
    """Let so many changes to the disk through, and none after that, not even those of a clean-up."""
    left = after

    def failing(change: Callable[..., object]) -> Callable[..., object]:
        def changed(*args: object, **kwargs: object) -> object:
            nonlocal left
            if left == 0:
                raise Crash
            left -= 1
            return change(*args, **kwargs)

        return changed

    for name in STEPS:
        patch.setattr(os, name, failing(getattr(os, name)))


def interrupted_renewals(tmp_path: Path, first: IssuedSet | None) -> list[Path]:
    """Interrupt a renewal after each of its steps in turn; give the folders that this leaves behind."""
    left_behind: list[Path] = []
    for after in range(200):
        out = tmp_path / f"after-{after}"
        if first:
            with Store(out).locked():
                Store(out).replace(first, b"")
        with pytest.MonkeyPatch.context() as patch:
            cut_power(patch, after)
            try:
                renew(out)
            except Crash:
                left_behind.append(out)
            else:
                return left_behind
    pytest.fail("a renewal has no end")


def test_a_crash_at_any_step_of_a_renewal_leaves_a_set_that_works(tmp_path: Path) -> None:
    """Wherever a renewal is cut off, server and administrator get on; the next run finds one whole set."""
    first = issue(NAMES, NOW)
    places = interrupted_renewals(tmp_path, first)
    assert len(places) > 30, "the power cut missed the steps"
    seen = set()
    for place in places:
        assert works(server_of(place), administrator_of(place)), place
        found = read(place)
        assert isinstance(found, FoundSet), place
        assert renewal_reason(found, NAMES, NOW) is None, place
        assert works(server_of(place), administrator_of(place)), place
        for folder in ("server", "admin", "public"):
            assert len(list((place / folder).glob("generation-*"))) == 1, place
        seen.add(found.server_cert == first.server.cert)
    assert seen == {True, False}, "neither all old nor all new, depending on where it was cut off"


def test_a_crash_at_any_step_of_the_first_run_is_made_good(tmp_path: Path) -> None:
    """Wherever the first run is cut off, the next one ends with a whole set."""
    for place in interrupted_renewals(tmp_path, None):
        found = read(place)
        if isinstance(found, str):
            assert found == "there is none yet", place
            renew(place)
        assert works(server_of(place), administrator_of(place)), place
