"""What a stranger installs: the client and the `photochrom` command."""

from photochrom.client import Client
from photochrom.errors import ClientError, DownloadDamaged, ProblemError, ServerUnreachable
from photochrom.records import Item, Job

__all__ = ["Client", "ClientError", "DownloadDamaged", "Item", "Job", "ProblemError", "ServerUnreachable"]
