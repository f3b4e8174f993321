"""`photochrom keys`: the API keys of a server that others can reach."""

from __future__ import annotations

import re

import click

from api.auth import create_key, list_keys, revoke_key
from cli.reporting import Group
from shared import layout
from shared.clock import SystemClock
from shared.settings import load
from shared.storage import ObjectStore
from shared.storage.opening import open_store

_TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

#: How much of a key's digest is shown and asked for.
_SHOWN = 12


@click.group(cls=Group)
def keys() -> None:
    """Make, list and revoke API keys."""


@keys.command()
@click.option("--tenant", default=layout.DEFAULT_TENANT, show_default=True, help="Whose requests the key makes.")
@click.option("--name", default="", help="What people call the key.")
def create(tenant: str, name: str) -> None:
    """Make a key and print it, once: only its hash is stored."""
    if not _TENANT.fullmatch(tenant):
        raise click.UsageError(f"A tenant is 1 to 63 of a-z, 0-9 and -, and does not begin with -; got {tenant!r}.")
    click.echo(create_key(_store(), SystemClock(), tenant=tenant, name=name))


@keys.command("list")
def list_() -> None:
    """List the keys by the beginning of their hashes."""
    for key in list_keys(_store()):
        click.echo(f"{key.digest[:_SHOWN]}  {key.tenant}  {key.created_at}  {key.name}")


@keys.command()
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """Revoke the key whose hash begins with KEY_ID; servers notice within 30 s."""
    store = _store()
    found = [key for key in list_keys(store) if key.digest.startswith(key_id)]
    if len(found) != 1:
        raise click.UsageError(f"{len(found)} keys begin with {key_id!r}; `photochrom keys list` shows them.")
    revoke_key(store, found[0].digest)
    click.echo(f"Revoked {found[0].digest[:_SHOWN]}.")


def _store() -> ObjectStore:
    return open_store(load())
