"""A strawman: what most would build. One Celery task an item, acks_late, its result a file; no leases, no sweeper.

`python -m tests.chaos.strawman BROKER_URL FOLDER` is one of its worker hosts.
"""

from __future__ import annotations

import hashlib
import sys
import time
from pathlib import Path

from celery import Celery

from cli.tether import follow_parent
from tests.chaos.site import Site

#: How long an item takes, seconds.
_ITEM_SECONDS = 0.02

#: Where each attempt leaves a line.
_BEGUN = "begun"


def make_app(broker_url: str, folder: str) -> Celery:
    """Returns the app, with Celery's defaults but for acks_late."""
    app = Celery("strawman", broker=broker_url, set_as_current=False)
    app.conf.update(task_acks_late=True, task_ignore_result=True, broker_connection_retry_on_startup=True)

    def color(item: str) -> None:
        with Path(folder, _BEGUN).open("a") as file:
            file.write(f"{item}\n")
        time.sleep(_ITEM_SECONDS)
        Path(folder, f"{item}.txt").write_text(hashlib.sha256(item.encode()).hexdigest())

    app.task(color, name="color", shared=False)
    return app


class Strawman(Site):
    """Its site: two worker hosts of two processes."""

    def __init__(self, folder: Path) -> None:
        """Starts nothing yet."""
        super().__init__(folder)
        self.results = folder / "results"
        self.results.mkdir()
        self.app = make_app(self.valkey.broker_url, str(self.results))
        arguments = ("-m", "tests.chaos.strawman", self.valkey.broker_url, str(self.results))
        self.hosts = [self.process(f"host{number}", *arguments, environment={}) for number in range(2)]

    def submit(self, item: str) -> None:
        """Sends one item; whoever sees this return believes that it will be made."""
        self.app.send_task("color", args=[item], task_id=item)

    def made(self) -> set[str]:
        """Returns the items that have a result."""
        return {path.stem for path in self.results.glob("*.txt")}

    def begun(self) -> int:
        """Returns how many attempts there were."""
        path = self.results / _BEGUN
        return len(path.read_text().splitlines()) if path.exists() else 0


if __name__ == "__main__":
    follow_parent()
    make_app(*sys.argv[1:3]).worker_main(["--quiet", "worker", "--concurrency=2", "--loglevel=error"])
