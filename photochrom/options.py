"""Options and errors that the client's commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from photochrom.client import DEFAULT_SERVER
from photochrom.errors import ClientError, ServerUnreachable

F = TypeVar("F", bound=Callable[..., Any])

#: Exit statuses beside 0.
SOME_FAILED = 1
USAGE = 2
UNREACHABLE = 3


class Failure(click.ClickException):
    """A client's error, as a person reads it."""

    exit_code: int  # type: ignore[misc]  # each failure has its own

    def __init__(self, error: ClientError) -> None:
        hint = ""
        if isinstance(error, ServerUnreachable):
            hint = "\nIs it running? `photochrom up` starts one on this machine; --server names another."
        super().__init__(f"{error}{hint}")
        self.exit_code = UNREACHABLE if isinstance(error, ServerUnreachable) else USAGE


class Command(click.Command):
    """A command that ends with words instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except ClientError as error:
            raise Failure(error) from error
        except OSError as error:
            raise click.ClickException(f"{error.filename or ''}: {error.strerror or error}") from error


def server_options(function: F) -> F:
    """Adds --server and --api-key."""
    function = click.option("--api-key", envvar="PHOTOCHROM_API_KEY", help="API key (PHOTOCHROM_API_KEY).")(function)
    return click.option(
        "--server",
        default=DEFAULT_SERVER,
        envvar="PHOTOCHROM_SERVER",
        show_default=True,
        help="Address of the server (PHOTOCHROM_SERVER).",
    )(function)


def json_option(function: F) -> F:
    """Adds --json."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output.")(function)
