"""Every number that a command takes is bounded: what lies beyond is refused by name, at once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from click.types import FloatParamType, IntParamType

from adaptive_cart.cli import main
from adaptive_cart.commands import COMMANDS
from hostile.held import refused_clearly_text

DESIGNS = Path(__file__).parents[2] / "designs"
WHOLE, REAL = ("-1", str(10**30)), ("nan", "-inf")
RIGHT = {("report", "--sensitivity-trials", str(10**30))}  # as many as the run holds
MORE = {
    "compare": ("--with-group-sequential",),
    "prior": ("--arm", "soc"),
    "sweep": ("--vary", "enrolment.per_month=3,4"),
    "optimise": ("--looks", "2:3", "--minimise", "participants", "--weight", "expected=1",
                 "--power", "expected=0.1", "--error", "0.025"),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A design, its run, another in two parts, and participants."""
    there = tmp_path_factory.mktemp("asked")
    design = str(shutil.copy(DESIGNS / "hello.toml", there))
    run = ("simulate", design, "--trials", "20", "--jobs", "1", "--engine", "simulate", "--out")
    for words in (
        (*run, str(there / "run")),
        *((*run, str(there / "parts"), "--part", f"{number}/2") for number in (1, 2)),
        ("example", design, "--participants", str(there / "participants.csv")),
    ):
        ended = CliRunner().invoke(main, list(words))
        assert ended.exit_code == 0, (words, ended.output)
    return there


def options() -> Iterator[tuple[str, click.Parameter]]:
    """Every option that takes a number."""
    for name, place in COMMANDS.items():
        for one in import_module(place).command.params:
            if isinstance(one.type, IntParamType | FloatParamType):
                yield name, one


def typed(name: str, folder: Path) -> list[str]:
    """A command with all that it needs."""
    design, run = str(folder / "hello.toml"), str(folder / "run")
    needed = {
        "merge": [str(folder / "parts")],
        "report": [run, "--format", "html"],
        "compare": [run],
        "analyze": [design, str(folder / "participants.csv")],
        "prior": [design, str(folder / "participants.csv")],
        "programme": [str(DESIGNS / "programmes" / "lupus.toml")],
        "evidence": [str(DESIGNS / "early_series.csv")],
    }
    return [name, *needed.get(name, [design]), *MORE.get(name, ())]


OPTIONS = [(name, one.opts[0], isinstance(one.type, IntParamType)) for name, one in options()]


def test_there_are_such_options() -> None:
    assert len(OPTIONS) > 50


@pytest.mark.parametrize(("name", "option", "whole"), OPTIONS)
def test_a_number_beyond_its_bounds_is_refused_by_name(
    folder: Path, name: str, option: str, whole: bool
) -> None:
    for value in WHOLE if whole else REAL:
        if (name, option, value) in RIGHT:
            continue
        ended = CliRunner().invoke(main, [*typed(name, folder), option, value])
        assert isinstance(ended.exception, SystemExit), (value, ended.exception)
        assert ended.exit_code == 2, (value, ended.output)
        assert option in ended.output, (value, ended.output)
        refused_clearly_text(ended.output.strip())
