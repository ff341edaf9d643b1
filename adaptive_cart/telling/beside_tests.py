"""Say from which posterior what is still to come is drawn, where a test is predicted."""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cart.conduct.plan import Plan


def told_beside_tests(plan: Plan) -> Iterator[str]:
    """The posterior beside a test, with its priors."""
    for name, (ahead, model) in plan.ahead.items():
        own = plan.fitted[name][0]
        if own.ahead is own:
            continue
        priors = [
            f"{prior.part}: {prior.numbers.words}" if prior.part else prior.numbers.words
            for prior in ahead.priors(model, plan.design.arm_names)
        ]
        yield (
            f"Predictions about {name}: what is still to come is drawn from the posterior of "
            f"{ahead.model} ({'; '.join(priors)}), which decides nothing itself; a predicted test "
            f"is held against the threshold of the last look, with alpha spending as planned"
        )
