"""``adaptive-cart merge``: put the parts of a run, or of a sweep, together."""

from __future__ import annotations

from pathlib import Path

import click

from adaptive_cart.commands import options
from adaptive_cart.commands.terminal import progress


@click.command(name="merge")
@click.argument("folder", type=click.Path(path_type=Path))
@options.workers
@options.resume
def command(folder: Path, jobs: int | None, restart: bool) -> None:
    """Put together what simulate --part or sweep --part has written into FOLDER.

    The parts are left as they are.
    """
    from adaptive_cart.sweeps.parts import holds_parts_of_a_sweep

    if holds_parts_of_a_sweep(folder):
        _of_sweep(folder, jobs, restart)
    else:
        _of_run(folder, jobs, restart)


def _of_sweep(folder: Path, jobs: int | None, restart: bool) -> None:
    from adaptive_cart.commands.sweep import show_sweep
    from adaptive_cart.errors import InputError
    from adaptive_cart.sweeps.parts import merge_sweep

    if restart:
        raise InputError(
            "--restart: the parts of a sweep are its runs, and merge runs none; leave it out, or "
            "give it to sweep --part"
        )
    with progress() as bar:
        found = merge_sweep(folder, jobs=jobs, progress=bar.show, tell=bar.tell)
    show_sweep(found)


def _of_run(folder: Path, jobs: int | None, restart: bool) -> None:
    from adaptive_cart.commands.simulate import show_result
    from adaptive_cart.running.shares import merge

    with progress() as bar:
        result = merge(folder, jobs=jobs, restart=restart, progress=bar.show, tell=bar.tell)
    show_result(result, folder)
