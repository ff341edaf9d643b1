"""Estimates of a real trial that has stopped, corrected for the stop.

What lies beyond the stop needs the looks that were held and no others: their tables, at the numbers
that were really analysed in each arm, judged by the rules of the design. Where these cannot be put
in order, a simulated run of the design tells the bias given the stop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import isfinite, prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from adaptive_cart.analysis.findings import CorrectedEstimate, Corrections
from adaptive_cart.analysis.posteriors import interval_seen, words_of
from adaptive_cart.analysis.real_trial import RecordedAnalysis
from adaptive_cart.analysis.replay import Held
from adaptive_cart.conduct.plan import LEVEL, Estimand, Plan, told_of
from adaptive_cart.decisions import ENDINGS, SUCCESS, Ending
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.questions import Question
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
    stopped_by,
    why_not,
    why_not_simulated,
)
from adaptive_cart.running.exact import judged_look

if TYPE_CHECKING:
    from adaptive_cart.running.bias_of_run import BiasOfRun, LearnedBias

MOST_TABLES = 300_000  # of all looks: about ten seconds
WORDS = {
    CONDITIONAL: "less its bias given the look and the reason of the stop",
    SKEPTICAL: "under the skeptical prior",
}


def corrections_of(
    plan: Plan, held: Sequence[Held], recorded: RecordedAnalysis, run: BiasOfRun | None = None
) -> Corrections | None:
    """Estimates corrected for the stop, or why not; nothing where the trial goes on.

    Parameters
    ----------
    held
        The looks held, in order; the last one is analysed.
    run
        Tells the bias given the stop where ends cannot be put in order.

    Raises
    ------
    ResultsError
        If too few trials of the run ended so.
    """
    now, asked = held[-1], plan.design.adjusted_estimates
    if not now.ended or not plan.estimands:
        return None
    if not plan.design.primary_endpoint.binary and asked is None:
        return None
    if any(one.went_on for one in held):
        run = None  # no simulated trial goes on so
    level = plan.fitted[plan.design.primary][0].of_level
    of = words_of(plan.design, plan.estimands[0].question, level)
    looks, why = _numbers(plan, held, recorded)
    if why is not None:
        return _without_order(plan, now, recorded, run, of, why)
    judged = [judged_look(plan, number, analysed) for number, analysed in looks]
    corrected = Corrected.of(plan, judged, now.look if now.last else None)
    counts = now.record.summaries[plan.design.primary]
    assert isinstance(counts, Counts)
    chosen = (judged[-1].successes == _by_arm(counts.successes)).all(axis=1)
    ending = ENDINGS[int(now.after.reason[0])]
    if not (ended_so(judged[-1], ending) & chosen).any():
        why = "more than the counts analysed decided (participants whose outcome is missing, say)"
        return _without_order(plan, now, recorded, run, of, why)
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


def _without_order(
    plan: Plan,
    now: Held,
    recorded: RecordedAnalysis,
    run: BiasOfRun | None,
    of: str,
    why: str,
) -> Corrections:
    """What needs no order: every estimate as it is, less the bias that a run knows, skeptical."""
    asked = plan.design.adjusted_estimates
    prior = None if asked is None or why_not_simulated(plan.design) else asked.skeptical
    if prior is None and run is None:
        return Corrections(of, None, (), why)  # a test, say, has no interval
    told, learned = list[CorrectedEstimate](), None
    for place, estimand in enumerate(plan.estimands):
        seen = _seen(plan, now, recorded, estimand.question)
        scale = Scale.of(plan.design, estimand.question)
        found = {"estimate": (f"{told_of(plan.design).estimate}, not corrected", seen)}
        if run is not None and place == stopped_by(plan.design) and isfinite(seen.value[0]):
            on_scale = scale.told(seen)
            value, error = float(on_scale.value[0]), float(scale.error(on_scale)[0])
            learned = run.at(now.look, ENDINGS[int(now.after.reason[0])], value, error)
            moved = scale.back(Spans(*(part - learned.value for part in on_scale)))
            found[CONDITIONAL] = (f"{WORDS[CONDITIONAL]}, by simulated trials", moved)
        if prior is not None:
            found[SKEPTICAL] = WORDS[SKEPTICAL], skeptical(prior, seen, scale)
        if len(found) > 1:
            told += _told(found, estimand)
    return Corrections(of, None, tuple(told), why, learned)


def told_of_run(
    design: Design, folder: str | Path | None, found: Corrections | None
) -> Iterator[str]:
    """What a run has told of the bias given the stop, why it was not asked, or that one could be.

    Parameters
    ----------
    folder
        Of the run, where there is one.
    """
    if folder is None:
        asked = design.adjusted_estimates is not None and stopped_by(design) is not None
        if asked and found is not None and found.why is not None:
            yield (
                "a simulated run of the design tells the bias given the look and the reason of "
                "the stop: --run FOLDER"
            )
    elif found is None:
        yield "--run: the trial goes on, so that nothing is corrected"
    elif found.why is None:
        yield "--run: not used, since the bias given the stop is enumerated"
    elif found.learned is None:
        yield f"--run: not used, since {found.why}"
    else:
        yield _learned_words(found.learned)


def _learned_words(one: LearnedBias) -> str:
    of = "the logarithm of the estimate" if one.ratio else "the estimate"
    return (
        f"the bias given the stop, {one.value:+.4g} of {of} (Monte Carlo standard error "
        f"{one.mcse:.2g}), was learned from {one.folder}: {one.ended:,} of its {one.trials:,} "
        f"simulated trials ended at look {one.look} with {Ending[one.reason].words}, "
        f"{one.near:,} of them with an estimate within two standard errors of this one"
    )


def _told(
    found: Mapping[str, tuple[str, Spans]], estimand: Estimand
) -> Iterator[CorrectedEstimate]:
    label = ", ".join(name for name in (estimand.arm, estimand.stratum) if name is not None)
    of = f" ({label})" if label else ""
    for name, (words, spans) in found.items():
        numbers = [float(part[0]) for part in spans]
        if isfinite(numbers[0]):
            yield CorrectedEstimate(f"{name}{estimand.suffix}", f"{words}{of}", *numbers)


def _seen(plan: Plan, now: Held, recorded: RecordedAnalysis, question: Question) -> Spans:
    """The estimate with its interval; the mean over imputations where responses are imputed."""
    if recorded.imputes(plan.design.primary):
        here = interval_seen(plan, recorded, question)
        return Spans(*(np.array([part]) for part in (here.mean, here.lower, here.upper)))
    analysis, model = plan.fitted[plan.design.primary]
    posterior = analysis.posterior(model, now.record.summaries[plan.design.primary], None)
    return Spans(posterior.mean(question), *posterior.limits(question, LEVEL))


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
