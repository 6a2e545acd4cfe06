"""What a peer can get wrong."""

from __future__ import annotations

import pytest

from services.protocol.errors import LineTooLongError, OutOfTurnError, ProtocolError


@pytest.mark.parametrize("kind", [LineTooLongError, OutOfTurnError])
def test_a_fault_of_the_peer_carries_its_reason(kind: type[ProtocolError]) -> None:
    """Each fault of the peer is a ProtocolError whose reason is what a refusal says (P-6)."""
    error = kind("say Hello first")

    assert isinstance(error, ProtocolError)
    assert error.reason == str(error) == "say Hello first"
