"""The architecture is executable: a planted breach of each import contract is found."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import redis.exceptions

from shared.errors import IndexUnavailable
from shared.index.connection import translated

ROOT = Path(__file__).parents[1]
PACKAGES = ("photochrom", "cli", "api", "worker", "models", "shared")

BREACHES = {
    "shared/ids.py": "import models",
    "api/health.py": "import numpy",
    "worker/retries.py": "import flask",
    "shared/clock.py": "import cv2",
    "models/bins.py": "import shared.recipes",
    "photochrom/wire/retries.py": "import shared",
    "worker/pipeline.py": "import models.training",
}


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    """Runs import-linter over the packages in `root`."""
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root)!r}); {code}", "--no-cache"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_planted_breaches_are_found(tmp_path: Path) -> None:
    """The contracts hold as the code stands, and each of them fails on a breach of it."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("weights", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    sound = lint(tmp_path)
    assert sound.returncode == 0, sound.stdout + sound.stderr
    for module, breach in BREACHES.items():
        path = tmp_path / module
        text = path.read_text()
        path.write_text(f"{text}\n{breach}\n")
        broken = lint(tmp_path)
        path.write_text(text)
        assert broken.returncode == 1, (module, broken.stdout)
        assert module.removesuffix(".py").replace("/", ".") in broken.stdout


#: What only a cluster client, or a fork that keeps a lock, could raise: neither is used here.
OUT_OF_REACH = {
    "ChildDeadlockedError",
    "CrossSlotTransactionError",
    "IncorrectPolicyType",
    "InvalidPipelineStack",
    "RedisClusterException",
    "SlotNotCoveredError",
}


def test_every_error_of_redis_is_translated() -> None:
    """Whatever redis-py raises of its own leaves the adapter as IndexUnavailable; an error that is new to us fails."""
    kinds = {name: kind for name, kind in vars(redis.exceptions).items() if isinstance(kind, type)}
    for name, kind in kinds.items():
        if issubclass(kind, Exception) and name not in OUT_OF_REACH:
            with pytest.raises(IndexUnavailable), translated():
                raise kind.__new__(kind)
