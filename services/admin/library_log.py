"""What libraries log through the standard library, as events of docs/logs.md."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


class _Handler(logging.Handler):
    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        reason = record.getMessage().strip().partition("\n")[0]
        if record.levelno >= logging.ERROR:
            self._log.error("callback_failed", reason=reason, exc_info=record.exc_info)
        else:
            # uvicorn warns of what is wrong with a request, and anybody can send one.
            self._log.debug("request_refused", reason=reason)


def log_libraries(log: FilteringBoundLogger) -> None:
    """Log what asyncio and uvicorn have to say through `log`, and nowhere else."""
    logging.basicConfig(handlers=[_Handler(log)], level=logging.WARNING, force=True)
