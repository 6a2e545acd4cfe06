"""Servers that each break one clause, small and deliberate; server_mutants runs them."""
