"""How to guess, pure: what the replies allow, which number to try next, and how long that takes on average.

Nothing here knows of connections; the dice are an argument.
"""
