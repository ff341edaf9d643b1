"""Estimates of a real trial that has stopped, corrected for the stop.

What lies beyond the stop needs the looks that were held and no others: their tables, at the numbers
that were really analysed in each arm, judged by the rules of the design.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite, prod

import numpy as np

from adaptive_cart.analysis.findings import CorrectedEstimate, Corrections
from adaptive_cart.analysis.posteriors import words_of
from adaptive_cart.analysis.real_trial import RecordedAnalysis
from adaptive_cart.analysis.replay import Held
from adaptive_cart.conduct.plan import LEVEL, Plan, told_of
from adaptive_cart.decisions import ENDINGS, SUCCESS, Ending
from adaptive_cart.nouns.records import Booleans, Integers, pooled
from adaptive_cart.nouns.summaries import Counts
from adaptive_cart.running.adjusted import (
    CONDITIONAL,
    MEDIAN_UNBIASED,
    SKEPTICAL,
    Corrected,
    Scale,
    Spans,
    ended_so,
    skeptical,
    why_not,
    why_not_simulated,
)
from adaptive_cart.running.exact import judged_look

MOST_TABLES = 300_000  # of all looks: about ten seconds
WORDS = {
    CONDITIONAL: "less its bias given the look and the reason of the stop",
    SKEPTICAL: "under the skeptical prior",
}


def corrections_of(
    plan: Plan, held: Sequence[Held], recorded: RecordedAnalysis
) -> Corrections | None:
    """Estimates corrected for the stop, or why not; nothing where the trial goes on.

    Parameters
    ----------
    held
        The looks held, in order; the last one is analysed.
    """
    now, asked = held[-1], plan.design.adjusted_estimates
    if not now.ended or not plan.estimands:
        return None
    if not plan.design.primary_endpoint.binary and asked is None:
        return None
    level = plan.fitted[plan.design.primary][0].of_level
    of = words_of(plan.design, plan.estimands[0].question, level)
    looks, why = _numbers(plan, held, recorded)
    if why is not None:
        alone = () if recorded.imputes(plan.design.primary) else _skeptical_alone(plan, now)
        return Corrections(of, None, alone, why)
    judged = [judged_look(plan, number, analysed) for number, analysed in looks]
    corrected = Corrected.of(plan, judged, now.look if now.last else None)
    counts = now.record.summaries[plan.design.primary]
    assert isinstance(counts, Counts)
    chosen = (judged[-1].successes == _by_arm(counts.successes)).all(axis=1)
    ending = ENDINGS[int(now.after.reason[0])]
    if not (ended_so(judged[-1], ending) & chosen).any():
        why = "more than the counts analysed decided (participants whose outcome is missing, say)"
        return Corrections(of, None, _skeptical_alone(plan, now), why)
    return _found(corrected, len(judged) - 1, ending, chosen, of)


def _found(
    corrected: Corrected, look: int, ending: Ending, chosen: Booleans, of: str
) -> Corrections:
    told = told_of(corrected.plan.design)
    words = {"": f"{told.estimate}, not corrected", **WORDS}
    found = [
        CorrectedEstimate(name or "estimate", words[name], *(float(part[0]) for part in span))
        for name, span in corrected.estimates(look, ending, chosen).items()
    ]
    ends = corrected.ends(look, ending, chosen)
    (lower,), (upper,) = corrected.interval(ends)
    margin = _margin(corrected.plan)
    p_values = (None, None) if margin is None else corrected.p_values(ends, margin)
    found.append(
        CorrectedEstimate(
            MEDIAN_UNBIASED,
            "median unbiased, by the stage-wise order",
            float(corrected.median_unbiased(ends)[0]),
            float(lower),
            float(upper),
            *p_values,
        )
    )
    return Corrections(of, margin, tuple(found))


def _skeptical_alone(plan: Plan, now: Held) -> tuple[CorrectedEstimate, ...]:
    """Every estimate with its skeptical one, which hang on what was seen at the stop alone."""
    asked, primary = plan.design.adjusted_estimates, plan.design.primary
    if asked is None or asked.skeptical is None or why_not_simulated(plan.design):
        return ()
    analysis, model = plan.fitted[primary]
    posterior, told = analysis.posterior(model, now.record.summaries[primary], None), []
    estimate = f"{told_of(plan.design).estimate}, not corrected"
    for estimand in plan.estimands:
        question = estimand.question
        seen = Spans(posterior.mean(question), *posterior.limits(question, LEVEL))
        found = skeptical(asked.skeptical, seen, Scale.of(plan.design, question))
        label = ", ".join(name for name in (estimand.arm, estimand.stratum) if name is not None)
        of = f" ({label})" if label else ""
        for name, words, spans in (
            ("estimate", estimate, seen),
            (SKEPTICAL, WORDS[SKEPTICAL], found),
        ):
            numbers = (float(part[0]) for part in spans)
            told.append(CorrectedEstimate(f"{name}{estimand.suffix}", f"{words}{of}", *numbers))
    return tuple(one for one in told if isfinite(one.value))


def _margin(plan: Plan) -> float | None:
    """The value at whose worse side every success is false, where there is one."""
    estimated = plan.estimands[0].question
    margins = {
        asked.value
        for rule in plan.rules
        if rule.decision.ends == SUCCESS
        for asked in rule.asked
        if (asked.kind, asked.pair) == (estimated.kind, estimated.pair)
    }
    return margins.pop() if len(margins) == 1 else None


def _numbers(
    plan: Plan, held: Sequence[Held], recorded: RecordedAnalysis
) -> tuple[list[tuple[int, tuple[int, ...]]], str | None]:
    """Each look held with the numbers analysed by arm; or why the ends cannot be put in order."""
    primary, found = plan.design.primary, list[tuple[int, tuple[int, ...]]]()
    if reasons := why_not(plan.design):
        return found, "; ".join(reasons)
    if any(one.record.between for one in held):
        return found, "a rule was judged between looks"
    if any(one.went_on for one in held):
        return found, "the trial went on although a rule had ended it"
    if recorded.imputes(primary):
        return found, "missing responses are imputed"
    for one in held:
        counts = one.record.summaries[primary]
        assert isinstance(counts, Counts)
        found.append((one.look, tuple(int(n) for n in _by_arm(counts.totals))))
    if any(b < a for (_, x), (_, y) in pairwise(found) for a, b in zip(x, y, strict=True)):
        return found, "fewer are analysed in an arm than at the look before"
    tables = sum(prod(n + 1 for n in analysed) for _, analysed in found)
    if tables > MOST_TABLES:
        return (
            found,
            f"there are {tables:,} tables of counts; up to {MOST_TABLES:,} are put in order",
        )
    return found, None


def _by_arm(counts: Integers) -> Integers:
    """Of the one trial, ``(arm,)``."""
    return pooled(np.asarray(counts))[0].astype(np.int64)
