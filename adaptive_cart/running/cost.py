"""What a simulation costs where that is much, told before it begins."""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.running.external_law import expected_distinct

MINUTE = 60.0  # seconds; what takes less is not worth a word


def cost_of_draws(plan: Plan, trials: int, scenarios: int) -> Iterator[str]:
    """Say how long it may take where questions are answered from draws, or trials completed.

    Parameters
    ----------
    trials
        Simulated trials a scenario, if all of them reach the last look.
    """
    for endpoint, (analysis, _) in plan.fitted.items():
        posterior = analysis.answered_by
        asked = [
            rule.name
            for rule in plan.rules
            if any(
                endpoint in target.endpoints and not posterior.closed_for(target)
                for target in rule.asked
            )
        ]
        tables = trials * scenarios * plan.design.looks.number
        seconds = tables * posterior.drawn_seconds
        if asked and seconds >= MINUTE:
            yield (
                f"{', '.join(map(repr, asked))}: answered from draws of the posterior of "
                f"'{endpoint}', about {posterior.drawn_seconds:g} s a look of a trial; up to "
                f"{tables:,} of them are {_long(seconds)} of one core"
            )
    yield from _cost_of_completions(plan, trials * scenarios * plan.design.looks.number)
    yield from _cost_of_priors(plan, trials)


def _cost_of_priors(plan: Plan, trials: int) -> Iterator[str]:
    """The same of priors that are made anew of the external data drawn with each trial."""
    design = plan.design
    for arm in plan.borrowing:
        both = zip(arm.prior.external, arm.prior.seen, strict=True)
        drawn = [repr(name) for name, data in both if data.redrawn]
        each = arm.prior.seconds
        if arm.stratum >= 0 or not drawn or each == 0.0:
            continue
        sets = sum(
            expected_distinct(design, truth, arm.endpoint, trials)
            for truth in design.truths.values()
        )
        if sets * each >= MINUTE:
            yield (
                f"{' and '.join(drawn)} drawn anew: about {sets:,.0f} different sets of numbers, "
                f"and a prior is fitted to each, about {each:g} s; up to {_long(sets * each)} of "
                f"one core"
            )


def _cost_of_completions(plan: Plan, tables: int) -> Iterator[str]:
    """The same of each rule whose trials are completed to tell what it will be."""
    for rule in plan.rules:
        completed, each = _completed(plan, rule), seconds_of_completions(plan, rule)
        if tables * each >= MINUTE:
            of = " and ".join(repr(name) for name in plan.fitted if name in completed)
            yield (
                f"'{rule.name}': trials are completed from draws of the posterior of {of}, about "
                f"{each:g} s a look of a trial; up to {tables:,} of them are "
                f"{_long(tables * each)} of one core"
            )


def _completed(plan: Plan, rule: ResolvedRule) -> set[str]:
    """Endpoints of which a trial is completed to judge a rule."""
    return {
        name
        for part in rule.parts
        if part.prediction is not None
        for question in part.targets
        if part.prediction.completes(plan.fitted[question.endpoint][0], question)
        for name in part.prediction.drawn(plan, question)
    }


def seconds_of_completions(plan: Plan, rule: ResolvedRule) -> float:
    """What completing a trial at one look takes of one core to judge a rule, about."""
    found = _completed(plan, rule)
    return sum(plan.ahead[name][0].answered_by.completed_seconds for name in found)


def _long(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 60 * MINUTE:
        return f"{seconds / MINUTE:.0f} minutes"
    return f"{seconds / (60 * MINUTE):.1f} hours"
