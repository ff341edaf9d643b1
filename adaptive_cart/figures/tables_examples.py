"""Numbers of the example trials: one of each kind of ending, picked by a rule that is printed.

The pick, which the report's text uses too: of the trials of the run that ended so, those of the
scenario that has most of them (an alternative first among equals), in the order of the number
randomised, of months and of their own number, the middle one (the lower of two). It is then
replayed by its number and followed look by look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.conduct.plan import Estimand
from adaptive_cart.decisions import FUTILITY, NO_SUCCESS, SAFETY, SUCCESS, Ending
from adaptive_cart.figures.about import about, estimand_words, margin
from adaptive_cart.figures.kinds import Missing, Tables
from adaptive_cart.figures.source import (
    Replay,
    plan_of,
    replay,
    scenarios,
    trials_of,
    with_role,
)
from adaptive_cart.figures.tables_measures import table
from adaptive_cart.nouns.roles import ALTERNATIVE
from adaptive_cart.nouns.summaries import Summary
from adaptive_cart.results.result import Result

if TYPE_CHECKING:
    import pandas as pd

    from adaptive_cart.models import Posterior
    from adaptive_cart.nouns.questions import Question

NEAR = 1e-6  # how exactly the ends of an interval are found
FAR = 1e6


@dataclass(frozen=True)
class Kind:
    """A kind of ending that an example is shown of.

    Attributes
    ----------
    chosen
        Which of a table of trials ended so, given the number of the last look.
    """

    words: str
    chosen: Callable[[pd.DataFrame, int], pd.Series]


def _is(ending: Ending, early: bool | None = None) -> Callable[[pd.DataFrame, int], pd.Series]:
    def chosen(trials: pd.DataFrame, last: int) -> pd.Series:
        found = trials["reason"].astype(str) == ending.name
        before = (trials["look"] < last) | trials["between"].astype(bool)
        return found if early is None else found & (before if early else ~before)

    return chosen


def _success(early: bool) -> Callable[[pd.DataFrame, int], pd.Series]:
    ended = _is(SUCCESS, early)
    return lambda trials, last: ended(trials, last) & ~trials["reversal"].astype(bool)


EXAMPLES = {
    "F11a": Kind("early success", _success(True)),
    "F11b": Kind("early futility", _is(FUTILITY, True)),
    "F11c": Kind("success at the last look", _success(False)),
    "F11d": Kind("no success at the last look", _is(NO_SUCCESS, None)),
    "F11e": Kind("success that the pipeline reverses", lambda trials, last: trials["reversal"]),
    "F11f": Kind("stop for safety", _is(SAFETY, None)),
}


def picked(result: Result, key: str) -> tuple[str, int, int, int] | None:
    """Scenario and number of the example, how many ended so there, and of how many trials."""
    ending, trials = EXAMPLES[key], trials_of(result)
    ended = trials[ending.chosen(trials, result.design.looks.number).astype(bool)]
    if len(ended) == 0:
        return None
    named = ended["scenario"].astype(str)
    counts = {name: int((named == name).sum()) for name, _ in scenarios(result)}
    alternatives = with_role(result, ALTERNATIVE)
    scenario = max(counts, key=lambda name: (counts[name], name in alternatives))
    own = ended[named == scenario].sort_values(["n_randomised", "months", "trial"])
    trial = int(own["trial"].iloc[(len(own) - 1) // 2])
    return scenario, trial, len(own), int((trials["scenario"] == scenario).sum())


def example_tables(key: str) -> Callable[[Result], Tables | Missing]:
    """What works out the numbers of one example."""

    def tables(result: Result) -> Tables | Missing:
        never = _impossible(result, key)
        if never is not None:
            return Missing(never, "there is none to show")
        found = picked(result, key)
        if found is None:
            return Missing(
                f"no trial of this run ended with {EXAMPLES[key].words}",
                "adaptive-cart simulate with a larger --trials may give one",
            )
        return _example(result, key, *found)

    return tables


def _impossible(result: Result, key: str) -> str | None:
    """Why no trial of a design can end so, if none can."""
    rules, design = plan_of(result).rules, result.design
    closes = any(rule.decision.drops_arms or rule.decision.closes_strata for rule in rules)
    if key == "F11f" and not design.may_end(SAFETY):
        return "the design has no rule that stops for safety"
    if key == "F11b" and not design.rules_ending(FUTILITY) and not closes:
        return "the design has no rule for futility"
    success = [rule for rule in rules if rule.decision.ends == SUCCESS]
    last = result.design.looks.number
    if key == "F11a" and all(min(rule.looks) == last for rule in success):
        return "the design judges success at the last look only"
    return None


def _example(
    result: Result, key: str, scenario: str, trial: int, ended: int, trials: int
) -> Tables:
    found = replay(result, scenario, first=trial, trials=1)
    block, design = found.block, result.design
    end = float(block.months[0])
    held = [r for r in block.looks if r.held[0] and r.date[0] <= end and r.look <= block.look[0]]
    effects, rules, counts = [], [], []
    for record in held:
        date = float(record.date[0])
        effects += [
            {"look": record.look, "month": date, "between": record.between, **row}
            for row in _effects(result, found, scenario, record.summaries)
        ]
        counts += [
            {"look": record.look, "month": date, "between": record.between,
             "endpoint": design.endpoint_label(name) + (f" ({what})" if what else ""),
             "primary": name == design.primary, "arm": arm, "said": said}
            for name, summary in record.summaries.items()
            for place, arm in enumerate(design.arm_names)
            for said, what in [
                summary.short(summary.of_arm(place), design.endpoints[name].unit)
            ]
        ]  # fmt: skip
        for rule, part in ((own, one) for own in found.plan.rules for one in own.parts):
            probabilities = record.probabilities.get(part.name)
            if probabilities is None:
                continue
            for place, target in enumerate(part.targets):
                value = float(probabilities[0, place])
                if np.isnan(value):
                    continue
                threshold = record.threshold(part, place)
                rules.append(
                    {
                        "look": record.look,
                        "month": date,
                        "between": record.between,
                        "rule": part.name,
                        "then": rule.decision.name,
                        "target": _target(result, target, len(part.targets)),
                        "probability": value,
                        "threshold": float(threshold),
                        "at_least": part.at_least,
                        "holds": bool(part.compared(np.array([value]), float(threshold))[0]),
                        "reason": part.reason(design, value, float(threshold), place),
                    }
                )
    accrual = list(_accrual(result, found, end))
    return {
        "accrual": table(accrual),
        "effects": table(effects),
        "rules": table(rules),
        "counts": table(counts),
        "about": about(
            result,
            ending=EXAMPLES[key].words,
            scenario=scenario,
            trial=trial,
            ended_so=ended,
            of=trials,
            months=end,
            look=int(block.look[0]),
            between=bool(block.between[0]),
            last_look=found.plan.schedule.number,
            randomised=int(block.randomised.sum()),
            analysed=int(block.analysed.sum()),
            analysed_final=int(block.analysed_final.sum()),
            reversal=bool(block.reversal[0]),
            estimate=float(block.estimate[0, 0]) if block.estimate.shape[1] else float("nan"),
            estimate_final=(
                float(block.estimate_final[0, 0]) if block.estimate.shape[1] else float("nan")
            ),
            estimand=estimand_words(result),
            margin=margin(result),
            beside=result.exact,
        ),
    }


def _target(result: Result, target: Question, targets: int) -> str | None:
    """Name of what a rule asks about, where it asks about several."""
    if targets == 1:
        return None
    names = [result.design.arm_names[target.arm]] if result.design.several else []
    if target.stratum >= 0:
        names.append(result.design.stratum_names[target.stratum])
    return ", ".join(names)


def _effects(
    result: Result, found: Replay, scenario: str, summaries: dict[str, Summary]
) -> Iterator[dict[str, Any]]:
    """Posterior mean and central 95% interval of every estimand at a look."""
    plan, design = found.plan, result.design
    if design.primary not in plan.fitted:
        return
    analysis, model = plan.fitted[design.primary]
    posterior = analysis.posterior(model, summaries[design.primary].rows(np.array([0])), None)
    for estimand in plan.estimands:
        true = result.figure(scenario, "estimand", arm=estimand.arm, stratum=estimand.stratum)
        lower, upper = _interval(posterior, estimand.question)
        yield {
            "estimand": _estimand(estimand),
            "mean": float(posterior.mean(estimand.question)[0]),
            "lower": lower,
            "upper": upper,
            "true": true.estimate,
        }


def _estimand(estimand: Estimand) -> str:
    names = [name for name in (estimand.arm, estimand.stratum) if name is not None]
    return ", ".join(names) or "all"


def _interval(posterior: Posterior, question: Question) -> tuple[float, float]:
    """Central 95% credible interval of a question's quantity."""
    lower, upper = (_quantile(posterior, question, p) for p in (0.025, 0.975))
    return lower, upper


