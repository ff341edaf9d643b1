"""What `check` says of a programme: its two trials, its candidates, and what limits it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from adaptive_cart.nouns.parameter_draws import AnyDraw
from adaptive_cart.programmes.candidate_trial import CandidateTrial
from adaptive_cart.programmes.law import LawOfFile
from adaptive_cart.programmes.programme import Programme
from adaptive_cart.programmes.tables import Trial
from adaptive_cart.programmes.telling import WIDTH, slots_told

INDENT = "  "


def described(programme: Programme) -> str:
    """The programme in words, in lines of at most :data:`WIDTH` characters."""
    tables = programme.tables
    lines = [tables.name, *_wrapped(tables.description)]
    for title, told in (
        ("Early trial", _early(programme)),
        ("Controlled trial", _confirm(programme)),
        ("Candidates", _candidates(programme)),
        ("Calendar", _calendar(programme)),
        ("Policies", _policies(programme)),
        ("Run", _run(programme)),
    ):
        entries = list(told)
        if entries:
            lines += ["", title, *(line for entry in entries for line in _wrapped(entry, INDENT))]
    return "\n".join(lines)


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent * 2, break_long_words=False
    )


def _trial(table: Trial, trial: CandidateTrial) -> Iterator[str]:
    design = trial.design
    yield (
        f"{design.name} ({table.design}, which `adaptive-cart check` tells): "
        f"{design.enrolment.max_n} participants at most, primary '{design.primary}'"
    )
    started = f"a candidate that works starts from scenario '{trial.scenario}'"
    if table.does_not_work is not None:
        yield f"{started}; one that does not is as in '{table.does_not_work}'"
        return
    without = "as who is not infused"
    if design.control is not None:
        without = f"the same as its control, {design.control}"
    yield f"{started}; one that does not is {without}"


def _early(programme: Programme) -> Iterator[str]:
    if programme.early is None:
        yield "none: every candidate goes on"
        return
    assert programme.tables.early is not None
    yield from _trial(programme.tables.early, programme.early)
    yield "goes on: where the trial declares success"
    if programme.early.selected:
        yield (
            f"its participants are {100.0 * programme.early.selected:g} in 100 more likely to have "
            "the primary endpoint than those of the controlled trial"
        )


def _confirm(programme: Programme) -> Iterator[str]:
    yield from _trial(programme.tables.confirm, programme.confirm)
    if programme.believe is not None:
        yield (
            "prior of the experimental arm: the early counts of the candidate, each counted "
            f"{programme.believe:g} times"
        )


def _candidates(programme: Programme) -> Iterator[str]:
    law = programme.law
    sizes = [f"{size} {name}" for name, size in getattr(law, "sizes", {}).items()]
    of_classes = f": {', '.join(sizes)}" if len(sizes) > 1 else ""
    yield f"{law.count} in a portfolio{of_classes}"
    if isinstance(law, LawOfFile):
        yield f"probability that one works: {_value(law.share, 'by portfolio')}"
        for steps, draw in law.draws.items():
            yield f"{'.'.join(steps)} of one that works: {_value(draw, 'by candidate')}"
        spreads = {"classes": law.between_classes, "products": law.between_products}
        if law.effect_on is not None:
            between = " and ".join(f"{sd:g} between {of}" for of, sd in spreads.items() if sd)
            yield f"on its logit, standard deviations of {between} add to {'.'.join(law.effect_on)}"
    asked = programme.tables.candidates
    if asked.benefit is not None:
        yield (
            f"worth: months of '{asked.benefit.endpoint}' beyond the control's, in everybody given "
            f"a candidate and in {asked.benefit.treated_after_success:,g} patients after a success"
        )
    if asked.class_signal is not None:
        signal = asked.class_signal
        yield (
            f"stopped: all trials of a class with {signal.stop_at} of '{signal.event}', of which "
            f"there are {_value(signal.per_year, 'by class')} a year of everybody treated"
        )


def _value(value: float | AnyDraw, drawn: str) -> str:
    """A number, or what it is drawn from."""
    if isinstance(value, float | int):
        return f"{value:g}"
    said: dict[str, Any] = value.model_dump(exclude_none=True)
    kind = said.pop("dist")
    inner = ", ".join(f"{key} {number:g}" for key, number in said.items())
    return f"{kind} ({inner}), drawn {drawn}"


def _calendar(programme: Programme) -> Iterator[str]:
    yield slots_told(programme)


def _policies(programme: Programme) -> Iterator[str]:
    for name, keys in programme.tables.policies.items():
        yield f"{name}: {', '.join(f'{key} = {value}' for key, value in keys.items())}"


def _run(programme: Programme) -> Iterator[str]:
    asked = programme.tables.simulation
    count = programme.law.count
    yield (
        f"{asked.portfolios:,} portfolios of {count} candidates, {asked.portfolios * count:,} in "
        f"all, seed {asked.seed}: `adaptive-cart programme`"
    )
