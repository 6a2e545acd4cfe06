"""The player: a person at a terminal, or bots that play by themselves."""
