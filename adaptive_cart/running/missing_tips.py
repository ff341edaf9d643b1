"""How few missing outcomes would turn a success rule over, trial by trial.

At the look that ended a trial each number of responders among those whose outcome is due and
missing, arm by arm, makes a table, judged by the posterior and the threshold of that look (Yan, Lee
& Li 2009, J Biopharm Stat 19:1085). The fewest are counted from where the design puts the missing
(non-response), or from the proportion of the others of their arm where they are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np

from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import SUMMARIES, Counts
from adaptive_cart.running.success_question import ABOUT_ONE, asks_one, success_rule

MOST_WAYS = 20_000  # outcomes of the missing of one trial
AT_ONCE = 20_000  # tables


@dataclass(frozen=True)
class MissingTips:
    """What the missing outcomes could do to a rule, ``(trial,)`` each.

    Attributes
    ----------
    holds
        Whether the rule holds as the trial reads them.
    missing
        How many outcomes of its arms are missing.
    fewest
        How few of them, read otherwise, turn the rule over; infinite where none do.
    """

    holds: Booleans
    missing: Integers
    fewest: Floats


def rule_to_tip(plan: Plan) -> tuple[ResolvedRule | None, str]:
    """The success rule whose tipping points are told from its counts; or why there is none."""
    rule, why = rule_about_one(plan)
    if rule is None:
        return None, why
    assert rule.only is not None
    question = rule.only.question
    analysis = plan.fitted[question.endpoint][0]
    if SUMMARIES[analysis.reads] is not Counts or not analysis.of_tables:
        return None, "success is not judged by counts of responders alone"
    if why:
        return None, why
    if plan.design.endpoints[question.endpoint].imputes():
        return None, "missing responses are imputed"
    return rule, ""


def rule_about_one(plan: Plan) -> tuple[ResolvedRule | None, str]:
    """The success rule about one posterior probability of one endpoint; or why there is none.

    And why missing outcomes of it cannot be put in at a look, blank where they can.
    """
    rule, why = success_rule(plan)
    if rule is None or rule.only is None:
        return None, why or ABOUT_ONE
    part, question = rule.only, rule.only.question
    if not asks_one(part):
        return None, "success does not hang on one posterior probability of one endpoint"
    if part.prediction is not None:
        return None, "success does not hang on one posterior probability"
    analysis = plan.fitted[question.endpoint][0]
    if question.stratum < 0 and plan.design.strata and (analysis.by_stratum or question.about_open):
        return rule, "success hangs on counts in several strata, each by itself"
    if question.endpoint in plan.design.prediction or part.spending is not None:
        return rule, "more than the counts at the month analysed decides"
    if any(arm >= len(plan.design.arms) for arm in question.pair) or question.of.among_open:
        return rule, "success is not about arms of the trial alone"
    return rule, ""


def missing_tips(
    plan: Plan, rule: ResolvedRule, looks: Integers, events: Integers, analysed: Integers,
    missing: Integers,
) -> MissingTips:  # fmt: skip
    """Judge every outcome of the missing of some trials.

    Parameters
    ----------
    looks
        ``(trial,)`` the number of the look that ended each.
    events, analysed, missing
        ``(trial, arm)`` of the endpoint that the rule asks about, in its stratum or in all of them.

    Returns
    -------
    Where a trial has more than :data:`MOST_WAYS` outcomes, or its rule has no threshold at that
    look, its fewest is not a number.
    """
    part = rule.only
    assert part is not None
    endpoint = plan.design.endpoints[part.question.endpoint]
    arms = list(part.question.pair)
    own = missing[:, arms]
    left_out = not endpoint.dropout_counts()
    rows = np.concatenate([looks[:, None], events, analysed, own], axis=1)
    distinct, which = np.unique(rows, axis=0, return_inverse=True)
    found = np.full((len(distinct), 2), np.nan)
    width = events.shape[1]
    for place, row in enumerate(distinct):
        look, with_it = int(row[0]), row[1 : 1 + width]
        totals, gone = row[1 + width : 1 + 2 * width], row[1 + 2 * width :]
        if look not in part.thresholds:
            continue
        found[place] = _one(plan, part, look, with_it, totals, arms, gone, left_out)
    holds, fewest = found[which.reshape(-1)].T
    return MissingTips(holds == 1.0, own.sum(axis=1), fewest)


def _one(
    plan: Plan, part: Comparison, look: int, events: Integers, analysed: Integers, arms: list[int],
    missing: Integers, left_out: bool,
) -> tuple[float, float]:  # fmt: skip
    """Whether the rule holds of one table, and how few of the missing turn it over."""
    ways = [int(n) + 1 for n in missing]
    if prod(ways) > MOST_WAYS:
        return np.nan, np.nan
    every = np.array(list(product(*(range(n) for n in ways))), dtype=np.int64)
    successes = np.repeat(events[None], len(every) + 1, axis=0)
    totals = np.repeat(analysed[None], len(every) + 1, axis=0)
    successes[1:, arms] += every
    if left_out:
        totals[1:, arms] += missing
    answers = []
    for start in range(0, len(successes), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        where = max(part.question.stratum, 0)  # pooled: whose stratum it is makes no difference
        tables = successes[some], totals[some]
        seen = LookAnalysis.of_tables(plan, part.question.endpoint, *tables, stratum=where)
        answers.append(seen.probability(part, part.question))
    verdicts = part.compared(np.concatenate(answers), part.thresholds[look])
    turned = every[verdicts[1:] != verdicts[0]]
    if not len(turned):
        return float(verdicts[0]), np.inf
    read_as = np.zeros(len(arms), dtype=np.int64)
    if left_out:
        seen_in = np.maximum(analysed[arms], 1)
        read_as = np.rint(missing * events[arms] / seen_in).astype(np.int64)
    return float(verdicts[0]), float(np.abs(turned - read_as).sum(axis=1).min())
