"""What the server says to somebody who types an argument."""

import pytest

from services.server.usage import explain


def test_help_tells_where_the_settings_are(capsys: pytest.CaptureFixture[str]) -> None:
    """The usual settings are named, with the document that has all of them."""
    assert explain(["--help"]) == 0
    told = capsys.readouterr().out
    assert "GAME_PLAYER_PORT" in told
    assert "docs/operations.md" in told


def test_an_argument_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """It is named, below a line that shows how a setting is given."""
    assert explain(["5000"]) == 2
    usage, complaint = capsys.readouterr().err.splitlines()
    assert usage == "usage: [SETTING=VALUE ...] guessing-server [-h]"
    assert complaint.endswith("unrecognized arguments: 5000")
