"""What a peer can get wrong. Our own mistakes are ordinary Python errors."""


class ProtocolError(Exception):
    """The peer broke the protocol; `reason` is fit to be sent to it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LineTooLongError(ProtocolError):
    """A line of more than 512 octets (clause F-2)."""


class OutOfTurnError(ProtocolError):
    """A message that the state machine does not allow now (clause S-1)."""
