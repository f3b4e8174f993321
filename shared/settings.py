"""The settings: the environment, read once, into a frozen object.

Nothing else in Photochrom reads the environment. `load` fails at start with the variable's name, the form of its value
and an example.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from shared.errors import InvalidSetting
from shared.sources.rules import parse_rules

PREFIX = "PHOTOCHROM_"

Parser = Callable[[str], Any]


def _setting(default: Any, parse: Parser, form: str, example: str) -> Any:
    """A field with the parser of its variable, the form of its value in words, and an example."""
    return field(default=default, metadata={"parse": parse, "form": form, "example": example})


def _whole(default: int, low: int, high: int) -> Any:
    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return _setting(default, parse, f"a whole number from {low} to {high}", str(default or low))


def _text(default: str, form: str, example: str) -> Any:
    return _setting(default, str, form, example)


def _choice(default: str, *names: str) -> Any:
    return _setting(default, {name: name for name in names}.__getitem__, f"one of {', '.join(names)}", names[-1])


def _switch(default: bool) -> Any:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    return _setting(default, lambda text: words[text.lower()], "true or false", "true")


def _networks(text: str) -> str:
    for part in text.split(","):
        ipaddress.ip_network(part.strip())
    return text


def _sources(text: str) -> str:
    parse_rules(text)
    return text


def _ports(text: str) -> str:
    if not all(1 <= int(part) <= 65535 for part in text.split(",")):
        raise ValueError(text)
    return text


def _user_cache() -> Path:
    """Returns the user's cache folder (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "photochrom"  # noqa: TID251


