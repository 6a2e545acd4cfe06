"""The server: players on one port, one administrator on another."""
