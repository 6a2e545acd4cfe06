"""The Guessing Game: one server, its clients, and what they share."""
