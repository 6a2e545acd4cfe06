# asyncio; takes whatever float() understands for a number.
import asyncio
import os
import random

players = []


async def line(reader):
    data = await reader.readline()
    return data.decode("latin-1").strip().lower() if data.endswith(b"\n") else None


def say(writer, text):
    writer.write((text + "\r\n").encode())


async def play(reader, writer):
    addr = writer.get_extra_info("peername")
    if await line(reader) != "hello":
        return say(writer, "Refused: say Hello first")
    say(writer, "Greetings")
    if await line(reader) != "game":
        return say(writer, "Refused: say Game first")
    say(writer, "Ready")
    secret = random.randint(1, 30)
    players.append(addr)
    try:
        while (said := await line(reader)) is not None:
            try:
                guess = int(float(said.split(":")[1]))
            except (IndexError, ValueError, OverflowError):
                guess = 0
            if not 1 <= guess <= 30:
                say(writer, "Pick a number between 1-30")
            elif guess == secret:
                return say(writer, "Correct")
            else:
                say(writer, "Close" if abs(guess - secret) <= 2 else "Far")
    finally:
        players.remove(addr)


async def administer(reader, writer):
    if await line(reader) not in ("hello", "admin-hello"):
        return say(writer, "Refused: say Hello first")
    say(writer, "Admin-Greetings")
    if await line(reader) != "who":
        return say(writer, "Refused: say Who")
    say(writer, "\r\n".join("%s %d" % player[:2] for player in players))


def serving(work):
    async def serve(reader, writer):
        try:
            await work(reader, writer)
            await writer.drain()
            writer.write_eof()
            while await asyncio.wait_for(reader.read(65536), 2):
                pass
        except (OSError, ValueError, asyncio.TimeoutError):
            pass
        finally:
            writer.close()

    return serve


async def main():
    ports = (("GAME_PLAYER_PORT", 4000, play), ("GAME_ADMIN_PORT", 4001, administer))
    servers = [
        await asyncio.start_server(serving(work), "0.0.0.0", int(os.environ.get(name, usual)), backlog=128)
        for name, usual, work in ports
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


asyncio.run(main())
