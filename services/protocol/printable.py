"""What a peer sends, made fit for a log and a terminal: nothing in it can forge a line or move a cursor."""


def printable(text: str) -> str:
    """Return a text as it is if all of it can be printed, and escaped otherwise."""
    return text if text.isprintable() else repr(text)[1:-1]


def printable_octets(octets: bytes) -> str:
    r"""Return octets as printable ASCII; the others, and the backslash, are spelled as \xNN or \n."""
    return octets.decode("latin-1").encode("unicode_escape").decode()
