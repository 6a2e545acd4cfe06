"""The limit on open files, as a program asks for it."""

from __future__ import annotations

import resource

import pytest

from services.runtime.descriptors import allow_descriptors

NONE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("found", "wanted", "allowed"),
    [
        ((64, 1024), 100, 100),
        ((64, 80), 100, 80),
        ((64, NONE), 100, 100),
        ((200, 1024), 100, 200),
        ((NONE, NONE), 100, 100),
    ],
)
def test_what_is_asked_for_is_allowed_where_it_can_be(
    found: tuple[int, int], wanted: int, allowed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The soft limit is raised up to the hard one, never lowered, and the result is told."""
    limits = [found]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, limit: limits.append(limit))

    assert allow_descriptors(wanted) == allowed
    assert all(soft == allowed and hard == found[1] for soft, hard in limits[1:])
