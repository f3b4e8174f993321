"""Logs: one line an event, JSON in production, readable in a terminal; no line holds a secret."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog

Logger = structlog.stdlib.BoundLogger

#: What opens something, each behind what shows which kind it is.
_SECRETS = re.compile(
    r"""
    (?P<kind>
        \bpc_(?=[\w-]{43})                                              # API keys
      | \bwhsec_                                                        # secrets of webhooks (Standard Webhooks)
      | \bv1a?,(?=[\w+/-]{40})                                          # and their signatures
      | \b(?i:bearer|basic)\s+                                          # Authorization
      | \b(?i:X-Amz-(?:Signature|Credential|Security-Token)=)            # signed links (AWS Signature Version 4)
      | \b(?:Signature|Credential)=                                      # and signed headers
      | ://[^\s/:@"']*:(?=[^\s/@"']+@)                                   # the password of an address
    )
    [^\s"'\\,;&<>@}]+
    """,
    re.VERBOSE,
)


def configure(*, fmt: str = "auto", level: str = "info") -> None:
    """Sends every log line of this process to standard error.

    `fmt` is "text", "json" or "auto" (text on a terminal); `level` the least level that is logged.
    """
    text = fmt == "text" or (fmt == "auto" and sys.stderr.isatty())
    renderer: Any = (
        # Its own tracebacks show the values of variables: keys, and bytes of pictures.
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if text
        else structlog.processors.JSONRenderer()
    )
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info if not text else structlog.processors.UnicodeDecoder(),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            # Last, so that whatever wrote a secret, a field, an error or a traceback, it does not come out.
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer, _hide],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Celery and botocore tell at INFO what is of no use to an operator.
    for name in ("celery", "kombu", "botocore", "boto3", "urllib3", "numba"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def redacted(text: str) -> str:
    """Returns the text with every API key, signature, webhook secret and password in it replaced by `[hidden]`."""
    return _SECRETS.sub(r"\g<kind>[hidden]", text)


def _hide(_: Any, __: str, line: Any) -> str:
    return redacted(line)


def logger(name: str) -> Logger:
    """Returns the logger of one module."""
    log: Logger = structlog.stdlib.get_logger(name)
    return log
