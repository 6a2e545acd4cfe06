"""A TLS client that sends key updates alone, which Python's ssl cannot: `key_updates.py HOST PORT COUNT`.

It prints how many it has sent when the server has cut it, or all of them.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import signal
import socket
import sys


def openssl() -> ctypes.CDLL:
    """Load OpenSSL, with the types of the functions that return pointers."""
    found = ctypes.CDLL(ctypes.util.find_library("ssl"))
    pointer = ctypes.c_void_p
    for name, result, arguments in (
        ("TLS_client_method", pointer, ()),
        ("SSL_CTX_new", pointer, (pointer,)),
        ("SSL_new", pointer, (pointer,)),
        ("SSL_set_fd", ctypes.c_int, (pointer, ctypes.c_int)),
        ("SSL_connect", ctypes.c_int, (pointer,)),
        ("SSL_key_update", ctypes.c_int, (pointer, ctypes.c_int)),
        ("SSL_do_handshake", ctypes.c_int, (pointer,)),
    ):
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    return found


def main(host: str, port: int, count: int) -> None:
    """Shake hands, then send key updates until the server has had enough."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # OpenSSL writes without MSG_NOSIGNAL
    library = openssl()
    with socket.create_connection((host, port)) as sock:
        connection = library.SSL_new(library.SSL_CTX_new(library.TLS_client_method()))
        library.SSL_set_fd(connection, sock.fileno())
        if library.SSL_connect(connection) != 1:
            raise SystemExit("no TLS handshake")
        sent = 0
        while sent < count:
            library.SSL_key_update(connection, 0)
            if library.SSL_do_handshake(connection) != 1:
                break
            sent += 1
    print(sent)  # noqa: T201  for the test that started it


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
