"""The index: which items may be worked on now. Rebuildable from storage at any moment.

Each operation is one Lua script beside this file; `prelude.lua` says which keys there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from itertools import islice
from typing import Any

import redis

from shared.index.claims import Audit, Begin, Claim, Closure, Standing, bit
from shared.index.closers import Closers
from shared.index.connection import translated
from shared.index.hosts import Hosts
from shared.index.polls import Polls
from shared.index.progress import Progress, from_hash
from shared.index.quotas import Quotas
from shared.items import ItemState
from shared.jobs import Control, Job, JobState
from shared.ledger import job_text

#: How often an item may be begun without an end.
MAX_ATTEMPTS = 5

_SCRIPTS = (
    *("register", "claim", "begin", "renew", "complete", "release"),
    *("control", "cancel", "finish", "audit", "forget"),
)
_EPOCH = "pc:epoch"
_SWEEPER = "pc:sweeper"


class Index:
    """The operations on a Redis or Valkey. Every method raises IndexUnavailable where it does not answer."""

    def __init__(self, client: redis.Redis) -> None:
        # redis-py types a reply as all that any protocol and encoding could give: bytes here, always.
        self._client: Any = client
        self.hosts = Hosts(client=client)
        self.polls = Polls(client)
        self.closers = Closers(client)
        self.quotas = Quotas(client)
        folder = resources.files("shared.index")
        prelude = folder.joinpath("prelude.lua").read_text("utf-8")
        self._scripts = {
            name: client.register_script(prelude + folder.joinpath(f"{name}.lua").read_text("utf-8"))
            for name in _SCRIPTS
        }

    def _run(self, name: str, *args: bytes | str | int) -> Any:
        with translated():
            return self._scripts[name](args=args)

    # Jobs.

    def register(self, job: Job, standing: Standing | None = None) -> bool:
        """Makes the job claimable; returns False for one that is there, which stays as it is."""
        known = standing or Standing()
        return bool(
            self._run(
                "register",
                job.id,
                job.tenant,
                job.recipe.model,
                job.recipe.pipeline,
                "small" if job.interactive else "large",
                job.total,
                int(job.created * 1000),
                job_text(job),
                known.state,
                known.done,
                known.failed,
                known.succeeded,
                int(standing is not None),
                known.control.priority if known.control else job.priority,
                known.sealed,
            )
        )

    def control(self, job_id: str, control: Control) -> JobState | None:
        """Pauses or resumes a job and gives it a priority, unless it is canceled or has ended.

        Returns its state, or None where the index has no such job.
        """
        state = self._run("control", job_id, int(control.paused), control.priority).decode()
        return JobState(state) if state else None

    def cancel(self, job_id: str) -> tuple[JobState, Closure] | None:
        """Stops what has not begun; returns the job's state, or None where the index has no such job."""
        reply = self._run("cancel", job_id)
        return (JobState(reply[0].decode()), Closure(job=bool(reply[1]))) if reply else None

    def finish(self, job_id: str, state: JobState) -> bool:
        """Sets the final state of a job whose `finished.json` exists."""
        return bool(self._run("finish", job_id, state))

    def forget(self, tenant: str, job_id: str) -> None:
        """Takes a job out that is deleted, or that storage does not have."""
        self._run("forget", job_id, tenant)

    def audit(self, job_id: str) -> tuple[Audit, Closure]:
        """Proves the job's bookkeeping and ends leases that ran out."""
        verdict, closable = self._run("audit", job_id)
        return Audit(verdict.decode()), Closure(job=bool(closable))

    def progress(self, job_id: str) -> Progress | None:
        """Returns how far the job is, or None where the index has no such job."""
        with translated():
            data = self._client.hgetall(f"pc:job:{job_id}")
        return from_hash(data) if b"spec" in data else None

    def newest(self, tenant: str, *, before: str | None, limit: int) -> list[str]:
        """Returns job ids of a tenant, newest first, from the one after `before` on."""
        with translated():
            start = 0
            if before is not None:
                rank = self._client.zrevrank(f"pc:jobs:{tenant}", before)
                if rank is None:
                    return []
                start = int(rank) + 1
            ids = self._client.zrevrange(f"pc:jobs:{tenant}", start, start + limit - 1)
        return [name.decode() for name in ids]

    def list_job(self, tenant: str, job_id: str, created: float) -> None:
        """Adds an ended job to its tenant's newest ones, when the index is rebuilt."""
        with translated():
            self._client.zadd(f"pc:jobs:{tenant}", {job_id: int(created * 1000)})

    # Items.

    def claim(
        self, model: str, *, pipeline: int, owner: str, host: str, lease: float, most: int = 1
    ) -> tuple[Claim, ...]:
        """Leases items of one job for `lease` seconds; empty where there is nothing to do.

        It is one item, but for a job whose items end without being begun: twice as many each time that some have,
        until there are 64, or `most`.
        """
        reply = self._run("claim", model, pipeline, owner, host, most, int(lease * 1000))
        if not reply:
            return ()
        job, tenant, pairs = reply[0].decode(), reply[1].decode(), reply[2:]
        return tuple(
            Claim(tenant=tenant, job=job, item=int(number), attempts=int(attempts), owner=owner)
            for number, attempts in zip(pairs[::2], pairs[1::2], strict=True)
        )

    def begin(self, claim: Claim, *, lease: float) -> tuple[Begin, int, Closure]:
        """Starts a claimed item; returns the verdict, how often it was begun by now, and what that ended."""
        verdict, attempts, closable = self._run("begin", claim.job, claim.item, claim.owner, int(lease * 1000))
        return Begin(verdict.decode()), int(attempts), Closure(job=bool(closable))

    def renew(self, claims: Sequence[Claim], *, lease: float) -> tuple[Claim, ...]:
        """Extends leases; returns the claims that do not hold their items any more."""
        triples = [word for claim in claims for word in (claim.job, claim.item, claim.owner)]
        held = self._run("renew", int(lease * 1000), *triples)
        return tuple(claim for claim, kept in zip(claims, held, strict=True) if not kept)

    def complete(self, job_id: str, ends: Mapping[int, ItemState]) -> Closure:
        """Counts items whose done records exist; a second call for the same item changes nothing."""
        closable, *parts = self._run("complete", job_id, *(word for end in ends.items() for word in end))
        return Closure(parts=tuple(parts), job=bool(closable))

    def release(self, *claims: Claim, wait: float = 0, charge: bool = False) -> Closure:
        """Gives items of one claim back, to be claimed after `wait` seconds.

        `charge`: that was an attempt, begun or not; otherwise it was none.
        """
        job, owner, numbers = claims[0].job, claims[0].owner, [claim.item for claim in claims]
        return Closure(job=bool(self._run("release", job, owner, int(wait * 1000), int(charge), *numbers)))

    # Sweeping.

    def live_jobs(self) -> list[str]:
        """Returns the ids of the jobs that have not ended."""
        with translated():
            return sorted(name.decode() for name in self._client.smembers("pc:live"))

    def unreported_parts(self, job_id: str) -> list[int]:
        """Returns the parts that ended and have no report yet."""
        with translated():
            return sorted(int(part) for part in self._client.smembers(f"pc:job:{job_id}:parts"))

    def part_reported(self, job_id: str, part: int) -> None:
        """Notes that a part's report is written."""
        with translated():
            self._client.srem(f"pc:job:{job_id}:parts", part)

    def perhaps_begun(self, job_id: str, *, most: int) -> list[int]:
        """Returns the items without an end that somebody may have begun, the first `most` of them.

        Those are the claimed ones; in a job that was registered from storage all: who had begun what is not known.
        """
        with translated():
            rebuilt, total = self._client.hmget(f"pc:job:{job_id}", "rebuilt", "total")
            if rebuilt != b"1":
                return sorted(int(number) for number in self._client.zrange(f"pc:job:{job_id}:due", 0, -1))[:most]
            done = self._client.get(f"pc:job:{job_id}:done") or b""
        # What has ended is mostly what comes first, and a million bits are not looked at one by one.
        start = 8 * (len(done) - len(done.lstrip(b"\xff")))
        return list(islice((number for number in range(start, int(total)) if not bit(done, number)), most))

    def wanted_models(self) -> list[str]:
        """Returns the models (digests) for which a job is runnable now or has items that wait."""
        with translated():
            models = sorted(name.decode() for name in self._client.smembers("pc:models"))
            return [model for model in models if self._wanted(model)]

    def _wanted(self, model: str) -> bool:
        lanes = [f"pc:lane:{model}:{version.decode()}" for version in self._client.smembers(f"pc:lanes:{model}")]
        if lanes and self._client.exists(*lanes):
            return True
        seconds, micros = self._client.time()
        return bool(self._client.zcount("pc:waiting", "-inf", seconds * 1000 + micros // 1000))

    def lead(self, name: str, seconds: float) -> bool:
        """Takes or keeps the sweeper's lock for `seconds`; returns whether `name` leads."""
        with translated():
            if self._client.set(_SWEEPER, name, nx=True, px=int(seconds * 1000)):
                return True
            if self._client.get(_SWEEPER) != name.encode():
                return False
            return bool(self._client.pexpire(_SWEEPER, int(seconds * 1000)))

    def leads(self, name: str) -> bool:
        """Tells whether `name` holds the sweeper's lock."""
        with translated():
            return bool(self._client.get(_SWEEPER) == name.encode())

    def has_epoch(self) -> bool:
        """Tells whether the index was rebuilt since it was last wiped, or its server last started."""
        with translated():
            return bool((self._client.get(_EPOCH) or b"").startswith(self._run_id()))

    def set_epoch(self, name: str) -> None:
        """Notes that the index has every open job."""
        with translated():
            self._client.set(_EPOCH, self._run_id() + name.encode())

    def _run_id(self) -> bytes:
        """Returns what tells this life of the server from every other."""
        return f"{self._client.info('server')['run_id']} ".encode()

    def ping(self) -> None:
        """Asks the server for a sign of life."""
        with translated():
            self._client.ping()
