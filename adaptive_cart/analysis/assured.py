"""Conditional assurance of a real trial that goes on: success at the end, over a design prior.

Where counts alone decide, each truth that a design prior weighs is weighed anew by what was seen,
and from the numbers seen the looks to come are summed, at the numbers planned.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adaptive_cart.analysis.findings import ConditionalAssurance
from adaptive_cart.analysis.real_trial import RecordedAnalysis
from adaptive_cart.analysis.replay import Held
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.nouns.records import pooled
from adaptive_cart.nouns.summaries import Counts
from adaptive_cart.results.estimand import true_values
from adaptive_cart.running.averaging import weighed_truths
from adaptive_cart.running.conditional_assurance import Ahead, WeighedRates, given_table
from adaptive_cart.running.engine import numbers_at, obstacles


def assurances_of(
    plan: Plan, held: Held, recorded: RecordedAnalysis
) -> tuple[ConditionalAssurance, ...]:
    """By design prior; nothing where the trial has ended, or no design prior is there."""
    design = plan.design
    if held.ended or not design.design_prior:
        return ()
    why = next(iter(obstacles(design, design.truths)), None)
    counts = held.record.summaries[design.primary]
    if why is None and (held.record.between or recorded.imputes(design.primary)):
        why = "more than the counts at a look decides"
    if why is not None:
        return tuple(ConditionalAssurance(name, None, {}, why) for name in design.design_prior)
    assert isinstance(counts, Counts)
    later = [(look, n) for look, n in numbers_at(design) if look > held.look]
    analysed, table = (
        tuple(int(n) for n in pooled(np.asarray(part))[0])
        for part in (counts.totals, counts.successes)
    )
    coming = [
        (look, tuple(max(a, b) for a, b in zip(n, analysed, strict=True))) for look, n in later
    ]
    ahead = Ahead.of(plan, coming)
    return tuple(_found(plan, ahead, name, analysed, table) for name in design.design_prior)


def _found(
    plan: Plan, ahead: Ahead, prior: str, analysed: tuple[int, ...], table: tuple[int, ...]
) -> ConditionalAssurance:
    design = plan.design
    truths: list[WeighedRates] = []
    names: list[str] = []
    for scenario, weight, truth in weighed_truths(design, prior):
        if truth is None:
            why = "its draws are too many to be enumerated"
            return ConditionalAssurance(prior, None, {}, why)
        truths.append((weight, tuple(true_values(design, truth).levels(design.primary))))
        names.append(scenario)
    value, probable = given_table(ahead, analysed, table, truths)
    return ConditionalAssurance(prior, value, _by_scenario(names, probable.tolist()))


def _by_scenario(names: Sequence[str], probable: Sequence[float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, probability in zip(names, probable, strict=True):
        found[name] = found.get(name, 0.0) + probability
    return found
