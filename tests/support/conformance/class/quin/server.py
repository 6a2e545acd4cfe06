# Threads and recv, as far as the first lecture goes: no error is thought of.
import os
import random
import socket
import threading

PLAYER_PORT = int(os.environ.get("GAME_PLAYER_PORT", 4000))
ADMIN_PORT = int(os.environ.get("GAME_ADMIN_PORT", 4001))
players = []


def handle_player(conn, addr):
    msg = conn.recv(1024).decode()
    if msg.strip() == "Hello":
        conn.send("Greetings\r\n".encode())
    msg = conn.recv(1024).decode()
    number = random.randint(1, 30)
    players.append(addr)
    if msg.strip() == "Game":
        conn.send("Ready\r\n".encode())
    while True:
        msg = conn.recv(1024).decode()
        guess = int(msg.split(":")[1])
        if guess == number:
            conn.send("Correct\r\n".encode())
            break
        elif abs(guess - number) <= 2:
            conn.send("Close\r\n".encode())
        else:
            conn.send("Far\r\n".encode())
    players.remove(addr)
    conn.close()


def handle_admin(conn, addr):
    msg = conn.recv(1024).decode()
    if msg.strip() == "Hello":
        conn.send("Admin-Greetings\r\n".encode())
    msg = conn.recv(1024).decode()
    if msg.strip() == "Who":
        answer = ""
        for player in players:
            answer += player[0] + " " + str(player[1]) + "\r\n"
        conn.send(answer.encode())
    conn.close()


def admin_loop():
    s = socket.socket()
    s.bind(("", ADMIN_PORT))
    s.listen(5)
    while True:
        conn, addr = s.accept()
        threading.Thread(target=handle_admin, args=(conn, addr)).start()


threading.Thread(target=admin_loop).start()
s = socket.socket()
s.bind(("", PLAYER_PORT))
s.listen(5)
print("server is running")
while True:
    conn, addr = s.accept()
    threading.Thread(target=handle_player, args=(conn, addr)).start()
