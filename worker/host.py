"""A worker host: one Celery worker with a process a slot, and what belongs to it once a machine."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace
from typing import Any

from celery.signals import worker_ready, worker_shutting_down
from celery.worker import state as celery_state

from models.answers import prove
from models.nets import load_net
from shared import logs
from shared.errors import PhotochromError, StorageUnavailable
from shared.index.hosts import ALIVE_SECONDS, Host
from shared.recipes import PIPELINE_VERSION
from shared.registry import Registry, load_registry
from shared.settings import Settings
from worker import metrics
from worker.app import LEAVE, make_celery
from worker.exporter import Exporter, exporting
from worker.sweeper import Sweeper
from worker.webhooks.courier import open_courier
from worker.workshop import Workshop, open_sandbox, open_workshop, served_models

_log = logs.logger(__name__)

#: How often the host says that it is alive, seconds.
_ANNOUNCE_SECONDS = ALIVE_SECONDS / 4

#: A host that neither claims nor renews for this long while bells wait is wedged, seconds.
_SILENCE_SECONDS = 45

#: How long a host waits before it looks again whether its storage is there, seconds.
_STORAGE_SECONDS = 5.0

#: Exit status of a host whose net answers wrongly: EX_SOFTWARE of sysexits.h.
NET_FAILED = 70

#: What such a host gives its other slots to end what they have begun, seconds.
_LEAVE_SECONDS = 60


def run(settings: Settings) -> int:
    """Works until it is told to stop; returns the exit status.

    Raises an error of the `Misconfigured` family, before anything is claimed, where models or storage do not hold up.
    """
    settings = replace(settings, workers=settings.workers or os.cpu_count() or 1)
    with exporting(settings) as exporter:
        return _run(settings, exporter)


def _run(settings: Settings, exporter: Exporter) -> int:
    registry = load_registry(settings.models_dir)
    host = prove_host(settings, registry)
    metrics.has_slots(host.slots)
    app = make_celery(settings, registry)
    shop = open_workshop(settings, registry, app)
    prove_storage(shop)
    companions = _Companions(shop, host)
    exporter.health = companions.ill
    worker_ready.connect(companions.start, weak=False, dispatch_uid="photochrom.ready")
    worker_shutting_down.connect(companions.drain, weak=False, dispatch_uid="photochrom.drain")
    worker = app.Worker(
        hostname=settings.host, quiet=True, without_gossip=True, without_mingle=True, without_heartbeat=True
    )
    signal.signal(LEAVE, companions.leave)
    worker.start()
    companions.stop()
    return int(worker.exitcode or 0)


def prove_storage(shop: Workshop) -> None:
    """Proves the storage and waits for one that is away, full or locked; raises StorageUnfit for one that never fits.

    A host that ended instead would be started again and again, and its net be loaded each time.
    """
    while True:
        try:
            shop.store.probe()
        except StorageUnavailable as error:
            _log.warning("storage_away", code=error.code, detail=error.detail)
            shop.clock.sleep(_STORAGE_SECONDS)
        else:
            return


def prove_host(settings: Settings, registry: Registry) -> Host:
    """Loads and proves each served net once, has the sandbox compile the kernels, and returns what the host announces.

    A worker process that fails at its start is started again without end, so all that can fail is tried here first.
    """
    engines = set()
    served = served_models(settings, registry)
    sandbox = open_sandbox(settings)
    for model in served.values():
        net = load_net(
            model, settings.models_dir, threads=settings.workers, engine=settings.engine, device=settings.device
        )
        prove(net, model, settings.models_dir)
        metrics.self_tested(passed=True)
        engines.add(net.engine)
    with sandbox:
        sandbox.prove()
    host = Host(
        name=settings.host,
        slots=settings.workers,
        models={model.name: digest for digest, model in served.items()},
        engine=", ".join(sorted(engines)),
        pipeline=PIPELINE_VERSION,
    )
    _log.info("host_proved", host=host.name, slots=host.slots, models=sorted(host.models), engine=host.engine)
    return host


class _Companions:
    """The threads beside the Celery worker: the announcer, the sweeper, the courier, the watchdog."""

    def __init__(self, shop: Workshop, host: Host) -> None:
        self._shop = shop
        self._host = host
        self._stop = threading.Event()
        self._threads: tuple[threading.Thread, ...] = ()
        self._undrained = False

    def start(self, **_: Any) -> None:
        """Starts them; Celery calls this when the worker is ready."""
        sweeper = Sweeper(shop=self._shop, name=f"{self._host.name}/{self._shop.token}")
        self._undrain()
        self._threads = tuple(
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (
                ("announcer", self._announce),
                ("watchdog", self._watch),
                ("sweeper", lambda: sweeper.run(self._stop)),
                ("courier", lambda: open_courier(self._shop).run(self._stop, leader=sweeper.name)),
            )
        )
        for thread in self._threads:
            thread.start()

    def ill(self) -> str | None:
        """Returns why a supervisor should start the host again, or None.

        An index or a storage that is away is no reason: no start brings it back. Nor is a host that hears no bells,
        which its watchdog ends.
        """
        if not self._threads:
            return "starting"
        dead = [thread.name for thread in self._threads if not thread.is_alive()]
        return f"ended: {', '.join(dead)}" if dead and not self._stop.is_set() else None

    def drain(self, **_: Any) -> None:
        """Makes claims find nothing; Celery calls this when the worker is told to stop."""
        self._stop.set()
        self._patiently(lambda: self._shop.index.hosts.drain(self._host.name))

    def leave(self, *_: Any) -> None:
        """Ends this host: what its net says may be wrong."""
        celery_state.should_stop = NET_FAILED
        self.drain()
        last_call = threading.Timer(_LEAVE_SECONDS, os._exit, (NET_FAILED,))
        last_call.daemon = True
        last_call.start()

    def stop(self) -> None:
        """Ends the threads and takes the host off the list."""
        self._stop.set()
        self._patiently(lambda: self._shop.index.hosts.leave(self._host.name))

    def _undrain(self) -> None:
        """Takes the mark of an earlier life away, unless that was done."""
        self._undrained = self._undrained or self._patiently(lambda: self._shop.index.hosts.undrain(self._host.name))

    def _announce(self) -> None:
        while True:
            self._undrain()
            metrics.announced(reachable=self._patiently(lambda: self._shop.index.hosts.announce(self._host)))
            if self._stop.wait(_ANNOUNCE_SECONDS):
                return

    def _watch(self) -> None:
        """Ends a worker that hears bells no more; whoever supervises it starts it again.

        Celery 5.7 never fetches again when the broker went away while every slot was busy.
        """
        while not self._stop.wait(_SILENCE_SECONDS):
            try:
                if not self._wedged():
                    continue
            except PhotochromError as error:
                _log.warning("watchdog_blind", code=error.code, detail=error.detail)
                continue
            _log.critical("worker_wedged", host=self._host.name, silent_for=_SILENCE_SECONDS)
            # Its children follow: each asked the kernel for a signal when its parent dies.
            os.kill(os.getpid(), signal.SIGKILL)

    def _wedged(self) -> bool:
        index, bells = self._shop.index, self._shop.bells
        ours = [model for model in index.wanted_models() if model in self._host.models.values()]
        unheard = any(bells.waiting(model) for model in ours)
        return unheard and index.hosts.silence(self._host.name) > _SILENCE_SECONDS

    def _patiently(self, call: Any) -> bool:
        """Tells whether the call went through; trouble is logged."""
        try:
            call()
        except PhotochromError as error:
            _log.warning("index_away", code=error.code, detail=error.detail)
            return False
        return True
