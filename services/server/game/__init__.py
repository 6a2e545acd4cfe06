"""What the server answers, pure: lines in, effects out. No sockets, no clock, no log."""
