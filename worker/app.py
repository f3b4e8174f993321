"""The Celery app of a worker: one task, the bell."""

from __future__ import annotations

import os
import signal
import threading
from functools import cache
from typing import Any

import billiard.pool
from celery import Celery, current_app
from celery.signals import worker_process_init

from shared import logs
from shared.bells import TASK, broker_settings, queue
from shared.errors import NetSelfTestFailed
from shared.recipes import MAX_CANDIDATES
from shared.registry import Registry, load_registry
from shared.settings import Settings, environment, load
from worker import metrics
from worker.allocator import reuse_memory
from worker.leases import deadline
from worker.slices import AHEAD, STRETCH, work
from worker.workshop import Workshop, on_gpu, open_bench, served_models

#: Items that a slice may have in hand when it is over: what it fetched ahead, what it colors, one to be tried alone.
_IN_HAND = AHEAD + 2

#: What a child waits for its parent to read its last result, in tenths of a second. The default of 300 makes a warm
#: shutdown hang for 30 s when a bell ends just then.
_LAST_RESULT_TENTHS = 10

#: Tells a host that one of its nets answers wrongly.
LEAVE = signal.SIGUSR2

_log = logs.logger(__name__)

_opening = threading.Lock()


class BellCelery(Celery):
    """A Celery app that brings its task along: a spawned child unpickles configuration, not closures."""

    def on_init(self) -> None:
        """Registers the task, in the parent and in each spawned child."""
        billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = _LAST_RESULT_TENTHS
        self.task(bell, name=TASK, ignore_result=True, shared=False)
        worker_process_init.connect(_open_child, weak=False, dispatch_uid="photochrom")


def bell(model: str) -> None:
    """Hears one bell; a net that fails its self-test has the whole host leave."""
    shop = _workshop()
    try:
        with metrics.busy():
            work(shop, model)
    except NetSelfTestFailed as error:
        _log.critical(
            "net_self_test_failed",
            model=model,
            detail=error.detail,
            host=shop.settings.host,
            unproved_items=shop.proofs.every,
        )
        os.kill(current_app.conf.photochrom_host, LEAVE)


def make_celery(settings: Settings, registry: Registry) -> Celery:
    """Returns the app of a worker host."""
    app = BellCelery("photochrom", set_as_current=False)
    app.conf.update(
        **broker_settings(settings.redis_url),
        photochrom=environment(settings),
        photochrom_host=os.getpid(),
        task_queues=[queue(digest) for digest in served_models(settings, registry)],
        task_acks_late=True,
        task_reject_on_worker_lost=False,
        task_time_limit=_longest(settings),
        worker_prefetch_multiplier=1,
        worker_concurrency=settings.workers,
        worker_pool="threads" if on_gpu(settings) else "prefork",
        worker_pool_start_method="spawn",
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_enable_prefetch_count_reduction=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
    )
    return app


def _longest(settings: Settings) -> float:
    """Returns the seconds after which a task hangs, though each of its items has a deadline and keeps it."""
    item = MAX_CANDIDATES * deadline(0, megapixels=settings.max_megapixels)
    return STRETCH * settings.slice_seconds + _IN_HAND * item


def _open_child(**_: Any) -> None:
    """Loads the nets before the first bell, so that it need not wait."""
    reuse_memory()
    settings = load(current_app.conf.photochrom)
    logs.configure(fmt=settings.log_format, level=settings.log_level)
    if settings.metrics_port:
        metrics.turn_on()
    _workshop()


def _workshop() -> Workshop:
    # Of the threads of one process only the first may open it.
    with _opening:
        return _open_workshop()


@cache
def _open_workshop() -> Workshop:
    settings = load(current_app.conf.photochrom)
    return open_bench(settings, load_registry(settings.models_dir), current_app._get_current_object())