def _user_models() -> Path:
    """Returns the models in the user's data folder (XDG Base Directory Specification)."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"  # noqa: TID251
    return Path(data) / "photochrom/models"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Every setting; the variable of `max_bytes` is PHOTOCHROM_MAX_BYTES, and so on."""

    #: where every byte lives: a folder, file:///folder or s3://bucket
    storage_url: str = _text("photochrom-data/objects", "a folder, file:///folder or s3://bucket", "s3://photochrom")
    #: S3 server; empty for AWS
    s3_endpoint_url: str = _text("", "an http(s) address", "http://127.0.0.1:9000")
    #: S3 region
    s3_region: str = _text("us-east-1", "a region name", "eu-central-1")
    #: bucket in the path and not in the host name
    s3_path_style: bool = _switch(False)
    #: address of the S3 server as clients reach it; with it results are links, without it the API streams
    s3_public_url: str = _text("", "an http(s) address", "https://files.example.org")
    #: where tenants may name masters that lie in other buckets of the S3 server: buckets and prefixes, comma-separated
    sources: str = _setting(
        "",
        _sources,
        "tenant=s3://bucket/prefix/, comma-separated, each prefix with a slash at its end",
        "default=s3://archive/scans/,museum=s3://museum/in/",
    )
    #: whether directory storage waits for the disk; off only for benches
    fsync: bool = _switch(True)
    #: index and broker
    redis_url: str = _text("redis://127.0.0.1:6379/0", "a redis:// or unix:// address", "redis://valkey:6379/0")
    #: address the API listens on
    api_host: str = _text("127.0.0.1", "an address", "0.0.0.0")  # noqa: S104 - an example
    #: port the API listens on
    api_port: int = _whole(8080, 0, 65535)
    #: threads that answer requests
    api_threads: int = _whole(16, 2, 256)
    #: requests that a tenant with API keys may make a second; 0 for any number
    quota_requests: int = _whole(100, 0, 1_000_000)
    #: bytes that a tenant with API keys may send a day, UTC; 0 for any number
    quota_bytes: int = _whole(1 << 40, 0, 10**15 - 1)
    #: megapixels that are colored for a tenant with API keys a day, UTC; 0 for any number
    quota_megapixels: int = _whole(10_000_000, 0, 10**9)
    #: items of a tenant with API keys that may be open at once; 0 for any number
    quota_open_items: int = _whole(2_000_000, 0, 10**9)
    #: largest master, bytes
    max_bytes: int = _whole(2 << 30, 1, 1 << 40)
    #: largest picture, all its pages that are colored together, megapixels (10^6 pixels)
    max_megapixels: int = _whole(250, 1, 100_000)
    #: largest picture that has to be held in memory as a whole, megapixels
    max_whole_megapixels: int = _whole(100, 1, 100_000)
    #: most pages that are colored into one derivative
    max_pages: int = _whole(1000, 1, 100_000)
    #: largest ICC profile, and largest sum of EXIF, IPTC and XMP, bytes; readers take no more than 64 MiB of a block
    max_metadata_bytes: int = _whole(16 << 20, 1 << 10, 64 << 20)
    #: memory that a picture may take in its sandbox, MiB
    sandbox_megabytes: int = _whole(4096, 256, 1 << 20)
    #: whether a lossy derivative is decoded once more, so that the record says how far its lightness is off
    verify_lossy: bool = _switch(True)
    #: which previews a worker makes
    previews: str = _choice("all", "all", "interactive", "none")
    #: folder of model files and of the operator's registry; the net that ships lies in the package
    models_dir: Path = field(
        default_factory=_user_models,
        metadata={"parse": Path, "form": "a folder", "example": "/var/lib/photochrom/models"},
    )
    #: models this worker serves, comma-separated; empty for all it has
    models: str = _text("", "model names, comma-separated", "lite")
    #: what runs the nets
    engine: str = _choice("cv2", "cv2", "onnxruntime")
    #: where the nets run; an engine that cannot run them there ends the start
    device: str = _choice("cpu", "cpu", "cuda", "cuda_fp16")
    #: items from one self-test of a worker process's net to the next
    self_test_items: int = _whole(1000, 1, 1_000_000)
    #: where compiled kernels are kept
    cache_dir: Path = field(
        default_factory=_user_cache, metadata={"parse": Path, "form": "a folder", "example": "/var/cache/photochrom"}
    )
    #: worker processes of a host; 0 for one a core
    workers: int = _whole(0, 0, 1024)
    #: name of this worker host; unique among the live ones
    host: str = field(
        default_factory=socket.gethostname, metadata={"parse": str, "form": "a host name", "example": "worker-1"}
    )
    #: lease on an item, seconds
    lease_seconds: int = _whole(45, 1, 3600)
    #: how long a worker goes on after one bell while another net's items wait for it, seconds
    slice_seconds: int = _whole(5, 1, 60)
    #: period of the sweeper, seconds
    sweep_seconds: int = _whole(5, 1, 600)
    #: period of the sweeper's look through open/, seconds
    recover_seconds: int = _whole(30, 1, 3600)
    #: networks whose addresses webhooks may have though they are not public, comma-separated
    webhook_allow: str = _setting("", _networks, "networks, comma-separated", "10.1.0.0/16,fd12:3456::/32")
    #: ports that webhooks are sent to, comma-separated
    webhook_ports: str = _setting("443", _ports, "port numbers, comma-separated", "443,8443")
    #: whether webhooks may be http, and not only https
    webhook_insecure: bool = _switch(False)
    #: address that a worker host serves its metrics on
    metrics_host: str = _text("127.0.0.1", "an address", "0.0.0.0")  # noqa: S104 - an example
    #: port that a worker host serves its metrics on; 0 for none
    metrics_port: int = _whole(0, 0, 65535)
    #: log format
    log_format: str = _choice("auto", "auto", "text", "json")
    #: least level that is logged
    log_level: str = _choice("info", "debug", "info", "warning", "error")


def load(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Returns the settings of this process; `overrides` (not None) win over the environment.

    Raises InvalidSetting for a value that does not parse. An empty variable counts as unset.
    """
    environ = os.environ if environ is None else environ  # noqa: TID251 - the one reader
    values: dict[str, Any] = {}
    for entry in fields(Settings):
        variable = PREFIX + entry.name.upper()
        text = environ.get(variable, "")
        if not text:
            continue
        try:
            values[entry.name] = entry.metadata["parse"](text)
        except (ValueError, KeyError):
            form, example = entry.metadata["form"], entry.metadata["example"]
            raise InvalidSetting(
                f"{variable} must be {form}, for example {example}; got {text!r}.", setting=variable, seen=text
            ) from None
    values |= {name: value for name, value in overrides.items() if value is not None}
    return Settings(**values)


def environment(settings: Settings) -> dict[str, str]:
    """Returns the variables that make a child process load the same settings."""
    variables = {}
    for entry in fields(Settings):
        value = getattr(settings, entry.name)
        if value is not None:
            variables[PREFIX + entry.name.upper()] = str(value).lower() if isinstance(value, bool) else str(value)
    return variables
