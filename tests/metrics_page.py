"""The tables of docs/metrics.md, and what a scrape has."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

PAGE = (Path(__file__).parents[1] / "docs/metrics.md").read_text()

#: A sample's value by its name, without `photochrom_`, and its labels.
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def documented(heading: str = "") -> dict[str, tuple[str, set[str]]]:
    """Returns type and labels of each metric by its name, as the page has them, or the part of it under a heading."""
    part = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0] if heading else PAGE
    rows = re.findall(r"^\| `(photochrom_\w+)` \| (\w+) \| (.*?) \|", part, re.MULTILINE)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def told(text: str) -> dict[str, tuple[str, set[str]]]:
    """Returns the same of what a server tells: labels without those that the type brings."""
    found: dict[str, tuple[str, set[str]]] = {}
    for family in text_string_to_metric_families(text):
        samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
        if samples:
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = {label for sample in samples for label in sample.labels} - {"le"}
            found[name] = (family.type, labels)
    return found


def samples(text: str) -> Samples:
    """Returns each sample's value."""
    return {
        (sample.name.removeprefix("photochrom_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    """Returns one sample's value."""
    return found[name, frozenset(labels.items())]
