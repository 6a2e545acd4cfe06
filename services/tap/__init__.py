"""A tap between anybody's client and server: shows every line, and names the clause that a line breaks."""
