"""Where each object lies in storage: the keys, and nothing but the keys."""

from __future__ import annotations

OPEN = "open/"
HOOKS = "hooks/"
KEYS = "keys/"
DELETING = "deleting/"
PRUNING = "pruning/"
TENANTS = "t/"
#: What `/readyz` writes; the last write wins.
READY = "probe/ready"

DEFAULT_TENANT = "default"


def tenant(name: str) -> str:
    """Returns the prefix of everything that belongs to one tenant."""
    return f"{TENANTS}{name}/"


def master(owner: str, sha256: str) -> str:
    """Returns the key of a master's bytes."""
    return f"{tenant(owner)}masters/{sha256[:2]}/{sha256}"


def masters(owner: str) -> str:
    """Returns the prefix of a tenant's masters."""
    return f"{tenant(owner)}masters/"


def derivatives(owner: str) -> str:
    """Returns the prefix of a tenant's derivatives and sidecars."""
    return f"{tenant(owner)}derivatives/"


def previews(owner: str) -> str:
    """Returns the prefix of a tenant's previews."""
    return f"{tenant(owner)}previews/"


def uploads(owner: str) -> str:
    """Returns the prefix of a tenant's bytes that are not proved yet."""
    return f"{tenant(owner)}uploads/"


def upload(owner: str, upload_id: str) -> str:
    """Returns the key of bytes that were sent straight to storage and are not proved yet."""
    return f"{uploads(owner)}{upload_id}"


def upload_record(owner: str, upload_id: str) -> str:
    """Returns the key of what is known of an upload in pieces until it is a master."""
    return f"{upload(owner, upload_id)}.json"


def sources(owner: str) -> str:
    """Returns the prefix of what a tenant's sources turned out to be."""
    return f"{tenant(owner)}sources/"


def source(owner: str, source_digest: str) -> str:
    """Returns the key of the digest that a source (SHA-256 of bucket, key and ETag) turned out to have."""
    return f"{sources(owner)}{source_digest[:2]}/{source_digest}.json"


def derivative(owner: str, sha256: str, recipe: str, extension: str) -> str:
    """Returns the key of the derivative that `recipe` (a digest) makes from a master."""
    return f"{tenant(owner)}derivatives/{sha256[:2]}/{sha256}/{recipe}.{extension}"


def sidecar(owner: str, sha256: str, recipe: str) -> str:
    """Returns the key of a derivative's provenance; where it exists the derivative is already made."""
    return f"{tenant(owner)}derivatives/{sha256[:2]}/{sha256}/{recipe}.json"


def master_preview(owner: str, sha256: str) -> str:
    """Returns the key of a master's preview."""
    return f"{tenant(owner)}previews/{sha256[:2]}/{sha256}/master.jpg"


def preview(owner: str, sha256: str, recipe: str) -> str:
    """Returns the key of a derivative's preview."""
    return f"{tenant(owner)}previews/{sha256[:2]}/{sha256}/{recipe}.jpg"


def uncertainty(owner: str, sha256: str, model: str, pipeline: int) -> str:
    """Returns the key of the map of where a model (a digest) is unsure of a master's colors, at any temperature."""
    return f"{tenant(owner)}previews/{sha256[:2]}/{sha256}/uncertainty-{pipeline}-{model}.jpg"


def jobs(owner: str) -> str:
    """Returns the prefix of a tenant's jobs."""
    return f"{tenant(owner)}jobs/"


def job_folder(owner: str, job: str) -> str:
    """Returns the prefix of one job's records."""
    return f"{jobs(owner)}{job}/"


def job(owner: str, job_id: str) -> str:
    """Returns the key of `job.json`: the job exists from here on."""
    return f"{job_folder(owner, job_id)}job.json"


def manifests(owner: str, job_id: str) -> str:
    """Returns the prefix of the parts of a job's manifest."""
    return f"{job_folder(owner, job_id)}manifest/"


def manifest(owner: str, job_id: str, part: int) -> str:
    """Returns the key of a part's items."""
    return f"{manifests(owner, job_id)}{part}.jsonl"


def dones(owner: str, job_id: str) -> str:
    """Returns the prefix of a job's done records."""
    return f"{job_folder(owner, job_id)}done/"


def done(owner: str, job_id: str, part: int) -> str:
    """Returns the prefix of a part's done records."""
    return f"{dones(owner, job_id)}{part}/"


def done_record(owner: str, job_id: str, part: int, number: int) -> str:
    """Returns the key of an item's one terminal record."""
    return f"{done(owner, job_id, part)}{number}.json"


def reports(owner: str, job_id: str) -> str:
    """Returns the prefix of the rows of a job's finished parts."""
    return f"{job_folder(owner, job_id)}report/"


def report(owner: str, job_id: str, part: int) -> str:
    """Returns the key of the rows of a finished part."""
    return f"{reports(owner, job_id)}{part}.jsonl"


def review(owner: str, job_id: str) -> str:
    """Returns the key of the rows of an ended job's most uncertain items."""
    return f"{job_folder(owner, job_id)}review.jsonl"


def states(owner: str, job_id: str) -> str:
    """Returns the key of the states of an ended job's items, two bits each."""
    return f"{job_folder(owner, job_id)}states.bin"


def canceled(owner: str, job_id: str) -> str:
    """Returns the key of a job's cancellation."""
    return f"{job_folder(owner, job_id)}canceled.json"


def paused(owner: str, job_id: str) -> str:
    """Returns the key of whether a job is paused; the last write wins."""
    return f"{job_folder(owner, job_id)}paused.json"


def priority(owner: str, job_id: str) -> str:
    """Returns the key of a job's priority since it was submitted; the last write wins."""
    return f"{job_folder(owner, job_id)}priority.json"


def finished(owner: str, job_id: str) -> str:
    """Returns the key of a job's end."""
    return f"{job_folder(owner, job_id)}finished.json"


def webhook_log(owner: str, job_id: str) -> str:
    """Returns the key of what became of a job's webhook, once it is delivered or given up."""
    return f"{job_folder(owner, job_id)}webhook.json"


def idempotencies(owner: str) -> str:
    """Returns the prefix of the answers that a tenant's Idempotency-Keys were given."""
    return f"{tenant(owner)}idempotency/"


def idempotency(owner: str, key_digest: str) -> str:
    """Returns the key of the answer that an Idempotency-Key was given."""
    return f"{idempotencies(owner)}{key_digest}.json"


def open_job(owner: str, job_id: str) -> str:
    """Returns the key of the marker of an unfinished job."""
    return f"{OPEN}{owner}/{job_id}"


def hook(owner: str, job_id: str) -> str:
    """Returns the key of a webhook that is to be delivered."""
    return f"{HOOKS}{owner}/{job_id}.json"


def webhook_secrets(owner: str) -> str:
    """Returns the key of the secrets that a tenant's webhooks are signed with."""
    return f"{tenant(owner)}webhook.json"


def deleting(owner: str, job_id: str) -> str:
    """Returns the key of the marker of a job that is deleted and may have records left."""
    return f"{DELETING}{owner}/{job_id}"


def condemned(owner: str) -> str:
    """Returns the prefix of what running prunes are about to remove from a tenant."""
    return f"{PRUNING}{owner}/"


def api_key(key_digest: str) -> str:
    """Returns the key of an API key's record."""
    return f"{KEYS}{key_digest}.json"
