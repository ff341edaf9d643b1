"""What must hold of any input: it is refused in clear lines, or run to an end, within its time."""

from __future__ import annotations

import signal
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from adaptive_cart.analysis.flow import analyze
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import load_design
from adaptive_cart.errors import CartError
from adaptive_cart.running.region import needs_calibration, with_threshold
from adaptive_cart.running.run import simulate
from adaptive_cart.telling.check import described

TRIALS = 20
CHECKED_WITHIN, RUN_WITHIN = 30.0, 120.0  # seconds of a processor
LONGEST_MESSAGE = 20_000  # characters


class Hang(AssertionError):
    """Something took longer than it may."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise :class:`Hang` where what is inside takes longer."""

    def late(number: int, frame: FrameType | None) -> None:
        raise Hang(f"still running after {seconds:g} seconds")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


def refused_clearly(error: CartError) -> None:
    """Assert that an error says something, in lines that a terminal can show."""
    refused_clearly_text(str(error))


def refused_clearly_text(told: str) -> None:
    """Assert the same of what a command printed."""
    assert told.strip(), "an error without words"
    assert "Traceback" not in told
    assert len(told) <= LONGEST_MESSAGE, f"an error of {len(told)} characters"
    shown(told)


def shown(text: str) -> None:
    """Assert that a text holds nothing that a terminal would act on."""
    acting = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs")} - {"\n"}
    assert not acting, f"characters that a terminal acts on: {sorted(map(repr, acting))}"


def checked(path: Path) -> Design | None:
    """A design as ``check`` reads it; nothing where it is refused."""
    with within(CHECKED_WITHIN):
        try:
            design = load_design(path)
            told = described(design)
        except CartError as error:
            refused_clearly(error)
            return None
    shown(told)
    return design


def design_holds(raw: bytes | str, run: bool = True) -> str:
    """Check a design and, where it is accepted, run it; says what became of it."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "design.toml"
        path.write_bytes(raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw)
        design = checked(path)
        if design is None:
            return "refused"
        if not run:
            return "accepted"
        if needs_calibration(design):
            design = with_threshold(design, 0.98)
        with within(RUN_WITHIN):
            try:
                simulate(design, trials=TRIALS, jobs=1, engine="simulate", out=Path(name) / "out")
            except CartError as error:
                refused_clearly(error)
                return "run refused"
        assert {entry.name for entry in Path(name).iterdir()} == {"design.toml", "out"}
        return "ran"


def table_holds(raw: bytes, design: Design) -> str:
    """Analyse a table; says what became of it."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "participants.csv"
        path.write_bytes(raw)
        with within(RUN_WITHIN):
            try:
                told = analyze(design, path, fast=True).text
            except CartError as error:
                refused_clearly(error)
                return "refused"
        shown(told)
        return "analysed"
