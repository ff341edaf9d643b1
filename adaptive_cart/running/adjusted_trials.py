"""What estimates corrected for the stop gain and cost where trials are simulated.

The skeptical estimate is that of :mod:`adaptive_cart.running.adjusted`. The conditional one takes
away the bias at the trial's own estimate that trials have which end at the same look for the same
reason: learned, after the run, from the trials of all scenarios
(:mod:`adaptive_cart.running.likelihood_ratios`). Ratios are corrected on the log scale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from adaptive_cart.conduct.plan import Estimand, Plan
from adaptive_cart.decisions import ENDINGS
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.records import Booleans, Integers
from adaptive_cart.results.estimand import TrueValues, target_of
from adaptive_cart.results.figure import mean, proportion, root_mean_square
from adaptive_cart.results.operating import Rows
from adaptive_cart.results.rows import SIDES
from adaptive_cart.results.true_value import TrueValue
from adaptive_cart.running.adjusted import (
    CONDITIONAL,
    SKEPTICAL,
    Scale,
    Spans,
    skeptical,
    stopped_by,
)
from adaptive_cart.running.likelihood_ratios import GivenStop, Seen

EQUAL = 1e-9  # two values of an estimand that differ by less are the same


@dataclass(frozen=True)
class Ended:
    """Trials of one scenario whose estimate and interval are known.

    Attributes
    ----------
    spans
        ``(trial,)`` estimates with both ends of their intervals.
    number
        ``(trial,)`` place of each among all of the scenario.
    trials
        All of the scenario, those without an estimate counted in.
    """

    target: TrueValue
    look: Any
    reason: Any
    spans: Spans
    number: Integers
    trials: int

    @property
    def known(self) -> bool:
        """Whether there is a true value and anything that is compared with it."""
        return bool(np.isfinite(self.target.value)) and len(self.look) > 0


def adjusted_of_trials(
    design: Design,
    true: Mapping[str, TrueValues],
    columns: Callable[[str], Mapping[str, Any]],
) -> list[tuple[Any, ...]]:
    """Bias, error, coverage and overestimation of each corrected estimate, as rows of the table.

    Parameters
    ----------
    columns
        Gives the columns of ``trials.parquet`` of a scenario.
    """
    plan = Plan.of(design)
    found = []
    for place, estimand in enumerate(plan.estimands):
        scale = Scale.of(plan.design, estimand.question)
        ended = {
            name: ended_of(columns(name), estimand, target_of(plan, values, place))
            for name, values in true.items()
        }
        ended = {name: one for name, one in ended.items() if one.known}
        corrected = {name: {"": one.spans} for name, one in ended.items()}
        if place == stopped_by(design):
            for name, spans in _conditional(ended, scale).items():
                corrected[name][CONDITIONAL] = spans
        asked = design.adjusted_estimates
        if asked is not None and asked.skeptical is not None:
            for name, one in ended.items():
                corrected[name][SKEPTICAL] = skeptical(asked.skeptical, one.spans, scale)
        for name, one in ended.items():
            rows = Rows(name)
            for which, spans in corrected[name].items():
                _measured(rows, design, estimand, one, which, spans)
            found += rows.rows
    return found


def ended_of(trials: Mapping[str, Any], estimand: Estimand, target: TrueValue) -> Ended:
    """Trials of one scenario, given the columns of ``trials.parquet``."""
    names = (f"estimate{estimand.suffix}", *(f"{side}{estimand.suffix}" for side in SIDES))
    parts = [np.asarray(trials[name], dtype=np.float64) for name in names]
    known = np.isfinite(np.stack(parts)).all(axis=0)
    look, reason = (np.asarray(trials[name]) for name in ("look", "reason"))
    spans = Spans(*(part[known] for part in parts))
    return Ended(target, look[known], reason[known], spans, np.flatnonzero(known), len(look))


def _conditional(ended: Mapping[str, Ended], scale: Scale) -> dict[str, Spans]:
    """Estimates less the bias given their stop, by scenario; the interval moves with each."""
    on_scale = {name: scale.told(one.spans) for name, one in ended.items()}
    moved = {name: np.zeros(len(one.look)) for name, one in ended.items()}
    for look, why in {pair for one in ended.values() for pair in _pairs(one)}:
        here = {name: (one.look == look) & (one.reason == why) for name, one in ended.items()}
        given = GivenStop.of([seen_of(one, scale, here[name]) for name, one in ended.items()])
        if given is None:
            continue
        for name, spans in on_scale.items():
            moved[name][here[name]] = given.at(spans.value[here[name]])
    return {
        name: scale.back(Spans(*(part - moved[name] for part in spans)))
        for name, spans in on_scale.items()
    }


def seen_of(one: Ended, scale: Scale, here: Booleans) -> Seen:
    """Some trials of a scenario, on the scale on which their estimates are about normal."""
    spans = scale.told(one.spans)
    true = float(scale.number(np.array([one.target.value]))[0])
    return Seen(true, one.trials, spans.value[here], scale.error(spans)[here])


def _pairs(ended: Ended) -> set[tuple[int, int]]:
    return {(int(a), int(b)) for a, b in zip(*_distinct(ended), strict=True)}


def _distinct(ended: Ended) -> tuple[Any, Any]:
    pairs = np.unique(np.stack([ended.look, ended.reason]).astype(np.int64), axis=1)
    return pairs[0], pairs[1]


def _measured(
    rows: Rows, design: Design, estimand: Estimand, one: Ended, which: str, spans: Spans
) -> None:
    """Measures of one estimate in one scenario, each with its Monte Carlo standard error."""
    suffix, target, where = f"_{which}" if which else "", one.target, estimand
    errors = spans.value - target.value
    above = (errors > EQUAL) + 0.5 * (np.abs(errors) <= EQUAL)
    rows.add(f"overestimated{suffix}", mean(above), where.arm, where.stratum)
    if not which:  # its bias, error and coverage are told already
        return
    inside = (spans.lower <= target.value) & (target.value <= spans.upper)
    rows.add(f"bias{suffix}", mean(errors, target.mcse), where.arm, where.stratum)
    rows.add(f"rmse{suffix}", root_mean_square(errors), where.arm, where.stratum)
    share = proportion(int(inside.sum()), len(inside))
    rows.add(f"coverage{suffix}", share, where.arm, where.stratum)
    for look in range(1, design.looks.number + 1):
        for why in ENDINGS:
            here: Booleans = (one.look == look) & (one.reason == why)
            if here.any():
                figure = mean(errors[here], target.mcse)
                rows.add(
                    f"bias_given_stop{suffix}", figure, where.arm, where.stratum, look, why.name
                )
