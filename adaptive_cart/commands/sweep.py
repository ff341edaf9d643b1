"""``adaptive-cart sweep``: run DESIGN with keys of it set otherwise, and compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adaptive_cart.commands import options
from adaptive_cart.commands.terminal import encodable, progress, width

if TYPE_CHECKING:
    from adaptive_cart.sweeps import Sweep


@click.command(name="sweep")
@options.design
@options.settings
@click.option(
    "--vary",
    "varied",
    multiple=True,
    metavar="KEY=VALUES",
    help="A key and its values: FROM:TO:STEP, the end taken in, or VALUE,VALUE; may be repeated.",
)
@click.option(
    "--one-at-a-time",
    is_flag=True,
    help="Change one key, the others as written; else all combinations of what --vary names.",
)
@click.option("--pairs", is_flag=True, help="The same, and all combinations of two keys.")
@click.option(
    "--recalibrate",
    is_flag=True,
    help="Calibrate every variant's success thresholds first: compare at equal type I error.",
)
@click.option(
    "--looks-in-proportion",
    is_flag=True,
    help="Where enrolment.max_n is varied, move the looks by number with it.",
)
@options.trials
@options.seed
@options.scenarios
@options.workers
@options.engine()
@options.formats("Of the figures")
@options.part("variants")
@options.out("Folder of the sweep; else sweeps/<name of the design file>.")
@options.resume
def command(
    design: Path,
    settings: tuple[str, ...],
    varied: tuple[str, ...],
    one_at_a_time: bool,
    pairs: bool,
    scenarios: tuple[str, ...],
    formats: tuple[str, ...],
    part: str | None,
    out: Path | None,
    **asked: Any,
) -> None:
    """Run DESIGN with keys of it set otherwise, and compare with the design as written.

    Without --vary, what its table [sensitivity] names is varied, one key at a time.
    """
    from adaptive_cart.errors import InputError
    from adaptive_cart.running.shares import Share
    from adaptive_cart.sweeps import sweep
    from adaptive_cart.sweeps.parts import require_no_figures, sweep_part
    from adaptive_cart.sweeps.varying import vary_of

    if one_at_a_time and pairs:
        raise InputError("--one-at-a-time and --pairs: give one of the two")
    share = None if part is None else Share.parse(part)
    if share is not None:
        require_no_figures(formats)
    loaded = options.load(design, settings)
    folder = out or Path("sweeps") / design.stem
    how = "one_at_a_time" if one_at_a_time else "pairs" if pairs else None
    vary = vary_of(varied) or None
    with progress() as bar:
        asked |= {
            "how": how, "scenarios": scenarios or None, "progress": bar.show, "tell": bar.tell
        }  # fmt: skip
        if share is not None:
            held = sweep_part(loaded, share, folder, vary, **asked)
        else:
            found = sweep(loaded, vary, out=folder, **asked)
    if share is not None:
        options.told_of_part(f"{held}, in {folder}", folder)
        return
    show_sweep(found, formats)


def show_sweep(found: Sweep, formats: tuple[str, ...] = ()) -> None:
    """Make the figures of a sweep, and show its table."""
    found.write_figures(formats or ("pdf", "svg", "png"))
    click.echo(encodable(found.text(width())))
    click.echo(f"table, figures and the results of every variant in {found.folder}", err=True)
