"""Probability of success over control rates and true differences, without Monte Carlo error.

For a design on two arms with a binary primary and looks by observed participants, the rules of the
primary are judged on every table of counts at the planned numbers (the exact engine). What is left
out is said: rules on other endpoints, missing outcomes, and what depends on the calendar. It gives
the type I error over the whole null region, its boundary included, the power curve, and what a
control other than the prior expects does to both.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from adaptive_cart.design.design import Design
from adaptive_cart.design.rule_tables import PosteriorQuestion
from adaptive_cart.report.counts_alone import counts_alone, enumerated
from adaptive_cart.report.document import (
    Block,
    Heading,
    Line,
    Paragraph,
    Reference,
    Row,
    Table,
    cells,
    code,
    line,
    listed,
    prose,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import given, rounded
from adaptive_cart.report.rate_curve import over_all_rates
from adaptive_cart.running.engine import cost_of
from adaptive_cart.running.exact_error import MOST_TABLES, ExactError, tables_of

CONTROL = (0.02, 0.05, 0.10, 0.20, 0.30, 0.40, 0.50)
STEPS = 9  # true differences in a row
LONGEST = 120.0  # seconds of enumeration that a report may take; beyond, the grid is left out


@dataclass(frozen=True)
class Grid:
    """Probability of success, and bias, by control rate and true difference.

    Attributes
    ----------
    success, bias
        By (control rate, true difference).
    margin
        True difference at the boundary of the null region.
    design
        What is enumerated.
    left_out
        Rules that ask about something else.
    """

    success: dict[tuple[float, float], float]
    bias: dict[tuple[float, float], float]
    differences: tuple[float, ...]
    margin: float
    design: Design
    left_out: tuple[str, ...]

    @property
    def worst(self) -> tuple[float, float]:
        """Control rate and probability of success where it is largest on the boundary."""
        return self.worst_between(0.0, 1.0)

    def worst_between(self, low: float, high: float) -> tuple[float, float]:
        """The same among control rates within limits, found as ``worst-case`` finds it."""
        return _largest(json.dumps(self.design.plain()), low, high)


def grid_of(evidence: Evidence) -> Grid | None:
    """The grid; nothing where the rules of the primary cannot be enumerated, or take too long."""
    if len(evidence.design.arms) != 2 or evidence.design.control is None:
        return None
    found = counts_alone(evidence.design, _margin)
    if found is None:
        return None
    design, margin, left_out = found
    highest = max(margin + 0.45, 0.5)
    wanted = sorted({0.0, margin, *(round(margin + k * (highest - margin) / (STEPS - 2), 2)
                                    for k in range(1, STEPS - 1))})  # fmt: skip
    points = {(c, d) for c in CONTROL for d in wanted if 0.0 <= c + d <= 1.0}
    if cost_of(design, len(points)).seconds > LONGEST or tables_of(design) > MOST_TABLES:
        return None
    ordered = sorted(points)
    rates = tuple((control, min(control + apart, 1.0)) for control, apart in ordered)
    numbers = enumerated(json.dumps(design.plain()), rates)
    success, bias = (
        {point: one[k] for point, one in zip(ordered, numbers, strict=True)} for k in (0, 1)
    )
    return Grid(success, bias, tuple(wanted), margin, design, left_out)


ROUNDING = 1e-9  # of an enumerated probability


def above_target(evidence: Evidence) -> tuple[float, float] | None:
    """Where the enumerated error is above what ``[calibration]`` asks for: control rate, error.

    Asked of designs whose truth is said directly and whose every rule is enumerated: of these the
    null region is the boundary, at all control rates or those that the design names.
    """
    found = grid_of(evidence) if evidence.target_error is not None else None
    calibration = evidence.design.calibration
    if found is None or calibration is None or found.left_out or evidence.infuses:
        return None
    rate, error = found.worst_between(*(named_limits(evidence) or (0.0, 1.0)))
    assert evidence.target_error is not None
    return (rate, error) if error > evidence.target_error + ROUNDING else None


def named_limits(evidence: Evidence) -> tuple[float, float] | None:
    """Lowest and highest control rate of the null region that the design names; none if all."""
    calibration = evidence.design.calibration
    named = {} if calibration is None else calibration.null_region or {}
    limits = named.get(evidence.design.arm_names[0])
    return None if limits is None else (min(limits), max(limits))


def in_named_region(evidence: Evidence, grid: Grid) -> Line:
    """The largest error at the control rates that the design names; nothing where it names none."""
    limits = named_limits(evidence)
    if limits is None:
        return ()
    rate, error = grid.worst_between(*limits)
    low, high = (given(end, "design: calibration.null_region") for end in limits)
    return prose(
        " Over those that the design names, {low} to {high}, it is {error}, at {rate}.",
        low=low,
        high=high,
        error=rounded(error, 4, "exact enumeration"),
        rate=rounded(rate, 2, "exact enumeration"),
    )


def _margin(asked: PosteriorQuestion) -> float | None:
    """The true difference at which a claim is just false; nothing where it asks something else."""
    of_difference = asked.kind.about_levels and not asked.kind.ratio and asked.minus is not None
    return asked.above if of_difference else None


@lru_cache(maxsize=8)
def _largest(text: str, low: float, high: float) -> tuple[float, float]:
    found = ExactError(Design(**json.loads(text)), set(), (low, high)).worst(math.nan)
    return found.control, found.error


# ── what is said of it ────────────────────────────────────────────────────────────────────────
def null_and_power(evidence: Evidence) -> list[Block]:
    """Success over the null region and beyond, exactly."""
    grid = grid_of(evidence)
    if grid is None:
        region = "two arms without strata, a landmark, looks by observed participants"
        if blocks := over_all_rates(evidence):
            return blocks
        if evidence.design.control is None:
            evidence.trace.missing(28, "several null scenarios")
            evidence.trace.missing(46, "three or more scenarios that differ in one number")
            return []
        evidence.trace.missing(28, f"several null scenarios (all control rates are enumerated for "
                                   f"{region})")  # fmt: skip
        evidence.trace.missing(46, f"three or more scenarios that differ in one number of the "
                                   f"truth (powers are enumerated for {region})")  # fmt: skip
        return _conflict_by_scenario(evidence)
    source = "exact enumeration"
    rows: list[Row] = []
    for control in CONTROL:
        shown: list[Line] = []
        for difference in grid.differences:
            value = grid.success.get((control, difference))
            shown.append(line("–") if value is None else line(rounded(value, 4, source)))
        rows.append(row(given(control, source), *shown))
    heads = [
        line(given(f"{d:+.2f}".replace("+0.00", "0"), source),
             " (margin)" if d == grid.margin else "")
        for d in grid.differences
    ]  # fmt: skip
    left = (
        ()
        if not grid.left_out
        else prose(
            " Left out: the {rules} {names}, which {ask} about something else.",
            rules="rule" if len(grid.left_out) == 1 else "rules",
            names=listed([line(code(name)) for name in grid.left_out]),
            ask="asks" if len(grid.left_out) == 1 else "ask",
        )
    )
    control, error = grid.worst
    evidence.trace.reported(28, "t-grid")
    evidence.trace.reported(45, "t-grid")
    evidence.trace.reported(46, "t-grid")
    return [
        Heading(text="The whole null region, and power", key="grid", level=3),
        Paragraph(
            line=line(
                prose(
                    "{table_words} The null region ends where the true difference is the margin "
                    "of {margin}, and there the error is largest. Over all control rates its "
                    "maximum on that boundary is {error}, at a control rate of "
                    "{control}.{named}{inside}",
                    table_words="The rules on the primary endpoint were enumerated at the planned "
                    "numbers over control rates and true differences.",
                    margin=given(grid.margin, "design: rules"),
                    error=rounded(error, 4, source),
                    control=rounded(control, 2, source),
                    named=in_named_region(evidence, grid),
                    inside=" A true difference of nought lies inside the region."
                    if grid.margin > 0.0
                    else "",
                ),
                left,
            )
        ),
        Table(
            key="t-grid",
            title=line("Probability of success by control rate and true difference (exact)"),
            head=(line("Control rate"), *heads),
            rows=tuple(rows),
            align=("right",) * (1 + len(heads)),
            notes=(
                line("Rows: true rate of the control. Columns: true difference. Up to the margin "
                     "the entries are type I errors, beyond it they are power. Nobody is missing."),
            ),
            wide=len(heads) > 10,
        ),
        *_conflict(evidence, grid),
    ]  # fmt: skip


def _conflict(evidence: Evidence, grid: Grid) -> list[Block]:
    """What a control that the prior does not expect does to error, power and bias."""
    expected = _expected_of_control(evidence)
    if expected is None:
        return []
    evidence.trace.reported(34, "t-conflict")
    source = "exact enumeration"
    middle = grid.differences[len(grid.differences) // 2]
    rows = []
    for control in CONTROL:
        point, target = (control, grid.margin), (control, middle)
        if point not in grid.success or target not in grid.success:
            continue
        rows.append(
            row(
                given(control, source),
                rounded(control - expected.mean, 3, source),
                rounded(grid.success[point], 4, source),
                rounded(grid.bias[point], 4, source),
                rounded(grid.success[target], 4, source),
                rounded(grid.bias[target], 4, source),
            )
        )
    return [
        Table(
            key="t-conflict",
            title=line("Conflict of the control's prior with the truth (", expected.words, " ",
                       rounded(expected.mean, 3, "design: prior"), ")"),
            head=(
                line("Control rate"),
                line("Truth − ", expected.words),
                line("Type I error at the margin"),
                line("Bias there"),
                line("Power at a difference of ", given(middle, source)),
                line("Bias there"),
            ),
            rows=tuple(rows),
            align=("right",) * 6,
        )
    ]  # fmt: skip


class Expected(NamedTuple):
    """What the prior expects of the control's probability, and of which part of it that is."""

    mean: float
    words: str


