"""`python -m tests.chaos --seed N`: breaks the service on purpose, and says what was lost."""

from __future__ import annotations

import secrets
import shlex
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import click

from tests.chaos.blindness import blind_tests
from tests.chaos.pictures import add_model
from tests.chaos.program import only, rounds
from tests.chaos.recovery import Target, measure
from tests.chaos.rounds import Round, run
from tests.chaos.table import Row, table

#: Findings of a round that are printed; the rest are counted.
_SHOWN = 20


#: Rounds that are no load with faults.
_STRAWMAN, _RECOVERY = "strawman", "recovery"


@click.command()
@click.option("--seed", type=int, help="What decides the load and the moments; drawn by chance if left out.")
@click.option("--long", is_flag=True, help="Many times as many faults.")
@click.option("--only", "word", default="", help="Only the rounds or faults with this in their name.")
@click.option("--share", type=float, default=1.0, help="Share of the counts.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where a round that fails leaves ledger and logs.")
def main(seed: int | None, long: bool, word: str, share: float, folder: Path | None) -> None:
    """Run the rounds and print the table; exit 1 where an invariant does not hold."""
    seed = secrets.randbelow(10_000) if seed is None else seed
    folder = folder or Path(tempfile.mkdtemp(prefix="photochrom-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--seed", str(seed), *(["--share", str(share)] if share != 1 else []), *(["--long"] if long else [])]
    run_all = _Run(seed=seed, folder=folder, options=options)
    if word in _STRAWMAN:
        run_all.blind()
    add_model(folder / "models")
    for plan in only(rounds(long=long, share=share), word):
        run_all.round(plan)
    if word in _RECOVERY:
        run_all.recovery()
    click.echo(f"\nSeed {seed}\n")
    if run_all.rows:
        click.echo(f"{table(run_all.rows)}\n")
    for target in run_all.targets:
        click.echo(f"- {target}")
    sys.exit(run_all.failed)


@dataclass(kw_only=True)
class _Run:
    """What was run so far."""

    seed: int
    folder: Path
    #: what leads to the same run
    options: list[str]
    rows: list[Row] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    failed: bool = False

    def blind(self) -> None:
        """Shows that the harness sees."""
        begun = time.monotonic()
        rows = blind_tests(self.seed, self.folder / _STRAWMAN)
        self.rows += rows
        blind = [f"The harness sees nothing lost after {row.times} x {row.fault}." for row in rows if not row.lost]
        self._tell(_STRAWMAN, blind, begun)

    def round(self, plan: Round) -> None:
        """Runs one round."""
        begun = time.monotonic()
        report = run(plan, self.seed, self._place(plan.name), self.folder / "models")
        self.rows += report.rows
        self._tell(plan.name, report.wrong, begun)

    def recovery(self) -> None:
        """Measures the recovery targets."""
        begun = time.monotonic()
        self.targets, wrong = measure(self._place(_RECOVERY), self.folder / "models")
        self._tell(_RECOVERY, wrong, begun)

    def _place(self, name: str) -> Path:
        return self.folder / name.replace(" ", "-").replace(",", "")

    def _tell(self, name: str, wrong: list[str], begun: float) -> None:
        click.echo(f"{name}: {len(wrong)} findings, {time.monotonic() - begun:.0f} s")
        for words in wrong[:_SHOWN]:
            click.echo(f"  {words}")
        if wrong:
            self.failed = True
            again = shlex.join([*self.options, "--only", name])
            click.echo(f"  Ledger and logs: {self._place(name)}. Again: python -m tests.chaos {again}")


if __name__ == "__main__":
    main()
