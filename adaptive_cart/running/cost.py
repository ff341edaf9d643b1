"""What a simulation costs where that is much, told before it begins."""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cart.conduct.plan import Plan

MINUTE = 60.0  # seconds; what takes less is not worth a word


def cost_of_draws(plan: Plan, trials: int, scenarios: int) -> Iterator[str]:
    """Say of each endpoint whose questions are answered from draws how long that may take.

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
                target.endpoint == endpoint and not posterior.without_draws(target)
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


def _long(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 60 * MINUTE:
        return f"{seconds / MINUTE:.0f} minutes"
    return f"{seconds / (60 * MINUTE):.1f} hours"
