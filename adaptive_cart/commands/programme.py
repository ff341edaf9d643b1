"""``adaptive-cart programme``: from early data to the controlled trial, for many candidates."""

from __future__ import annotations

from pathlib import Path

import click

from adaptive_cart.commands import options
from adaptive_cart.commands.terminal import encodable, progress, say_goes_on


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
@options.workers
@options.out("Folder of the results; else programmes/<name of the file>.")
@options.resume
def command(
    file: Path,
    portfolios: int | None,
    seed: int | None,
    engine: str,
    policies: bool,
    jobs: int | None,
    out: Path | None,
    resume: bool,
) -> None:
    """Simulate the programme in FILE: candidates, their early trials, and who holds up.

    FILE names two design files, and says what may be true of candidates.
    """
    from adaptive_cart.programmes import load_programme, simulate_programme
    from adaptive_cart.programmes.run import enumerate_programme

    loaded = load_programme(file)
    folder = out or Path("programmes") / file.stem
    if engine == "exact":
        idle = {"--portfolios": portfolios, "--seed": seed, "--jobs": jobs}
        for option in (name for name, value in idle.items() if value is not None):
            click.echo(f"{option}: without effect, since nothing is drawn", err=True)
        exactly = enumerate_programme(loaded, out=folder, restart=not resume)
        click.echo(encodable(exactly.text()), nl=False)
        click.echo(f"\nmeasures in {exactly.folder}", err=True)
        return
    if policies:
        _compare(file, folder, portfolios, seed, jobs, resume)
        return
    try:
        with progress() as bar:
            found = simulate_programme(
                loaded,
                portfolios=portfolios,
                seed=seed,
                jobs=jobs,
                out=folder,
                restart=not resume,
                progress=bar.show,
                tell=bar.tell,
            )
    except KeyboardInterrupt:
        say_goes_on(resume)
    click.echo(encodable(found.text()), nl=False)
    click.echo(f"\ncandidates and measures in {found.folder}", err=True)


def _compare(
    file: Path,
    folder: Path,
    portfolios: int | None,
    seed: int | None,
    jobs: int | None,
    resume: bool,
) -> None:
    """Simulate as written and under every policy, and tell the differences."""
    from adaptive_cart.programmes.policies import compare_policies, policies_text

    try:
        with progress() as bar:
            found = compare_policies(
                file,
                portfolios=portfolios,
                seed=seed,
                jobs=jobs,
                out=folder,
                restart=not resume,
                progress=bar.show,
                tell=bar.tell,
            )
    except KeyboardInterrupt:
        say_goes_on(resume)
    click.echo(encodable(policies_text(found)), nl=False)
    click.echo(f"\ntable, figure and the results of every policy in {found.folder}", err=True)
