"""Whether the claim of a trial that succeeds is wrong, if the priors are right.

Two ways to the same probability:

* `doubt`: where success is the answer to one question, the posterior probability at the look that
  ended the trial says it already: one minus the probability of the claim. Its mean over the trials
  that succeed is the share of wrong claims, whenever they stopped, since a posterior does not
  depend on the rule that ended the trial (Berger and Wolpert 1988, The Likelihood Principle,
  chapter 4);
* `claims_wrongly`: the truth that a trial was drawn with. It serves any rule, success of several
  arms or strata and success that is predicted, at the price of being only wrong or right.
"""

from __future__ import annotations

import numpy as np

from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.look_analysis import among_open
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.standing import Standing
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.nouns.prior_truths import true_quantity
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.priors.drawn_trials import DrawnTrials


def one_question(plan: Plan) -> bool:
    """Whether success answers one question, and not several nor a predicted one."""
    success = [rule.only for rule in plan.rules if rule.decision.ends == SUCCESS]
    asked_now = all(part is not None and part.prediction is None for part in success)
    return not plan.design.by_target and asked_now


def doubt(plan: Plan, standing: Standing) -> Floats:
    """Posterior probability that the claim is wrong, ``(trial,)``; nan where none succeeded.

    Only for designs in which success answers one question.
    """
    found = np.full(len(standing.reason), np.nan)
    for position, rule in enumerate(plan.rules):
        won = (standing.reason == SUCCESS) & (standing.rule == position)
        probability = standing.probability[won]
        part = rule.parts[0]
        found[won] = 1.0 - probability if part.at_least else probability
    return found


def claims_wrongly(block: DrawnTrials) -> Booleans:
    """Whether any claim of a trial is wrong in its truth, ``(trial,)``.

    With success in several arms or strata a trial makes as many claims.
    """
    standing = block.standing
    wrong = np.zeros(len(standing.reason), dtype=np.bool_)
    for position, looks in standing.won.items():
        rule = block.plan.rules[position]
        for place in range(len(rule.targets)):
            won = looks[:, place] > 0
            if won.any():
                so = [
                    _right(block, part, part.targets[places[place]], position, place)
                    for part, places in zip(rule.parts, rule.condition.places, strict=True)
                ]
                wrong |= won & ~rule.condition.of_one_target(so)
    return wrong


def _right(
    block: DrawnTrials,
    part: Comparison,
    asked: Question,
    position: int,
    place: int,
) -> Booleans:
    """Whether what a comparison claims of a target is so, of what was open when it was claimed."""
    right: Booleans
    behind = part.asks.of_whole(asked)
    if behind is not None:  # what the rule claims that is predicted, with all of its questions
        whole, questions = behind
        own = zip(whole.parts, questions, strict=True)
        right = whole.of_one_target([_right(block, p, q, position, place) for p, q in own])
        return right if part.affirms else ~right
    shares, so = block.design.shares, []
    open_arms, open_strata = block.standing.open_when_won(position, place)
    for target in part.asks.every(asked):
        found = np.zeros(len(open_arms), dtype=np.bool_)
        for question, rows in among_open(target, open_arms):
            value = true_quantity(block.truths, question, open_arms.shape[1], shares, open_strata)
            found[rows] = question.of.holds(question, value)[rows]
        so.append(found)
    right = np.logical_and.reduce(so)
    return right if part.affirms else ~right
