"""The administrator: who plays now, once or all the time; in a terminal, in the log, on a page."""
