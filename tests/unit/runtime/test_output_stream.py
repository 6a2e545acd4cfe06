"""Output that waits for its reader beside everything else."""

from __future__ import annotations

import os
import threading

from services.runtime.output_stream import OutputStream

PICTURE = "x" * 1_000_000


def test_what_is_discarded_keeps_nothing_from_a_slow_reader() -> None:
    """Whoever reads slowly gets the last words in time, and not the rest of a picture before them."""
    read_fd, write_fd = os.pipe()
    output = OutputStream(write_fd, "utf-8", lambda _: None)
    output.text.write(PICTURE)
    output.text.flush()
    output.discard()
    output.text.write("last words")
    output.text.flush()
    got = bytearray()

    def read() -> None:
        while piece := os.read(read_fd, 1 << 16):
            got.extend(piece)

    reader = threading.Thread(target=read)
    reader.start()
    output.close()
    os.close(write_fd)
    reader.join()
    os.close(read_fd)
    assert got.endswith(b"xlast words")
    assert len(got) < len(PICTURE)
