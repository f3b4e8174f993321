"""`photochrom keys`: the API keys of a server that others can reach."""

from __future__ import annotations

import re
from collections.abc import Iterable

import click

from api.keys import USUAL, ApiKey, Scope, create_key, list_keys, revoke_key, rotate_key
from cli.reporting import Group
from shared import layout
from shared.clock import SystemClock
from shared.settings import load
from shared.storage import ObjectStore
from shared.storage.opening import open_store

_TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

_SPAN = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

#: How much of a key's digest is shown and asked for.
_SHOWN = 12


def span(text: str) -> float:
    """Returns the seconds of a number of seconds, minutes, hours or days, such as 90d."""
    found = _SPAN.fullmatch(text)
    if not found:
        raise click.BadParameter(f"{text!r} is no span of time such as 90d, 24h, 30m or 0s.")
    return float(int(found[1]) * _SECONDS[found[2]])


@click.group(cls=Group)
def keys() -> None:
    """Make, list, rotate and revoke API keys."""


@keys.command()
@click.option("--tenant", default=layout.DEFAULT_TENANT, show_default=True, help="Whose requests the key makes.")
@click.option("--name", default="", help="What people call the key.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    help="What it may do; give it several times for several. Without it: submit and read.",
)
@click.option("--expires", type=span, help="How long it is good for, such as 90d or 12h; for ever if left out.")
def create(tenant: str, name: str, scopes: tuple[str, ...], expires: float | None) -> None:
    """Make a key and print it, once: only its hash is stored."""
    if not _TENANT.fullmatch(tenant):
        raise click.UsageError(f"A tenant is 1 to 63 of a-z, 0-9 and -, and does not begin with -; got {tenant!r}.")
    if expires == 0:
        raise click.UsageError("A key that expires at once opens nothing.")
    wanted: Iterable[Scope] = [Scope(name) for name in scopes] or USUAL
    click.echo(create_key(_store(), SystemClock(), tenant=tenant, name=name, scopes=wanted, seconds=expires))


@keys.command("list")
def list_() -> None:
    """List the keys by the beginning of their hashes, with what they may do and until when."""
    now = SystemClock().now()
    for key in list_keys(_store()):
        scopes = ",".join(sorted(key.scopes))
        click.echo(f"{key.digest[:_SHOWN]}  {key.tenant}  {key.created_at}  {scopes}  {_state(key, now)}  {key.name}")


@keys.command()
@click.argument("key_id")
@click.option("--overlap", type=span, default="24h", show_default=True, help="How long the old key stays good.")
def rotate(key_id: str, overlap: float) -> None:
    """Make a key that replaces the one whose hash begins with KEY_ID, and print it, once.

    It has the same tenant, name, scopes and lifetime. The old one is good until the overlap is over.
    """
    store, clock = _store(), SystemClock()
    old = _named(store, key_id)
    if not old.opens(clock.now()):
        raise click.UsageError(
            f"The key {old.digest[:_SHOWN]} opens nothing any more; `photochrom keys create` a new one."
        )
    click.echo(rotate_key(store, clock, old, overlap=overlap))
    click.echo(f"The old key {old.digest[:_SHOWN]} is good for {overlap:,.0f} s more.", err=True)


@keys.command()
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """Revoke the key whose hash begins with KEY_ID; servers notice within 30 s."""
    store = _store()
    found = _named(store, key_id)
    revoke_key(store, SystemClock(), found)
    click.echo(f"Revoked {found.digest[:_SHOWN]}.")


def _state(key: ApiKey, now: float) -> str:
    if key.revoked_at:
        return f"revoked {key.revoked_at}"
    if key.expires_at is None:
        return "good"
    return f"{'good until' if key.opens(now) else 'expired'} {key.expires_at}"


def _named(store: ObjectStore, key_id: str) -> ApiKey:
    found = [key for key in list_keys(store) if key.digest.startswith(key_id)]
    if len(found) != 1:
        raise click.UsageError(f"{len(found)} keys begin with {key_id!r}; `photochrom keys list` shows them.")
    return found[0]


def _store() -> ObjectStore:
    return open_store(load())
