"""``adaptive-cart programme``: from early data to the controlled trial, for many candidates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adaptive_cart.commands import options
from adaptive_cart.commands.terminal import encodable, progress

if TYPE_CHECKING:
    from adaptive_cart.programmes.programme import Programme
    from adaptive_cart.programmes.result import ProgrammeResult


@click.command(name="programme")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--portfolios", type=int, help="Simulated portfolios; else the file's number.")
@click.option("--seed", type=int, help="Seed of the random numbers; else the file's.")
@click.option(
    "--engine",
    type=click.Choice(["simulate", "exact"]),
    default="simulate",
    show_default=True,
    help="Simulate, or enumerate where both designs are on counts.",
)
@click.option(
    "--policies", is_flag=True, help="Also under each of [policies.NAME], on the same candidates."
)
@click.option(
    "--vary",
    "varied",
    multiple=True,
    metavar="KEY=VALUES",
    help="All combinations of these values are policies: VALUE,VALUE or FROM:TO:STEP of a key of "
    "FILE, or of a design (early.design.KEY); early=false is without early trial; may be repeated.",
)
@click.option("--best", metavar="MEASURE", help="Name the best policy by this, and confirm it.")
@click.option(
    "--at-most",
    multiple=True,
    metavar="MEASURE=VALUE",
    help="With --best: keep to this bound; may be repeated.",
)
@click.option(
    "--at-least",
    multiple=True,
    metavar="MEASURE=VALUE",
    help="With --best: keep to this bound; may be repeated.",
)
@click.option(
    "--evidence",
    metavar="TABLE",
    type=click.Path(path_type=Path),
    help="Published early series (CSV), in the place of what the file says of their parameter.",
)
@click.option(
    "--spread",
    type=float,
    help="With --evidence: multiplies the prior scales of differences between groups  [1].",
)
@options.formats("Of the page of figures")
@options.workers
@options.out("Folder of the results; else programmes/<name of the file>.")
@options.resume
def command(
    file: Path,
    portfolios: int | None,
    seed: int | None,
    engine: str,
    policies: bool,
    varied: tuple[str, ...],
    best: str | None,
    at_most: tuple[str, ...],
    at_least: tuple[str, ...],
    evidence: Path | None,
    spread: float | None,
    formats: tuple[str, ...],
    jobs: int | None,
    out: Path | None,
    restart: bool,
) -> None:
    """Simulate the programme in FILE: candidates, their early trials, and who holds up.

    FILE names two design files, and says what may be true of candidates.
    """
    from adaptive_cart.errors import InputError
    from adaptive_cart.figures import FORMATS
    from adaptive_cart.programmes import load_programme
    from adaptive_cart.programmes.page import write_page
    from adaptive_cart.programmes.run import enumerate_programme

    if spread is not None and evidence is None:
        raise click.UsageError("--spread is of the priors of --evidence; give a TABLE too.")
    loaded = load_programme(file)
    folder = out or Path("programmes") / file.stem
    compares = [
        name for name, given in (("--policies", policies), ("--vary", bool(varied))) if given
    ]
    if evidence is not None and (engine == "exact" or compares):
        raise InputError(
            "--evidence: is simulated, and as the file says otherwise; leave out "
            f"{' and '.join(['--engine exact', *(compares or ['--policies'])])}"
        )
    if engine == "exact" and compares:
        raise InputError(f"{compares[0]}: differences are simulated; leave out --engine exact")
    asked = {"--best": best, "--at-most": at_most, "--at-least": at_least}
    idle_ = [name for name, given in asked.items() if given]
    if idle_ and not compares:
        raise InputError(
            f"{idle_[0]}: chooses among policies; give --vary KEY=VALUES or --policies"
        )
    if idle_ and best is None:
        raise InputError(f"{idle_[0]}: is a bound on the best policy; give --best MEASURE")
    if engine == "exact":
        idle = {"--portfolios": portfolios, "--seed": seed, "--jobs": jobs}
        if formats:
            click.echo("--format: without effect, since no page of figures is drawn", err=True)
        for option in (name for name, value in idle.items() if value is not None):
            click.echo(f"{option}: without effect, since nothing is drawn", err=True)
        exactly = enumerate_programme(loaded, out=folder, restart=restart)
        click.echo(encodable(exactly.text()), nl=False)
        click.echo(f"\nmeasures in {exactly.folder}", err=True)
        return
    wanted = formats or FORMATS
    if compares:
        from adaptive_cart.programmes.best import Wanted, bounds_of
        from adaptive_cart.sweeps.varying import vary_of

        bounds = bounds_of(at_most, "--at-most"), bounds_of(at_least, "--at-least")
        _compare(
            file, folder, portfolios=portfolios, seed=seed, jobs=jobs, restart=restart,
            formats=wanted, named=policies, vary=vary_of(varied),
            wanted=None if best is None else Wanted(best, *bounds),
        )  # fmt: skip
        return
    learned = None if evidence is None else _learned(loaded, evidence, spread)
    given = {"portfolios": portfolios, "seed": seed, "jobs": jobs, "restart": restart}
    found = _simulated(loaded, folder, **given)
    write_page(found, formats=wanted)
    text = found.text()
    if learned is not None:
        from adaptive_cart.programmes.beside import WITH, beside

        programme, findings = learned
        other = _simulated(programme, folder / WITH, **given)
        said = beside(found, other, findings)
        write_page(other, said, wanted)
        text += f"\n{said}"
        click.echo(f"with the series: {other.folder}", err=True)
    click.echo(encodable(text), nl=False)
    click.echo(f"\ncandidates, measures and a page of figures in {found.folder}", err=True)


def _learned(loaded: Programme, table: Path, spread: float | None) -> tuple[Programme, Any]:
    from adaptive_cart.evidence import learn, read_series
    from adaptive_cart.programmes.learned import with_series

    findings = learn(read_series(table), 1.0 if spread is None else spread)
    return with_series(loaded, findings), findings


def _simulated(programme: Programme, out: Path, **given: Any) -> ProgrammeResult:
    from adaptive_cart.programmes import simulate_programme

    with progress() as bar:
        return simulate_programme(programme, out=out, progress=bar.show, tell=bar.tell, **given)


def _compare(file: Path, folder: Path, *, restart: bool, **given: Any) -> None:
    """Simulate as written and under every policy, tell the differences, and which is the best."""
    from adaptive_cart.programmes.page import write_page
    from adaptive_cart.programmes.policies import compare_policies, policies_text, table_text
    from adaptive_cart.programmes.varied import AS_WRITTEN

    with progress() as bar:
        found = compare_policies(
            file, out=folder, restart=restart, progress=bar.show, tell=bar.tell, **given
        )
    write_page(found.results[AS_WRITTEN], formats=given["formats"])
    told = table_text(found) if given["vary"] else policies_text(found)
    if found.choice is not None:
        told += f"\n{found.choice.text()}"
    click.echo(encodable(told), nl=False)
    click.echo(f"\ntable, figure and the results of every policy in {found.folder}", err=True)
