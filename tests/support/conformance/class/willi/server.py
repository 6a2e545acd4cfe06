# Select; an administrator must not end lines, and gets none.
import os
import random
import re
import socket
import select

GUESS = re.compile(r"(?:(?:my )?guess(?: is)?\s*:)?\s*([0-9]{1,20})")


def listen(name, usual):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", int(os.environ.get(name, usual))))
    listener.listen(128)
    return listener


clients = {}


class Client:
    def __init__(self, addr, port):
        self.addr = addr
        self.port = port
        self.state = "new"
        self.buffer = b""


def say(sock, text):
    sock.sendall((text + "\r\n").encode())


def finish(sock):
    clients[sock].state = "finished"
    sock.shutdown(socket.SHUT_WR)


def refuse(sock, reason):
    say(sock, "Refused: " + reason)
    finish(sock)


def answer(sock, client, line):
    if client.state == "new":
        if line == "hello" or (line == "admin-hello" and client.port == "admin"):
            client.state = "greeted"
            say(sock, "Greetings" if client.port == "player" else "Admin-Greetings")
        else:
            refuse(sock, "say Hello first")
    elif client.state == "greeted" and client.port == "player":
        if line == "game":
            client.state = "playing"
            client.secret = random.randint(1, 30)
            say(sock, "Ready")
        else:
            refuse(sock, "say Game first")
    elif client.state == "greeted":
        if line == "who":
            say(sock, "\r\n".join("%s %d" % other.addr for other in clients.values() if other.state == "playing"))
            finish(sock)
        else:
            refuse(sock, "say Who")
    elif client.state == "playing":
        guess = GUESS.fullmatch(line)
        if not guess or not 1 <= int(guess[1]) <= 30:
            say(sock, "Pick a number between 1-30")
        elif int(guess[1]) == client.secret:
            say(sock, "Correct")
            finish(sock)
        else:
            say(sock, "Close" if abs(int(guess[1]) - client.secret) <= 2 else "Far")


def read(sock):
    client = clients[sock]
    data = sock.recv(4096)
    if not data:
        raise ConnectionError
    if client.state == "finished":
        return
    if client.port == "admin" and data in (b"Hello", b"Who"):
        if data == b"Hello":
            sock.sendall(b"Admin-Greetings")
        else:
            sock.sendall(b"".join(b"%s %d\r\n" % (other.addr[0].encode(), other.addr[1]) for other in clients.values() if other.state == "playing") or b"\r\n")
            finish(sock)
        return
    if client.port == "admin":
        return
    *whole, client.buffer = (client.buffer + data).split(b"\n")
    for line in whole:
        if client.state != "finished":
            answer(sock, client, line.decode("latin-1").strip().lower())
    if len(client.buffer) > 512 and client.state != "finished":
        refuse(sock, "line too long")


player_listener = listen("GAME_PLAYER_PORT", 4000)
admin_listener = listen("GAME_ADMIN_PORT", 4001)
while True:
    readable, _, _ = select.select([player_listener, admin_listener, *clients], [], [])
    for sock in readable:
        if sock in (player_listener, admin_listener):
            conn, addr = sock.accept()
            clients[conn] = Client(addr, "player" if sock is player_listener else "admin")
            continue
        try:
            read(sock)
        except OSError:
            del clients[sock]
            sock.close()
