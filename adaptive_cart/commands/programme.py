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
@options.workers
@options.out("Folder of the results; else programmes/<name of the file>.")
@options.resume
def command(
    file: Path,
    portfolios: int | None,
    seed: int | None,
    jobs: int | None,
    out: Path | None,
    resume: bool,
) -> None:
    """Simulate the programme in FILE: candidates, their early trials, and who holds up.

    FILE names two design files, and says what may be true of candidates.
    """
    from adaptive_cart.programmes import load_programme, simulate_programme

    loaded = load_programme(file)
    try:
        with progress() as bar:
            found = simulate_programme(
                loaded,
                portfolios=portfolios,
                seed=seed,
                jobs=jobs,
                out=out or Path("programmes") / file.stem,
                restart=not resume,
                progress=bar.show,
                tell=bar.tell,
            )
    except KeyboardInterrupt:
        say_goes_on(resume)
    click.echo(encodable(found.text()), nl=False)
    click.echo(f"\ncandidates and measures in {found.folder}", err=True)
