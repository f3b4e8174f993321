"""How operator commands say what went wrong: the words of the error, its code, and exit status 2 or 3."""

from __future__ import annotations

from typing import Any

import click

from shared.errors import PhotochromError, Unavailable


class Failure(click.ClickException):
    """An error of the tree, as a person reads it."""

    exit_code: int  # type: ignore[misc]  # each failure has its own

    def __init__(self, error: PhotochromError) -> None:
        super().__init__(f"{error.detail} [{error.code}]")
        self.exit_code = 3 if isinstance(error, Unavailable) else 2


class Command(click.Command):
    """A command that ends with words instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except PhotochromError as error:
            raise Failure(error) from error


class Group(click.Group):
    """A group whose commands end with words instead of a traceback."""

    command_class = Command
