"""What the servers of one game share: players, the administrator's seat, rounds, and what happens.

One interface, two implementations: in memory for a server by itself, in Valkey for many. One suite of
tests holds both to it.
"""
