"""Verdicts in sentences, pure: what other servers of the family mean by what they say to a guess.

Clause C-2 reads a reply by its first word; that comes first. This is for a line that it leaves unread.
"""

from __future__ import annotations

import re
from typing import Final

from services.protocol.messages import Verdict

_NOT: Final = r"(?:not|never|isn'?t|wasn'?t|aren'?t|haven'?t|nowhere|in)"


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)


_WON: Final = _words(
    r"you(?:'ve| have)? (?:won|win)|congrat\w*|bingo|jackpot|guessed (?:it )?(?:correctly|right)"
)
_NOT_WON: Final = _words(
    rf"{_NOT}\s*(?:\w+ )?(?:won|win|guessed|correct\w*|right)|wrong\w*|unfortunately|sorry"
)
_FAR: Final = _words(rf"far|way off|{_NOT} (?:\w+ )?(?:close|near)|distant|miles")
_CLOSE: Final = _words(r"close|near(?:ly|by)?|almost")
_ANOTHER: Final = _words(r"too|try|guess again|higher|lower|bigger|smaller|until|format|number is")
_MISSED: Final = _words(r"too (?:high|low|big|small|large)|higher|lower|bigger|smaller|try again|guess again")
_CORRECT: Final = _words(r"correct(?:ly)?|right")


def verdict_in(text: str) -> Verdict | None:
    """Return the verdict that a line means, if it means one."""
    missed = _NOT_WON.search(text)
    if _WON.search(text) and not missed:
        return Verdict.CORRECT
    if _FAR.search(text):
        return Verdict.FAR
    if _CLOSE.search(text):
        return Verdict.CLOSE
    if _CORRECT.search(text) and not missed and not _ANOTHER.search(text):
        return Verdict.CORRECT
    return None


def is_miss(text: str) -> bool:
    """Tell whether a line means that the number was another one, if not how far off."""
    return verdict_in(text) is None and bool(_NOT_WON.search(text) or _MISSED.search(text))
