"""Words of the reports that a beginner need not know, explained where they were used."""

import re
from collections.abc import Iterator
from typing import Final

WORDS: Final = {
    "clause": "a rule of the game's protocol, docs/protocol.md; each has an id, such as P-1",
    "octet": "a byte",
    "segment": "what arrives at once, for one recv: a part of a line, a line, or several",
    "the end of the stream": "the other side has closed the connection, and recv returns nothing",
    "half-close": "to say that one sends nothing more (shutdown), and go on reading",
    "reset": "a connection that is broken off at once, whatever was under way is lost; close() makes one "
    "while something that has come was not read",
    "backlog": "how many new connections may wait for accept: the number that listen is given",
}


def explained(text: str) -> Iterator[tuple[str, str]]:
    """Return the words that a text has used, each with what it means."""
    for word, meaning in WORDS.items():
        if re.search(rf"\b{word}", text, re.IGNORECASE):
            yield word, meaning