def _quantile(posterior: Posterior, question: Question, level: float) -> float:
    """Value below which the quantity lies with a probability, to :data:`NEAR`."""
    from scipy.optimize import brentq

    ratio = question.of.ratio
    low, high = (-6.0, 6.0) if ratio else (-1.0, 1.0)

    def short_of(value: float) -> float:
        asked = question.at(float(np.exp(value)) if ratio else value)
        answer = float(posterior.probability(asked)[0])
        return (1.0 - answer if asked.above else answer) - level

    while high < FAR and short_of(high) < 0.0:  # a difference of rates has no end
        high *= 4.0
    while low > -FAR and short_of(low) > 0.0:
        low *= 4.0
    if not (short_of(low) < 0.0 < short_of(high)):  # also where the posterior failed
        return float("nan")
    root = float(brentq(short_of, low, high, xtol=NEAR))
    return float(np.exp(root)) if ratio else root


def _accrual(result: Result, found: Replay, end: float) -> Iterator[dict[str, Any]]:
    """Participants so far by arm, at every date at which the number changes."""
    population = found.block.population
    assert population is not None
    number = int(found.block.randomised.sum())
    arrival = population.arrival[0, :number]
    arm = population.arm[0, :number]
    dates = {"randomised": arrival}
    followed = result.design.primary_endpoint.known_after()
    if followed is not None:
        dates["primary observed"] = arrival + followed
    if population.course is not None and any(population.infused_arms):
        gone = population.course.gone[0, :number]
        infused = population.course.infused[0, :number]
        dates["infused"] = np.where(infused <= gone, arrival + infused, np.inf)
    for what, when in dates.items():
        for position, label in enumerate(result.design.arm_names):
            own = np.sort(when[(arm == position) & (when <= end)])
            if what == "infused" and not population.infused_arms[position]:
                continue
            yield {"what": what, "arm": label, "month": 0.0, "participants": 0}
            for count, month in enumerate(own, start=1):
                yield {"what": what, "arm": label, "month": float(month), "participants": count}
            yield {"what": what, "arm": label, "month": end, "participants": len(own)}
