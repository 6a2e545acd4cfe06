"""The conformance kit: any server and any client of the game, judged by the clauses of docs/protocol.md.

It knows the programs it judges by their bytes alone, our own included: blocking sockets, a deadline for
every wait. What is asked of a program is a list of checks (server_*.py, client_checks.py, admin_checks.py);
everything else here lets them be asked, survives the answers and reports them.
"""
