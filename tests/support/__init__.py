"""What several test folders share: the running topology, its logs, and a client that speaks lines."""
