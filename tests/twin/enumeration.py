"""Exact operating characteristics of a two-arm design on counts: the slow, obvious twin.

Truth: each participant responds with the scenario's probability of their arm, independently.
Model: the beta-binomial of `twin.posterior`. Looks come at fixed numbers observed, and permuted
blocks make the numbers in each arm fixed too, so that a trial is a path over tables of counts
``(successes of control, successes of experimental)``.

Method: at every look the rules are judged on every possible table; the probability mass of the
trials that came so far unstopped is collected where a rule ends the trial, and what is left is
carried to the next look by the binomial probabilities of the further responses in each arm. The
only error is rounding: outcome probabilities add up to 1 within 1e-12 (checked here).

Assumed where the contract is silent: ``no_success`` is the outcome of that name (a trial that
stops for futility is not in it); the estimand, and so bias and the rest, is experimental minus
control; the 95% interval is the central one, so that it covers the truth when P(difference >
truth) is within [0.025, 0.975]. ``bias_given_stop`` has a reason beside the look, for which the
results table has no column: here the reason is written into the measure, as in
``bias_given_stop_success``. ``final = "all_observed"`` is a look at max_n.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from twin import posterior
from twin.one_trial import (
    REASONS,
    allocation_of,
    arms_of,
    asked_arms,
    block_of,
    judged_at,
    planned_looks,
    planned_numbers,
    primary_of,
    prior_of,
    rule_named,
    threshold_at,
    truth_of,
)

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
Key = tuple[str, str, str | None, int | None]  # scenario, measure, arm, look


def enumerate_design(raw: dict[str, Any]) -> dict[Key, float]:
    """Exact operating characteristics of every scenario of a design.

    Returns
    -------
    By ``(scenario, measure, arm or None, look or None)``: ``success``, ``stop_success``,
    ``stop_futility``, ``stop_safety`` (by look, and look None for any), ``no_success``,
    ``n_analysed_mean``, ``estimand``, ``bias``, ``rmse``, ``coverage`` and
    ``bias_given_stop_REASON`` by look, where such a stop is possible. Arm is None throughout.

    Raises
    ------
    NotImplementedError
        A design whose counts are not fixed at every look, or that asks for anything else that
        needs calendar time or more than two arms.
    """
    control, experimental = _check(raw)
    endpoint = primary_of(raw)
    numbers = look_numbers(raw)
    verdicts = [judge_look(raw, look, numbers) for look in range(1, len(numbers) + 1)]

    result: dict[Key, float] = {}
    for scenario in raw["scenarios"]:
        truth = truth_of(raw, scenario)
        if set(truth) != {endpoint}:
            raise NotImplementedError(f"truth of {scenario} is not direct, of {endpoint} alone")
        rates = (float(truth[endpoint][control]), float(truth[endpoint][experimental]))
        result |= {
            (scenario, measure, None, look): value
            for (measure, look), value in _characteristics(raw, numbers, verdicts, rates).items()
        }
    return result


def _check(raw: dict[str, Any]) -> tuple[str, str]:
    """Refuse what is not a walk over fixed counts; the names of the two arms."""
    if raw.get("strata") or len(arms_of(raw)) != 2:
        raise NotImplementedError("strata, or other than two arms")
    primary = raw["endpoints"][primary_of(raw)]
    if primary["type"] != "landmark" or set(raw["looks"]) - {"observed", "final"}:
        raise NotImplementedError("looks not by observed landmark endpoints")
    for rule in raw["rules"]:
        if rule["then"] not in REASONS:
            raise NotImplementedError(f"then = {rule['then']}")
        if rule.get("predictive", {}).get("with", "max_n") != "max_n":
            raise NotImplementedError("a predictive probability with those enrolled")
        asked = rule if "posterior" in rule else rule_named(raw, rule["predictive"]["rule"])
        if asked["posterior"]["endpoint"] != primary_of(raw):
            raise NotImplementedError("a rule on another endpoint than the primary")
    control, experimental = arms_of(raw)
    return control, experimental


def look_numbers(raw: dict[str, Any]) -> list[tuple[int, int]]:
    """Numbers observed at every look, (control, experimental)."""
    places = block_of(raw)
    ratio = allocation_of(raw)
    numbers = []
    for _, observed in planned_looks(raw):
        if int(observed) % sum(places):
            raise NotImplementedError(f"look at {observed} is no multiple of a block")
        control = int(observed) * ratio[0] / sum(ratio)
        numbers.append((int(control), int(observed) - int(control)))
    return numbers


def question_table(
    raw: dict[str, Any], question: dict[str, Any], totals: tuple[int, int]
) -> Floats:
    """Posterior probability of a question on every table ``(control, experimental)``."""
    names = arms_of(raw)
    arm, minus = asked_arms(raw, question)
    endpoint = question["endpoint"]
    margin = float(question["above"] if "above" in question else question["below"])
    first = names.index(arm)
    prior = prior_of(raw, endpoint, arm)
    shape = (totals[0] + 1, totals[1] + 1)
    if minus is None:
        column = posterior.above_table(prior, totals[first], margin)
        above = np.broadcast_to(column[:, None] if first == 0 else column[None, :], shape)
    else:
        second = names.index(minus)
        above = posterior.difference_above_table(
            prior, totals[first], prior_of(raw, endpoint, minus), totals[second], margin
        )
        if first == 1:
            above = above.T
    return np.asarray(above) if "above" in question else 1.0 - above


def holds_table(raw: dict[str, Any], rule: dict[str, Any], table: Floats, look: int) -> Booleans:
    """Where a table of probabilities meets the threshold that a rule has at a look."""
    threshold = threshold_at(rule, look, len(planned_looks(raw)))
    return table >= threshold if "at_least" in rule else table < threshold


def predictive_table(raw: dict[str, Any], rule: dict[str, Any], totals: tuple[int, int]) -> Floats:
    """Predictive probability of the named rule at the last look, on every table."""
    last = len(planned_looks(raw))
    target = rule_named(raw, rule["predictive"]["rule"])
    planned = planned_numbers(raw)
    to_come = (max(0, planned[0] - totals[0]), max(0, planned[1] - totals[1]))
    full = (totals[0] + to_come[0], totals[1] + to_come[1])
    holds = holds_table(raw, target, question_table(raw, target["posterior"], full), last)
    endpoint = target["posterior"]["endpoint"]
    # Row s: probability of every final number of successes after s so far.
    steps = []
    for arm, name in enumerate(arms_of(raw)):
        step = np.zeros((totals[arm] + 1, full[arm] + 1))
        for successes in range(totals[arm] + 1):
            known = posterior.updated(prior_of(raw, endpoint, name), successes, totals[arm])
            weights = posterior.predictive_weights(known, to_come[arm])
            step[successes, successes : successes + to_come[arm] + 1] = weights
        steps.append(step)
    table: Floats = steps[0] @ holds.astype(float) @ steps[1].T
    return table


def judge_look(
    raw: dict[str, Any], look: int, numbers: list[tuple[int, int]]
) -> npt.NDArray[np.object_]:
    """Outcome of a look on every table: a reason to end, or "" to go on."""
    totals = numbers[look - 1]
    last = len(numbers)
    verdict = np.full((totals[0] + 1, totals[1] + 1), "", dtype=object)
    for rule in raw["rules"]:
        if look not in judged_at(rule, last):
            continue
        if "predictive" in rule:
            table = predictive_table(raw, rule, totals)
        else:
            table = question_table(raw, rule["posterior"], totals)
        verdict[(verdict == "") & holds_table(raw, rule, table, look)] = REASONS[rule["then"]]
    if look == last:
        verdict[verdict == ""] = "no_success"
    return verdict


def increments(before: int, after: int, rate: float) -> Floats:
    """Probability of every number of successes after, given every number before."""
    step = np.zeros((before + 1, after + 1))
    further = np.arange(after - before + 1)
    for successes in range(before + 1):
        step[successes, successes : successes + after - before + 1] = stats.binom.pmf(
            further, after - before, rate
        )
    return step


def _characteristics(
    raw: dict[str, Any],
    numbers: list[tuple[int, int]],
    verdicts: list[npt.NDArray[np.object_]],
    rates: tuple[float, float],
) -> dict[tuple[str, int | None], float]:
    """Operating characteristics at one pair of response probabilities, by (measure, look)."""
    control, experimental = arms_of(raw)
    endpoint = primary_of(raw)
    prior_control = prior_of(raw, endpoint, control)
    prior_experimental = prior_of(raw, endpoint, experimental)
    estimand = rates[1] - rates[0]

    ended: dict[tuple[str, int], float] = {}
    bias_sum: dict[tuple[str, int], float] = {}
    n_analysed = square = covered = 0.0
    before = (0, 0)
    mass = np.ones((1, 1))
    for look, (totals, verdict) in enumerate(zip(numbers, verdicts, strict=True), start=1):
        mass = (
            increments(before[0], totals[0], rates[0]).T
            @ mass
            @ increments(before[1], totals[1], rates[1])
        )
        mean_control = np.array(
            [
                posterior.mean(posterior.updated(prior_control, s, totals[0]))
                for s in range(totals[0] + 1)
            ]
        )
        mean_experimental = np.array(
            [
                posterior.mean(posterior.updated(prior_experimental, s, totals[1]))
                for s in range(totals[1] + 1)
            ]
        )
        error = mean_experimental[None, :] - mean_control[:, None] - estimand
        above_truth = posterior.difference_above_table(
            prior_experimental, totals[1], prior_control, totals[0], estimand
        ).T
        covers = (above_truth >= 0.025) & (above_truth <= 0.975)

        for reason in (*REASONS.values(), "no_success"):
            here = mass * (verdict == reason)
            ended[reason, look] = float(here.sum())
            bias_sum[reason, look] = float((here * error).sum())
            n_analysed += float(here.sum()) * sum(totals)
            square += float((here * error**2).sum())
            covered += float((here * covers).sum())
        mass = mass * (verdict == "")
        before = totals

    total = math.fsum(ended.values())
    if abs(total - 1.0) > 1e-12:
        raise ArithmeticError(f"outcome probabilities add up to {total!r}")

    measures: dict[tuple[str, int | None], float] = {}
    looks = range(1, len(numbers) + 1)
    for reason in REASONS.values():
        for look in looks:
            measures[f"stop_{reason}", look] = ended[reason, look]
        measures[f"stop_{reason}", None] = math.fsum(ended[reason, look] for look in looks)
    measures["success", None] = measures["stop_success", None]
    measures["no_success", None] = math.fsum(ended["no_success", look] for look in looks)
    measures["n_analysed_mean", None] = n_analysed
    measures["estimand", None] = estimand
    measures["bias", None] = math.fsum(bias_sum.values())
    measures["rmse", None] = math.sqrt(square)
    measures["coverage", None] = covered
    for (reason, look), probability in ended.items():
        if probability > 0.0:
            measures[f"bias_given_stop_{reason}", look] = bias_sum[reason, look] / probability
    return measures
