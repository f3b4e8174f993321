"""What a stranger installs: the client and the `photochrom` command."""

from photochrom.client import Client
from photochrom.errors import ClientError, DownloadDamaged, ProblemError, ServerUnreachable, WebhookNotGenuine
from photochrom.records import Item, Job
from photochrom.webhooks import verify_webhook

__all__ = [
    "Client",
    "ClientError",
    "DownloadDamaged",
    "Item",
    "Job",
    "ProblemError",
    "ServerUnreachable",
    "WebhookNotGenuine",
    "verify_webhook",
]
