"""Operating characteristics: each measure one function, each with its Monte Carlo standard error.

Read off from stored trials alone. ``estimate``, ``mcse`` and the 95% Monte Carlo interval
``lower``, ``upper`` stand in one row. It says how sure the simulation is, and nothing about a
clinical effect.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.conduct.plan import Estimand, Plan
from adaptive_cart.decisions import ENDINGS, NO_SUCCESS, STOPS, SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.models.borrowed import CONFLICT as LIMIT
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.results.best_arm import best_selected, target_columns
from adaptive_cart.results.borrowing import CONFLICT, PARTICIPANTS, PERCENTILES, column_of
from adaptive_cart.results.claims import FALSE, UNKNOWN
from adaptive_cart.results.costs import costs_of
from adaptive_cart.results.estimand import TrueValues, target_of
from adaptive_cart.results.figure import (
    Z95,
    Figure,
    mean,
    proportion,
    quantile,
    ratio,
    root_mean_square,
    standard_deviation,
)
from adaptive_cart.results.long_term import bound, one_participant
from adaptive_cart.results.rows import OBSERVED
from adaptive_cart.results.true_value import TrueValue

if TYPE_CHECKING:
    from adaptive_cart.results.columns import LastLooks

COLUMNS = (
    "scenario",
    "measure",
    "arm",
    "stratum",
    "look",
    "estimate",
    "mcse",
    "lower",
    "upper",
    "n",
    "reason",
)

# where external data are drawn anew these stand there once more, beside them as observed
CONDITIONAL = ("success", "arm_success", "false_success", "bias", "rmse", "coverage")
AS_OBSERVED = "_as_observed"


class Rows:
    """Collects the rows of ``operating_characteristics.csv`` of one scenario."""

    def __init__(self, scenario: str) -> None:
        self.scenario = scenario
        self.rows: list[tuple[Any, ...]] = []

    def as_observed(self) -> list[tuple[Any, ...]]:
        """Those that are told beside what is unconditional, given external data as observed."""
        told = (row for row in self.rows if row[1] in CONDITIONAL and row[4] is None)
        return [(row[0], f"{row[1]}{AS_OBSERVED}", *row[2:]) for row in told]

    def add(
        self,
        measure: str,
        figure: Figure,
        arm: str | None = None,
        stratum: str | None = None,
        look: int | None = None,
        reason: str | None = None,
    ) -> None:
        """Add a row; what is left out is blank."""
        self.rows.append(
            (
                self.scenario,
                measure,
                arm,
                stratum,
                look,
                figure.estimate,
                figure.mcse,
                figure.lower,
                figure.upper,
                figure.n,
                reason,
            )
        )


def measures(
    design: Design,
    truth: Truth,
    true: TrueValues,
    trials: Mapping[str, Any],
    ends: LastLooks | None = None,
) -> list[tuple[Any, ...]]:
    """Every operating characteristic of one scenario, as rows of :data:`COLUMNS`.

    Parameters
    ----------
    trials
        Columns of ``trials.parquet`` for the scenario, in order of trial; ``reason`` by code of
        the ending, ``rule`` by position in the design, -1 for none. Each is asked for when it
        is needed and let go again, so that they need not all be in memory.
    ends
        Out of ``looks.parquet``, the look that ended each trial; descriptive measures of the
        endpoints are left out without it.
    """
    rows = Rows(truth.name)
    reason = np.asarray(trials["reason"])
    look = np.asarray(trials["look"])
    n = len(reason)
    _decisions(rows, design, reason, look, n, trials)
    for name in ("n_randomised", "n_analysed", "n_infused", "months"):
        if name == "n_infused" and not any(truth.infused_arms):
            continue
        _distribution(rows, name, np.asarray(trials[name], dtype=np.float64))
    passed = truth.accrual.randomised_of_screened
    if passed < 1.0:  # what is screened until the last is randomised, on average
        rows.add("n_screened_mean", mean(np.asarray(trials["n_randomised"]) / passed))
    _estimation(rows, design, true, trials, reason, look)
    selected = best_selected(design, true, trials)
    if selected is not None:
        rows.add("best_selected", proportion(int(selected.sum()), len(selected)))
    _utilities(rows, design, true, trials)
    _described(rows, design, truth, true, ends)
    _long_term(rows, design, truth, trials)
    _costs(rows, design, truth, true, trials)
    _borrowed(rows, design, trials)
    rows.rows += _as_observed(design, truth, true, trials)
    rows.add("failed", proportion(int(_failed(design, trials).sum()), n))
    return rows.rows


def _as_observed(
    design: Design, truth: Truth, true: TrueValues, trials: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """The same participants judged beside external data as observed, where they are drawn anew."""
    if not design.redrawn:
        return []
    rows = Rows(truth.name)
    seen = {
        name.removeprefix(OBSERVED): np.asarray(trials[name])
        for name in trials
        if name.startswith(OBSERVED)
    }
    won = seen["success"]
    whole = proportion(int(won.sum()), len(won))
    rows.add("success", whole)
    if design.by_target:
        _successes(rows, design, seen, len(won))
    else:
        rows.add("arm_success", whole, arm=design.experimental_names[0])
    rows.add("false_success", _false(seen["false_success"]))
    plan = Plan.of(design)
    for place, estimand in enumerate(plan.estimands):
        estimate, covered = (seen[f"{of}{estimand.suffix}"] for of in ("estimate", "covered"))
        _errors(rows, estimand, target_of(plan, true, place), estimate, covered)
    return rows.as_observed()


def _long_term(rows: Rows, design: Design, truth: Truth, trials: Mapping[str, Any]) -> None:
    """What follow-up for years will see of those randomised in each trial, by arm."""
    asked = design.long_term_follow_up
    if asked is None:
        return
    for position, arm in enumerate(design.arm_names):
        number = np.asarray(trials[f"n_{arm}"], dtype=np.float64)
        for year in asked.moments:
            one = one_participant(design, truth, position, year, asked)
            years = number * one.years
            rows.add(f"long_term_years_{year:g}", mean(years), arm)
            seen = years[years > 0.0]
            if len(seen):
                rows.add(f"long_term_bound_{year:g}", mean(bound(seen)), arm)
            for name, events in one.events.items():
                rows.add(f"long_term_events_{name}_{year:g}", mean(number * events), arm)
                any_ = 1.0 - one.none[name] ** number
                rows.add(f"long_term_any_{name}_{year:g}", mean(any_), arm)


def _costs(
    rows: Rows, design: Design, truth: Truth, true: TrueValues, trials: Mapping[str, Any]
) -> None:
    """What participants and a trial cost, where the design says so."""
    asked = design.costs
    if asked is None:
        return
    months = None if asked.remission is None else true.by_arm[asked.remission]
    found = costs_of(design, truth, months)
    for arm, cost in zip(design.arm_names, found, strict=True):
        rows.add("cost_participant", Figure(*_true(cost.participant)), arm)
        if cost.year is not None:
            rows.add("cost_remission_year", Figure(*_true(cost.year)), arm)
        if cost.gained is not None:
            rows.add("cost_remission_year_gained", Figure(*_true(cost.gained)), arm)
    randomised = (np.asarray(trials[f"n_{arm}"], dtype=np.float64) for arm in design.arm_names)
    each = [cost.participant.value * n for cost, n in zip(found, randomised, strict=True)]
    rows.add("cost_trial_mean", mean(np.add.reduce(each)))


def _borrowed(rows: Rows, design: Design, trials: Mapping[str, Any]) -> None:
    """Participants borrowed and conflicts with external data: at each look held, and at the end."""
    for arm in Plan.of(design).borrowing:
        name, stratum = design.arm_names[arm.arm], arm.stratum_of(design)
        for look in (None, *range(1, design.looks.number + 1)):
            borrowed = np.asarray(trials[column_of(PARTICIPANTS, arm, look)], dtype=np.float64)
            conflict = np.asarray(trials[column_of(CONFLICT, arm, look)], dtype=np.float64)
            held = np.isfinite(borrowed)
            measure = f"{PARTICIPANTS}_{arm.endpoint}"
            rows.add(f"{measure}_mean", mean(borrowed[held]), name, stratum, look)
            for percent in PERCENTILES:
                figure = quantile(borrowed[held], percent)
                rows.add(f"{measure}_p{percent:02d}", figure, name, stratum, look)
            conflicts = proportion(int((conflict[held] < LIMIT).sum()), int(held.sum()))
            rows.add(f"{CONFLICT}_{arm.endpoint}", conflicts, name, stratum, look)


def _failed(design: Design, trials: Mapping[str, Any]) -> Booleans:
    """Whether a posterior that a rule or an estimate needed could not be computed, ``(trial,)``."""
    failed = np.array(trials["failed"], dtype=np.bool_)
    for estimand in Plan.of(design).estimands:
        for ending in ("", "_final"):
            failed |= ~np.isfinite(np.asarray(trials[f"estimate{estimand.suffix}{ending}"]))
    return failed


def _decisions(
    rows: Rows,
    design: Design,
    reason: Any,
    look: Any,
    n: int,
    trials: Mapping[str, Any],
) -> None:
    success = reason == SUCCESS
    rows.add("success", proportion(int(success.sum()), n))
    for stop in STOPS:
        ended = reason == stop
        rows.add(stop.measure, proportion(int(ended.sum()), n))
        for number in range(1, design.looks.number + 1):
            here = int((ended & (look == number)).sum())
            rows.add(stop.measure, proportion(here, n), look=number)
    _ended_between(rows, design, reason, look, trials)
    _decided(rows, design, look, trials)
    _claims(rows, design, trials)
    _within_error(rows, design, trials)
    rows.add(NO_SUCCESS.measure, proportion(int((reason == NO_SUCCESS).sum()), n))
    rows.add("reversal", proportion(int(np.asarray(trials["reversal"]).sum()), n))
    if design.by_target:
        _successes(rows, design, trials, n)
    else:
        rows.add("arm_success", proportion(int(success.sum()), n), arm=design.experimental_names[0])
    _left(rows, design, trials, n)
    rows.add("false_success", _false(np.asarray(trials["false_success"])))
    randomised = np.asarray(trials["n_randomised"], dtype=np.float64)
    for name in design.arm_names:
        share = np.asarray(trials[f"n_{name}"], dtype=np.float64) / np.maximum(randomised, 1.0)
        rows.add("arm_share", mean(share), name)


def _ended_between(
    rows: Rows, design: Design, reason: Any, look: Any, trials: Mapping[str, Any]
) -> None:
    """Endings between looks, where a rule has a rhythm of its own: before which look, and why."""
    if not any(rule.every for rule in design.rules):
        return
    between = np.asarray(trials["between"], dtype=np.bool_)
    rows.add("stop_between", proportion(int(between.sum()), len(between)))
    for number in range(1, design.looks.number + 1):
        for why in STOPS:
            here = between & (look == number) & (reason == why)
            figure = proportion(int(here.sum()), len(here))
            rows.add("stop_between", figure, look=number, reason=why.name)


def _decided(rows: Rows, design: Design, look: Any, trials: Mapping[str, Any]) -> None:
    """Which rule ended the trial, which first held, and what was claimed: at any look, at each."""
    ended_by = np.asarray(trials["rule"])
    for position, rule in enumerate(design.rules):
        found = {}
        if rule.decision.may_end:
            found[f"decided_{rule.name}"] = np.where(ended_by == position, look, 0)
        for measure in (f"held_{rule.name}", f"claimed_{rule.name}"):
            if measure in trials:
                found[measure] = np.asarray(trials[measure])
        for measure, at in found.items():
            rows.add(measure, proportion(int((at > 0).sum()), len(at)))
            for number in range(1, design.looks.number + 1):
                here = int((at == number).sum())
                rows.add(measure, proportion(here, len(at)), look=number)


def _claims(rows: Rows, design: Design, trials: Mapping[str, Any]) -> None:
    """Further claims: after follow-up, falsely, and whether any claim of the trial is false."""
    claims, false = design.further_claims, []
    for rule in claims:
        if (column := f"claimed_final_{rule.name}") in trials:
            claimed = np.asarray(trials[column], dtype=np.bool_)
            rows.add(column, proportion(int(claimed.sum()), len(claimed)))
        false += [f"false_claim_{rule.name}", f"false_claim_final_{rule.name}"]
    if claims:
        false += ["any_false_claim", "any_false_claim_final"]
    for column in false:
        if column in trials:
            rows.add(column, _false(np.asarray(trials[column])))


def _within_error(rows: Rows, design: Design, trials: Mapping[str, Any]) -> None:
    """Trials with a verdict of a rule that the error of its posterior probability could turn."""
    for rule in design.rules:
        if (column := f"within_error_{rule.name}") in trials:
            hung = np.asarray(trials[column], dtype=np.bool_)
            rows.add(column, proportion(int(hung.sum()), len(hung)))


def _false(verdicts: Any) -> Figure:
    """Share of trials with a false success; nan where of some it is not known."""
    if (verdicts == UNKNOWN).any():
        return Figure(math.nan, math.nan, math.nan, math.nan, len(verdicts))
    return proportion(int((verdicts == FALSE).sum()), len(verdicts))


def _successes(rows: Rows, design: Design, trials: Mapping[str, Any], n: int) -> None:
    """Success by arm and stratum."""
    for name, (arm, stratum) in target_columns(design).items():
        if name in trials:
            events = int((np.asarray(trials[name]) > 0).sum())
            label = None if stratum < 0 else design.stratum_names[stratum]
            rows.add("arm_success", proportion(events, n), design.arm_names[arm], label)


def _left(rows: Rows, design: Design, trials: Mapping[str, Any], n: int) -> None:
    """Arms dropped and strata closed by a rule."""
    for name in design.arm_names:
        if f"dropped_{name}" in trials:
            dropped = np.asarray(trials[f"dropped_{name}"])
            rows.add("arm_dropped", proportion(int((dropped > 0).sum()), n), name)
            for look in range(1, design.looks.number + 1):
                here = int((dropped == look).sum())
                rows.add("arm_dropped", proportion(here, n), name, look=look)
    for name in design.stratum_names:
        if f"closed_{name}" in trials:
            closed = int((np.asarray(trials[f"closed_{name}"]) > 0).sum())
            rows.add("stratum_closed", proportion(closed, n), stratum=name)


def _distribution(rows: Rows, name: str, values: Floats) -> None:
    rows.add(f"{name}_mean", mean(values))
    rows.add(f"{name}_sd", standard_deviation(values))
    for percent in (5, 50, 95):
        rows.add(f"{name}_p{percent:02d}", quantile(values, percent))


def _estimation(
    rows: Rows, design: Design, true: TrueValues, trials: Mapping[str, Any], reason: Any, look: Any
) -> None:
    plan = Plan.of(design)
    for place, estimand in enumerate(plan.estimands):
        target = target_of(plan, true, place)
        arm, stratum = estimand.arm, estimand.stratum
        rows.add("estimand", Figure(*_true(target)), arm, stratum)
        for ending in ("", "_final"):
            estimate = np.asarray(trials[f"estimate{estimand.suffix}{ending}"], dtype=np.float64)
            covered = np.asarray(trials[f"covered{estimand.suffix}{ending}"])
            known = _errors(rows, estimand, target, estimate, covered, ending)
            if ending or known is None:
                continue
            errors = estimate[known] - target.value
            for number, why, inside in _endings(design, reason[known], look[known]):
                figure = mean(errors[inside], target.mcse)
                rows.add("bias_given_stop", figure, arm, stratum, number, why)


def _errors(
    rows: Rows,
    estimand: Estimand,
    target: TrueValue,
    estimate: Floats,
    covered: Booleans,
    ending: str = "",
) -> Booleans | None:
    """Bias, root mean squared error and coverage, where the truth and some estimates are known.

    Returns
    -------
    Trials whose estimate is known; nothing where nothing is told.
    """
    arm, stratum, known = estimand.arm, estimand.stratum, np.isfinite(estimate)
    if not known.any() or not math.isfinite(target.value):
        return None
    errors, inside = estimate[known] - target.value, covered[known]
    rows.add(f"bias{ending}", mean(errors, target.mcse), arm, stratum)
    rows.add(f"rmse{ending}", root_mean_square(errors), arm, stratum)
    share = proportion(int(inside.sum()), len(inside))
    rows.add(f"coverage{ending}", share, arm, stratum)
    return known


def _utilities(rows: Rows, design: Design, true: TrueValues, trials: Mapping[str, Any]) -> None:
    """True utilities, and the posterior mean of their difference where the trial ended.

    A utility is its benefit (what is weighed with more than 0) less its harm.
    """
    plan = Plan.of(design)
    for name, weights in design.utility.items():
        for place, label in enumerate(design.arm_names):
            question = Question(name, place, kind="utility", weights=tuple(weights.items()))
            rows.add(f"true_{name}", Figure(*_true(_known(true, question))), label)
    for utility in plan.utilities:
        name, arm = utility.question.endpoint, design.arm_names[utility.question.arm]
        whole = _known(true, utility.question)
        rows.add(f"utility_{name}", Figure(*_true(whole)), arm)
        for side, part in zip(("benefit", "harm"), utility.sides(), strict=True):
            found = _known(true, part) if part.weights else TrueValue(0.0, 0.0)
            rows.add(f"{side}_{name}", Figure(*_true(found)), arm)
        if f"benefit{utility.suffix}" not in trials:  # enumerated
            continue
        sides = {
            side: np.asarray(trials[f"{side}{utility.suffix}"], dtype=np.float64)
            for side in ("benefit", "harm")
        }
        expected = sides["benefit"] - sides["harm"]
        known = np.isfinite(expected)
        if not known.any():
            continue
        rows.add(f"expected_utility_{name}", mean(expected[known]), arm)
        for side, values in sides.items():
            rows.add(f"expected_{side}_{name}", mean(values[known]), arm)
        if math.isfinite(whole.value):
            error = mean(expected[known] - whole.value, whole.mcse)
            rows.add(f"bias_utility_{name}", error, arm)


def _known(true: TrueValues, question: Question) -> TrueValue:
    """A true value; not a number where the scenario does not say it."""
    found = true.quantity(question)
    return TrueValue(math.nan, math.nan) if found is None else found


def _endings(design: Design, reason: Any, look: Any) -> Iterator[tuple[int, str, Booleans]]:
    for number in range(1, design.looks.number + 1):
        for why in ENDINGS:
            inside = (reason == why) & (look == number)
            if inside.any():
                yield number, why.name, inside


def _true(value: TrueValue) -> tuple[float, float, float, float, None]:
    half = Z95 * value.mcse
    return value.value, value.mcse, value.value - half, value.value + half, None


def _described(
    rows: Rows, design: Design, truth: Truth, true: TrueValues, ends: LastLooks | None
) -> None:
    """True and observed values of every endpoint by arm, at the look that ended the trial.

    A true value that nobody has said, nor asked for, is blank.
    """
    for name, endpoint in design.endpoints.items():
        above, below = (f"{name}_{column}" for column in endpoint.gives.observed)
        seen = ends is not None and below in ends
        tops = ends.by_arm(above) if ends is not None and seen else None
        bottoms = ends.by_arm(below) if ends is not None and seen else None
        for position, arm in enumerate(design.arm_names):
            if name in true.by_arm:
                given = truth.gives(name, endpoint.named_in, position)
                value = true.by_arm[name][position] if given else TrueValue(math.nan, math.nan)
                rows.add(f"true_{name}", Figure(*_true(value)), arm=arm)
            if tops is not None and bottoms is not None:
                rows.add(f"observed_{name}", ratio(tops[position], bottoms[position]), arm=arm)
