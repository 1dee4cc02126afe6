"""Structured logs: dotted event names with fields; ids are bound once per message or request."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from shared.printable import printable, printable_lines

QUOTED = set(" \t=\r\n\"'")
"""structlog quotes a field with one of these characters, and then escapes all that need it."""


def configure(service: str, *, log_format: str, level: str) -> None:
    """Write all logs, those of libraries too, to standard error in one format."""

    def name_service(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        name_service,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Plain tracebacks: rich tracebacks print local variables, which may hold passwords.
    renderer: Any = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    rendering: list[Any] = [structlog.processors.format_exc_info, _escape, renderer]
    if log_format == "json":
        rendering = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in ("httpx", "httpcore", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _escape(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape control characters, with which a stranger's text could forge lines of the log, or
    change what a terminal shows.
    """
    for name, value in event.items():
        if name in ("event", "exception"):
            event[name] = printable_lines(str(value))
        elif isinstance(value, str) and not QUOTED.intersection(value):
            event[name] = printable(value)
    return event


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose events carry the fields bound to the current message or request."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
