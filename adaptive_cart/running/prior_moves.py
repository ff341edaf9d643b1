"""How far a prior would have to be moved to turn success over, trial by trial.

At the look that ended a trial one number of a prior of the endpoint that a question is about is
moved in steps towards either end of what it may be, and the question judged again at the threshold
of that look. Between two steps the normal quantile of the probability is taken as straight.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from adaptive_cart.conduct.block import Block
from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.moved_missing import arms_in_trial
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.models.prior_tip import EVERY_ARM, STEPS, PriorTip, share_at
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.running.judged_at_end import JudgedAtEnd, others_hold, parts_at_end


@dataclass(frozen=True)
class PriorMoves:
    """What one number of a prior could do to success, ``(trial,)`` each.

    Attributes
    ----------
    endpoint
        Whose prior it is.
    tip
        The number.
    holds
        Whether the rule holds as the trial stands.
    known
        Whether it was judged at the look that ended the trial.
    below, above
        The nearest value on either side that turns success over; not a number where none does.
    """

    endpoint: str
    tip: PriorTip
    holds: Booleans
    known: Booleans
    below: Floats
    above: Floats


def prior_moves(
    plan: Plan, rule: ResolvedRule, parts: Sequence[Comparison], block: Block
) -> list[PriorMoves]:
    """Move each number of the priors of each question's endpoint.

    Parameters
    ----------
    plan
        That under the truth of the block.
    parts
        Questions of the rule whose priors are moved; all of its questions have to hold.
    block
        With its participants.
    """
    judged = parts_at_end(JudgedAtEnd, plan, rule, block)
    found: list[PriorMoves] = []
    for part in parts:
        one, beside = judged[part.name], others_hold(judged, part, len(block.months))
        for tip in tips_of(plan, part):
            below, above = (_nearest(one, tip, end, beside) for end in tip.reach)
            endpoint = part.question.endpoint
            found.append(PriorMoves(endpoint, tip, one.holds & beside, one.known, below, above))
    return found


def tips_of(plan: Plan, part: Comparison) -> Iterator[PriorTip]:
    """Numbers of the priors of the arms that a question compares, or that all arms share."""
    question, names = part.question, plan.design.arm_names
    analysis, model = plan.fitted[question.endpoint]
    model = analysis.in_stratum(model, question.stratum)
    asked = {names[arm] for arm in arms_in_trial(plan.design, question)} | {EVERY_ARM}
    return (tip for tip in analysis.prior_tips(model, names) if tip.arm in asked)


def _nearest(one: JudgedAtEnd, tip: PriorTip, end: float, beside: Booleans) -> Floats:
    """The value nearest to the design's, towards an end, that turns each trial over."""
    none = np.full(len(beside), np.nan)
    if end == tip.now:
        return none
    answers = [one.probability]
    for step in range(1, STEPS + 1):
        answers.append(one.with_model(tip.model(tip.at(share_at(step), end))))
    place, turned = one.first_turn(answers)
    told = turned & beside & one.known
    none[told] = [tip.at(share_at(float(step)), end) for step in place[told]]
    return none