def _expected_of_control(evidence: Evidence) -> Expected | None:
    """What the prior expects of the control; nothing where its model has no such prior.

    Of a prior that borrows it is what the external data predict: the vague part expects one half
    and contradicts nothing.
    """
    if not evidence.design.primary_endpoint.binary:
        return None
    fitted = evidence.plan.fitted.get(evidence.design.primary)
    expected = fitted[0].expected_of_control(fitted[1]) if fitted else None
    if evidence.design.control is None or expected is None:
        return None
    for one in evidence.plan.borrowing:
        whole = (one.endpoint, one.arm) == (evidence.design.primary, 0) and one.stratum < 0
        if whole and one.prior.predicts is not None:
            return Expected(one.prior.predicts, "external prediction")
    return Expected(expected, "prior mean")


def _conflict_by_scenario(evidence: Evidence) -> list[Block]:
    """The same from the scenarios that were run, where nothing can be enumerated."""
    expected = _expected_of_control(evidence)
    if expected is None:
        evidence.trace.missing(34, "priors of the arms' rates: this model has none of them")
        return []
    control = evidence.design.arm_names[0]
    measure = f"true_{evidence.design.primary}"
    true = {name: evidence.cell(name, measure, "true", arm=control) for name in evidence.scenarios}
    if len({round(bound.figure.estimate, 3) for bound in true.values() if bound.known}) < 2:
        evidence.trace.missing(34)
        return []
    evidence.trace.reported(34, "t-conflict")
    ordered = sorted((n for n in true if true[n].known), key=lambda n: true[n].figure.estimate)
    first = evidence.estimands[0]
    rows = [
        row(
            code(name),
            true[name].number(),
            rounded(true[name].figure.estimate - expected.mean, 3, true[name].source),
            evidence.cell(name, "success").with_interval(),
            evidence.cell(name, "bias", arm=first.arm, stratum=first.stratum).number(),
        )
        for name in ordered
    ]
    return [
        Table(
            key="t-conflict",
            title=line("Conflict of the control's prior with the truth of the scenarios (",
                       expected.words, " ", rounded(expected.mean, 3, "design: prior"), ")"),
            head=cells("Scenario", "Control rate", f"Truth − {expected.words}", "Success", "Bias"),
            rows=tuple(rows),
            align=("left", *("right",) * 4),
            notes=(line("Scenarios may differ in more than the control's rate; what differs is "
                        "said in ", Reference("t-scenarios"), "."),),
        )
    ]  # fmt: skip
