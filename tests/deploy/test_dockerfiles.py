"""The Dockerfiles cannot be built here; what BuildKit's own parser and the repository say of them is checked."""

from __future__ import annotations

import ast
import importlib
import json
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from re import fullmatch
from typing import Any

import dockerfile
import pytest
from click import Context, Group

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "deploy").glob("*.Dockerfile"))

Commands = list[dockerfile.Command]


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def commands(request: pytest.FixtureRequest) -> Commands:
    """The commands of one Dockerfile."""
    return list(dockerfile.parse_file(str(request.param)))


def values(commands: Commands, name: str) -> list[tuple[str, ...]]:
    """Returns the arguments of each command of that name."""
    return [command.value for command in commands if command.cmd.upper() == name]


def copied(commands: Commands) -> Iterator[str]:
    """Yields the paths that are copied into the image from the repository, not from another stage."""
    for command in commands:
        if command.cmd.upper() == "COPY" and not any(flag.startswith("--from") for flag in command.flags):
            yield from command.value[:-1]


def project() -> dict[str, Any]:
    """Returns the [project] table of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def test_there_are_three() -> None:
    """API and worker have an image each, the worker on a GPU another."""
    assert [path.name for path in FILES] == ["api.Dockerfile", "worker-cuda.Dockerfile", "worker.Dockerfile"]


def test_what_is_copied_exists_and_is_sent(commands: Commands) -> None:
    """Each copied path is in the repository and let through by .dockerignore."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    for path in copied(commands):
        assert (ROOT / path).exists(), path
        assert any(fnmatch(path, line[1:]) for line in lines if line.startswith("!")), path


def test_what_is_imported_is_copied(commands: Commands) -> None:
    """The packages that an image's packages import when they are loaded are in the image, or in its commands only."""
    packages = {"photochrom", "cli", "api", "worker", "models", "shared"}
    here = set(copied(commands)) & packages
    for package in here - {"cli", "photochrom"}:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and node.module:
                    imported = node.module.partition(".")[0]
                    assert imported not in packages - here, f"{path} imports {node.module}"


def test_versions_are_pinned(commands: Commands) -> None:
    """Each base image has a tag, and what pip installs of ours is held to requirements.lock."""
    stages = values(commands, "FROM")
    names = {stage[2] for stage in stages if len(stage) == 3} | {"${VARIANT}"}
    for base, *_ in stages:
        assert base in names or fullmatch(r"python:3\.11-slim|nvidia/cuda:12\.\d+\.\d+-[a-z-]+-ubuntu24\.04", base)
    installs = [" ".join(words) for words in values(commands, "RUN") if "'.[" in words[0]]
    assert installs
    for install in installs:
        extras = install.partition("'.[")[2].partition("]'")[0]
        assert "-c requirements.lock" in install
        assert set(extras.split(",")) <= set(project()["optional-dependencies"])


def test_the_variants_of_the_gpu_image_are_its_stages() -> None:
    """The default variant and the other one that the head names are stages to build upon, with an engine each."""
    commands = list(dockerfile.parse_file(str(ROOT / "deploy" / "worker-cuda.Dockerfile")))
    assert values(commands, "ARG") == [("VARIANT=onnxruntime",)]
    assert {"onnxruntime", "opencv"} <= {stage[2] for stage in values(commands, "FROM")}
    environment = [pair for words in values(commands, "ENV") for pair in zip(words[::2], words[1::2], strict=True)]
    assert [value for name, value in environment if name == "PHOTOCHROM_ENGINE"] == ["onnxruntime", "cv2"]
    assert ("PHOTOCHROM_DEVICE", "cuda") in environment


def test_no_one_is_root(commands: Commands) -> None:
    """The image's last user is a number other than 0, so that a cluster can prove it is not root."""
    assert values(commands, "USER")[-1] == ("10001",)


def test_processes_are_started_without_a_shell(commands: Commands) -> None:
    """Entry point, command and health check are lists: signals reach the program itself."""
    for command in commands:
        if command.cmd.upper() in ("ENTRYPOINT", "CMD", "HEALTHCHECK"):
            assert command.json or command.value[0] == "CMD"
            assert json.loads("[" + command.original.partition("[")[2])


def test_the_command_exists(commands: Commands) -> None:
    """The entry point is a script of the distribution, and it has the command that the image runs."""
    ((program,),) = values(commands, "ENTRYPOINT")
    ((name,),) = values(commands, "CMD")
    module, _, attribute = project()["scripts"][program].partition(":")
    main = getattr(importlib.import_module(module), attribute)
    assert isinstance(main, Group)
    assert main.get_command(Context(main), name) is not None


def test_the_health_check_is_python(commands: Commands) -> None:
    """The health check is a program that compiles, whose imports from this project exist."""
    ((_, python, option, program),) = values(commands, "HEALTHCHECK")
    assert (python, option) == ("python", "-c")
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                assert hasattr(importlib.import_module(node.module), alias.name)
