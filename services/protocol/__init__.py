"""The wire protocol of docs/protocol.md, pure: bytes, lines and messages, but no sockets and no clock.

Server, clients and tests share it; whatever is said on a wire of this game is said in these terms.
"""
