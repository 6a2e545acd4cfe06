"""The live page: the board as JSON, as a stream and drawn in a browser. Read-only, and without rules."""
