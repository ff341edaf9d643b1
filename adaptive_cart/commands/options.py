"""What several commands take.

A command names what it makes something of; the rest, ``asked``, it hands on as it was typed.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from adaptive_cart.design.design import Design

FORMATS = ("pdf", "svg", "png")  # all that figures are written in

design = click.argument("design", type=click.Path(path_type=Path))
_JOBS = click.option(
    "--jobs", type=int, help="Processes; all cores if left out. Changes no result."
)
_BACKEND = click.option(
    "--backend",
    type=click.Choice(["loky", "dask"]),
    default="loky",
    show_default=True,
    help="Processes here, or a dask cluster; what is kept is kept in a folder that all share.",
)
_SCHEDULER = click.option("--scheduler", help="Address of the dask scheduler; else one is started.")
settings = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a key of the design otherwise, as in enrolment.max_n=90; may be repeated.",
)
trials = click.option(
    "--trials", type=int, help="Simulated trials a scenario; else the design's number."
)
seed = click.option("--seed", type=int, help="Seed of the random numbers; else the design's.")
scenarios = click.option(
    "--scenario", "scenarios", multiple=True, help="Run only this one; may be repeated."
)
_RESUME = click.option(
    "--resume/--restart",
    default=True,
    show_default=True,
    help="Go on from what the folder holds, or replace it.",
)


ENUMERATE = "Enumerate, simulate, or enumerate where that is valid."


def engine(words: str = ENUMERATE) -> Callable[[Any], Any]:
    """Whether a command enumerates or simulates."""
    return click.option(
        "--engine",
        type=click.Choice(["auto", "exact", "simulate"]),
        default="auto",
        show_default=True,
        help=words,
    )


def formats(of: str) -> Callable[[Any], Any]:
    """In which formats a command writes figures; ``of`` says which, as in "Of the figure"."""
    return click.option(
        "--format",
        "formats",
        multiple=True,
        type=click.Choice(FORMATS),
        help=f"{of}; may be repeated; all if left out.",
    )


def workers(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command be told who does its work, and do it with them; it gets ``jobs`` alone."""

    @functools.wraps(command)
    def at_work_there(*, backend: str, scheduler: str | None, **given: Any) -> None:
        from adaptive_cart.running.workers import at_work

        with at_work(backend, scheduler, given["jobs"], lambda line: click.echo(line, err=True)):
            command(**given)

    return _JOBS(_BACKEND(_SCHEDULER(at_work_there)))


def resume(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command go on from what its folder holds, and say so where it is interrupted.

    It gets ``restart``: whether it is to replace what is there.
    """

    @functools.wraps(command)
    def going_on(*, resume: bool, **given: Any) -> None:
        try:
            command(restart=not resume, **given)
        except KeyboardInterrupt:
            again = "the same command" if resume else "the same command without --restart"
            click.echo(f"\nadaptive-cart: stopped; {again} goes on from here", err=True)
            sys.exit(1)

    return _RESUME(going_on)


def part(of: str) -> Callable[[Any], Any]:
    """Let a command run one part of its work alone; ``of`` says what is divided."""
    return click.option(
        "--part",
        metavar="NUMBER/OF",
        help=f"Run this part of the {of} alone, as a job of a batch scheduler; then type merge.",
    )


def told_of_part(held: str, folder: Path) -> None:
    """Say what a part holds, and how all are put together."""
    click.echo(held)
    click.echo(f"when all parts are there: adaptive-cart merge {folder}", err=True)


def load(design: Path, settings: Iterable[str]) -> Design:
    """Read a design file, and say on standard error what is set otherwise than it says."""
    from adaptive_cart.design.file import load_design

    loaded = load_design(design, settings)
    for key, change in loaded.replaced.items():
        click.echo(f"set: {change.words(key)}", err=True)
    return loaded


def out(words: str) -> Callable[[Any], Any]:
    """Where a command writes to."""
    return click.option("--out", type=click.Path(file_okay=False, path_type=Path), help=words)
