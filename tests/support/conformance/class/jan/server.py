# Threads; its ports are not free at once after an end, and it dies of the second when it has the first.
import os
import random
import re
import socket
import threading

GUESS = re.compile(r"(?:(?:my )?guess(?: is)?\s*:)?\s*([0-9]{1,20})")


def listen(name, usual):
    listener = socket.socket()
    listener.bind(("", int(os.environ.get(name, usual))))
    listener.listen(128)
    return listener


players = []


def lines(conn):
    buffer = b""
    while len(buffer) <= 512:
        data = conn.recv(4096)
        if not data:
            return
        *whole, buffer = (buffer + data).split(b"\n")
        for line in whole:
            yield line.decode("latin-1").strip().lower()


def say(conn, text):
    conn.sendall((text + "\r\n").encode())


def play(conn, addr):
    said = lines(conn)
    if next(said, "") != "hello":
        return say(conn, "Refused: say Hello first")
    say(conn, "Greetings")
    if next(said, "") != "game":
        return say(conn, "Refused: say Game first")
    secret = random.randint(1, 30)
    players.append(addr)
    try:
        say(conn, "Ready")
        for line in said:
            guess = GUESS.fullmatch(line)
            if not guess or not 1 <= int(guess[1]) <= 30:
                say(conn, "Pick a number between 1-30")
            elif int(guess[1]) == secret:
                players.remove(addr)
                return say(conn, "Correct")
            else:
                say(conn, "Close" if abs(int(guess[1]) - secret) <= 2 else "Far")
    finally:
        if addr in players:
            players.remove(addr)


def administer(conn, addr):
    said = lines(conn)
    if next(said, "") not in ("hello", "admin-hello"):
        return say(conn, "Refused: say Hello first")
    say(conn, "Admin-Greetings")
    if next(said, "") != "who":
        return say(conn, "Refused: say Who")
    say(conn, "\r\n".join("%s %d" % player for player in players))


def serve(work, conn, addr):
    try:
        work(conn, addr)
        # All has been said; who still speaks must not have the answer reset.
        conn.shutdown(socket.SHUT_WR)
        conn.settimeout(2)
        while conn.recv(65536):
            pass
    except OSError:
        pass
    conn.close()


def accept(listener, work):
    while True:
        threading.Thread(target=serve, args=(work, *listener.accept())).start()


guests = listen("GAME_PLAYER_PORT", 4000)
admins = listen("GAME_ADMIN_PORT", 4001)
threading.Thread(target=accept, args=(admins, administer)).start()
accept(guests, play)
