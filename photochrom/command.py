"""The command `photochrom`: a group whose commands are imported when they are called."""

from __future__ import annotations

import importlib
from importlib.metadata import version

import click

#: Command -> where it is, what it does, and the extra that it needs.
_COMMANDS = {
    "colorize": ("cli.colorize:colorize", "Color pictures here and now, without a service.", "up"),
    "up": ("cli.up:up", "Run everything on this machine: page, API, workers, storage.", "up"),
    "submit": ("photochrom.commands.submit:submit", "Color scans with a running service.", ""),
    "verify": ("photochrom.commands.verify:verify", "Check that results are still what was made.", ""),
    "status": ("photochrom.commands.jobs:status", "Say how far a job is.", ""),
    "list": ("photochrom.commands.jobs:list_", "List the newest jobs.", ""),
    "pause": ("photochrom.commands.jobs:pause", "Let nothing more of a job begin.", ""),
    "resume": ("photochrom.commands.jobs:resume", "Let a paused job go on.", ""),
    "priority": ("photochrom.commands.jobs:priority", "Say which of your jobs goes first.", ""),
    "retry": ("photochrom.commands.retry:retry", "Make a new job of what failed in one.", ""),
    "cancel": ("photochrom.commands.jobs:cancel", "Cancel what has not begun.", ""),
    "delete": ("photochrom.commands.jobs:delete", "Delete the records of a job that has ended.", ""),
    "report": ("photochrom.commands.jobs:report", "Print what became of every item of a job.", ""),
    "api": ("cli.api:api", "Serve the HTTP API and the web page.", "api"),
    "worker": ("cli.worker:worker", "Work on items until told to stop.", "worker"),
    "sweep": ("cli.sweep:sweep", "Do for dead workers what they cannot do any more.", "worker"),
    "recover": ("cli.recover:recover", "Rebuild the index from storage.", "worker"),
    "prune": ("cli.prune:prune", "Remove what no job names any more.", "worker"),
    "models": ("cli.models:models", "List, fetch, verify, add, convert and evaluate the nets.", "worker"),
    "keys": ("cli.keys:keys", "Make, list, rotate and revoke API keys.", "api"),
    "webhooks": ("cli.webhooks:webhooks", "Show and replay webhooks, and the secret that signs them.", "api"),
    "doctor": ("cli.doctor:doctor", "Check nets, storage and index.", "worker"),
}


class LazyGroup(click.Group):
    """Knows its commands by name and a line; imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names in the order of the table."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command; says which extra is missing where that fails."""
        if cmd_name not in _COMMANDS:
            return None
        place, _, extra = _COMMANDS[cmd_name]
        module, name = place.split(":")
        try:
            command: click.Command = getattr(importlib.import_module(module), name)
        except ModuleNotFoundError as error:
            if not extra:
                raise
            raise click.UsageError(
                f"`photochrom {cmd_name}` needs more than the client ({error.name} is missing): "
                f"pip install 'photochrom[{extra}]'"
            ) from error
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line, _) in _COMMANDS.items()])


@click.group(cls=LazyGroup)
@click.version_option(version("photochrom"), prog_name="photochrom")
def main() -> None:
    """Add color to black-and-white photographs, from one to a million."""
