"""Every command on a design, with as little to do as may be: done, or refused in clear lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from adaptive_cart.cli import main
from adaptive_cart.design.file import load_design
from hostile.held import refused_clearly_text, within

SECONDS = 900.0  # of a processor, for one command
DONE, FOUND, REFUSED = 0, 1, 2


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes
    ----------
    words
        What was typed.
    status
        Its exit status; none where an error passed that the command does not tell.
    told
        The last lines that it printed, or the error.
    """

    words: tuple[str, ...]
    status: int | None
    told: str

    @property
    def clear(self) -> bool:
        """Whether it did its work, found what it tells of, or refused."""
        return self.status in (DONE, FOUND, REFUSED)


def every_command(design: Path, folder: Path) -> Iterator[tuple[str, ...]]:
    """What can be typed of a design: each command that takes one, or what another has written."""
    few = ("--trials", "30", "--jobs", "1", "--seed", "5")
    out = lambda name: ("--out", str(folder / name))  # noqa: E731
    table, run = str(folder / "participants.csv"), str(folder / "run")
    name, read = str(design), load_design(design)
    arm, truth = read.arm_names[0], next(iter(read.truths))
    yield ("check", name)
    yield ("example", name, "--participants", table)
    yield ("analyze", name, table, "--fast", "--tipping", *out("analysis"))
    yield ("analyze", name, table, "--fast", "--what-if", "2", *out("what_if"))
    yield ("simulate", name, *few, "--engine", "simulate", *out("run"))
    yield ("report", run, "--format", "html", "--sensitivity-trials", "0")
    yield ("figures", run, "--format", "png")
    yield ("compare", run, "--with-fixed", "--jobs", "1", *out("comparison"))
    yield ("compare", run, "--with-group-sequential", "--jobs", "1", *out("classical"))
    yield ("prior", name, table, "--arm", arm)
    yield ("sweep", name, "--vary", "simulation.seed=1,2", *few, *out("sweep"))
    yield ("size", name, "--power", "0.5", *few, "--fresh", "30", *out("size"))
    yield ("worst-case", name, "--points", "3", *few, *out("worst_case"))
    yield ("worst-case", name, "--measure", "power", "--effect", "0.2", "--points", "3", *few,
           *out("smallest_power"))  # fmt: skip
    yield ("borrowing", name, "--points", "11", *out("borrowing"))
    yield ("optimise", name, "--looks", "1:2", "--minimise", "participants", "--error", "0.025",
           "--weight", f"{truth}=1", "--power", f"{truth}=0.1", "--candidates", "5",
           *few, "--fresh", "30", *out("optima"))  # fmt: skip
    yield ("calibrate", name, *few)


def run_command(words: tuple[str, ...]) -> Ended:
    """Type a command, in this process."""
    with within(SECONDS):
        ended = CliRunner().invoke(main, list(words))
    error = ended.exception
    if error is not None and not isinstance(error, SystemExit):
        return Ended(words, None, f"{type(error).__name__}: {error}")
    told = ended.output.strip()
    if ended.exit_code == REFUSED:
        refused_clearly_text(told)
    return Ended(words, ended.exit_code, told[-2000:])
