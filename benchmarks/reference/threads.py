"""A thread for each player, blocking sockets."""

import contextlib
import socket
import ssl
import threading

from benchmarks.reference.game import BACKLOG, CORRECT, HOST, Player, arguments


def serve(sock: socket.socket, tls: ssl.SSLContext | None) -> None:
    """Play with one player to the end."""
    with contextlib.suppress(OSError), sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = tls.wrap_socket(sock, server_side=True) if tls else sock
        with stream:
            player, rest = Player(), b""
            while data := stream.recv(4096):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    reply = player.answer(line.rstrip())
                    if reply is None:
                        return
                    stream.sendall(reply)
                    if reply is CORRECT:
                        return


def main() -> None:
    """Serve until killed."""
    port, tls = arguments()
    threading.stack_size(128 * 1024)
    with socket.create_server((HOST, port), backlog=BACKLOG) as listener:
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=serve, args=(sock, tls), daemon=True).start()


if __name__ == "__main__":
    main()
