"""What a stranger installs: the client and the `photochrom` command."""

from photochrom.client import Client
from photochrom.coloring import Colored, Outcome, Progress, colorize
from photochrom.errors import (
    ClientError,
    DownloadDamaged,
    IntakeInvalid,
    InUse,
    NoSpace,
    ProblemError,
    ServerUnreachable,
    StateDamaged,
    StorageRefused,
    WebhookNotGenuine,
)
from photochrom.scans.filters import Filters
from photochrom.webhooks import verify_webhook
from photochrom.wire.records import Item, Job
from photochrom.wire.states import States

__all__ = [
    "Client",
    "ClientError",
    "Colored",
    "DownloadDamaged",
    "Filters",
    "InUse",
    "IntakeInvalid",
    "Item",
    "Job",
    "NoSpace",
    "Outcome",
    "ProblemError",
    "Progress",
    "ServerUnreachable",
    "StateDamaged",
    "States",
    "StorageRefused",
    "WebhookNotGenuine",
    "colorize",
    "verify_webhook",
]
