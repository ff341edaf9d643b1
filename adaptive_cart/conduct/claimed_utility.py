"""The utility that a success is about, where it is about nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from adaptive_cart.conduct.plan import Plan, Weighed
from adaptive_cart.decisions import SUCCESS


@dataclass(frozen=True)
class ClaimedUtility:
    """A utility, and what a success claims of its difference between the arms.

    Attributes
    ----------
    limit
        Beyond which it is claimed to lie; nothing where rules for success differ in it.
    above
        On which side.
    """

    utility: Weighed
    limit: float | None
    above: bool

    @property
    def name(self) -> str:
        """Of the utility."""
        return self.utility.question.endpoint


def claimed_utility(plan: Plan) -> ClaimedUtility | None:
    """The one utility about which all that success asks is; nothing where it asks more, or else.

    Of designs of one arm and a control, whose true effect is then that of the utility.
    """
    if plan.design.several or plan.design.control is None or plan.design.by_target:
        return None
    parts = [part for rule in plan.rules if rule.decision.ends == SUCCESS for part in rule.parts]
    asked = [part.question for part in parts]
    for utility in plan.utilities:
        own = utility.question
        if asked and all((q.endpoint, q.arm, q.minus) == (own.endpoint, own.arm, own.minus)
                         for q in asked):  # fmt: skip
            limits = {question.value for question in asked}
            sides = {part.question.above == part.affirms for part in parts}
            limit = limits.pop() if len(limits) == len(sides) == 1 else None
            return ClaimedUtility(utility, limit, sides.pop())
    return None
