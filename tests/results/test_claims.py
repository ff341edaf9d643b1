"""False successes, trial by trial, against a slow twin that knows the truth.

The twin reads ``looks.parquet``: it goes through the probabilities of every look in the order of
the rules, does what each rule does, and so knows by which rule each arm or stratum succeeded and
what was open then. What is true it works out from the scenario's numbers by hand.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.decisions import REASONS
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.claims import Claims
from adaptive_cart.results.estimand import SobolLatents, target_values, true_values
from adaptive_cart.results.operating import COLUMNS, measures
from adaptive_cart.results.rows import looks_table, trials_table
from adaptive_cart.running.exact import enumerate_design

Table = dict[str, Any]
SHARES = {"hard": 0.4, "soft": 0.6}

TWO = """
name = "Two arms"
[arms.usual]
control = true
[arms.cells]
product = "autologous"
[endpoints.free]
type = "landmark"
month = 6
[enrolment]
max_n = 30
per_month = 6
[looks]
observed = [10, 20, 30]
"""
RATES = """
[endpoints.infection]
type = "event_rate"
[analysis.infection]
model = "gamma_poisson"
prior = { a = 0.5, b = 2.0 }
"""
STRATA = """
[strata]
hard = 0.4
soft = 0.6
"""
THREE = TWO.replace(
    "[arms.cells]",
    """[arms.other]
product = "autologous"
[arms.third]
product = "allogeneic"
[arms.cells]""",
)
TIMES = TWO.replace("observed", "enrolled").replace(
    '[endpoints.free]\ntype = "landmark"\nmonth = 6',
    """
[endpoints.loss]
type = "time_to_event"
horizon = 30
""",
)
HAZARDS = (
    TIMES
    + """
[analysis.loss]
model = "piecewise_exponential"
prior.baseline = { a = 0.1, b = 1.0 }
prior.log_hazard_ratio = { dist = "normal", mean = 0.0, sd = 2.0 }
"""
)
CURED = (
    TIMES
    + """
[analysis.loss]
model = "weibull_cure"
prior.cured = { dist = "beta", a = 2.0, b = 2.0 }
prior.median_months = { dist = "lognormal", median = 12.0, sigma = 0.7 }
prior.shape = { dist = "lognormal", median = 1.2, sigma = 0.3 }
"""
)


def rule(name: str, then: str, asked: str, threshold: str, more: str = "") -> str:
    return f'[[rules]]\nname = "{name}"\nthen = "{then}"\n{asked}\n{threshold}\n{more}\n'


def ask(what: str, arm: str = "cells", endpoint: str = "free") -> str:
    return f'posterior = {{ endpoint = "{endpoint}", arm = "{arm}", {what} }}'


def success(what: str, threshold: str, arm: str = "cells", endpoint: str = "free") -> str:
    return rule("works", "declare_success", ask(what, arm, endpoint), threshold)


CLOSE = rule(
    "close", "close_stratum", ask('minus = "usual", above = 0.1, stratum = "each"'),
    "below = 0.6", "looks = [1, 2]",
)  # fmt: skip
DROP = rule(
    "drop", "drop_arm", ask('minus = "usual", above = 0.0', "each"), "below = 0.4",
    "looks = [1, 2]",
)  # fmt: skip
LATER = rule(
    "later", "declare_success", ask('minus = "usual", above = 0.1'), "at_least = 0.8",
    "looks = [3]",
)  # fmt: skip


def predicted(threshold: str, more: str = "") -> str:
    asked = f'predictive = {{ rule = "later"{more} }}'
    return rule("soon", "declare_success", asked, threshold, "looks = [1, 2]")


BY_STRATUM = {"hard": 0.3, "soft": 0.5}  # of cells; 0.3 in the control and in both
WEIBULL = {"dist": "weibull", "shape": 1.5, "median": 18.0}


def exponentials(**medians: float) -> Table:
    return {stratum: {"dist": "exponential", "median": m} for stratum, m in medians.items()}


# name: design, what is true by endpoint and arm (and stratum)
CASES: dict[str, tuple[str, Table]] = {
    "at the margin above": (
        TWO + success('minus = "usual", above = 0.1', "at_least = 0.6"),
        {"free": {"usual": 0.3, "cells": 0.4}},
    ),
    "at the margin below": (
        TWO + success('minus = "usual", below = 0.1', "at_least = 0.6"),
        {"free": {"usual": 0.3, "cells": 0.4}},
    ),
    "the opposite": (
        TWO + success("above = 0.35", "below = 0.5"),
        {"free": {"usual": 0.3, "cells": 0.4}},
    ),
    "the opposite, so": (
        TWO + success("above = 0.45", "below = 0.5"),
        {"free": {"usual": 0.3, "cells": 0.4}},
    ),
    "predicted": (
        TWO + LATER + predicted("at_least = 0.5"),
        {"free": {"usual": 0.3, "cells": 0.35}},
    ),
    "predicted, enrolled": (
        TWO + LATER + predicted("at_least = 0.5", ', with = "enrolled"'),
        {"free": {"usual": 0.3, "cells": 0.35}},
    ),
    "predicted not to hold": (
        TWO + LATER + predicted("below = 0.2"),
        {"free": {"usual": 0.3, "cells": 0.35}},
    ),
    "a yearly rate": (
        TWO
        + RATES
        + success('minus = "usual", below = 0.3', "at_least = 0.5", endpoint="infection"),
        {"free": {"usual": 0.3, "cells": 0.4}, "infection": {"usual": 0.1, "cells": 0.4}},
    ),
    "one stratum": (
        TWO + STRATA + success('minus = "usual", above = 0.0, stratum = "hard"', "at_least = 0.5"),
        {"free": {"usual": 0.3, "cells": BY_STRATUM}},
    ),
    "each stratum": (
        TWO + STRATA + success('minus = "usual", above = 0.0, stratum = "each"', "at_least = 0.7"),
        {"free": {"usual": 0.3, "cells": BY_STRATUM}},
    ),
    "open strata": (
        TWO
        + STRATA
        + CLOSE
        + success('minus = "usual", above = 0.0, stratum = "open"', "at_least = 0.7"),
        {"free": {"usual": 0.3, "cells": BY_STRATUM}},
    ),
    "open strata, true of the open one": (
        TWO
        + STRATA
        + CLOSE
        + success('minus = "usual", above = 0.15, stratum = "open"', "at_least = 0.5"),
        {"free": {"usual": 0.3, "cells": BY_STRATUM}},
    ),
    "open strata of several arms": (
        THREE
        + STRATA
        + CLOSE.replace("0.1,", "0.0,")
        + success('minus = "usual", above = 0.0, stratum = "open"', "at_least = 0.8", "each"),
        {
            "free": {
                "usual": 0.3,
                "other": {"hard": 0.3, "soft": 0.4},
                "third": 0.3,
                "cells": BY_STRATUM,
            }
        },
    ),
    "two margins": (
        THREE
        + rule(
            "much", "declare_success", ask('minus = "usual", above = 0.1', "each"), "at_least = 0.9"
        )
        + success('minus = "usual", above = 0.0', "at_least = 0.8", "each"),
        {"free": {"usual": 0.3, "other": 0.38, "third": 0.3, "cells": 0.5}},
    ),
    "best": (
        THREE + DROP + success("best = true", "at_least = 0.7", "each"),
        {"free": {"usual": 0.3, "other": 0.45, "third": 0.3, "cells": 0.45}},
    ),
    "best of what has not succeeded": (
        THREE + success("best = true", "at_least = 0.45", "each"),
        {"free": {"usual": 0.3, "other": 0.35, "third": 0.3, "cells": 0.5}},
    ),
    "not the best": (
        THREE + DROP + success("best = true", "below = 0.3", "third"),
        {"free": {"usual": 0.3, "other": 0.3, "third": 0.3, "cells": 0.5}},
    ),
    "hazard ratio by stratum": (
        HAZARDS
        + STRATA
        + success(
            'hazard_ratio_to = "usual", below = 1.0, stratum = "each"',
            "at_least = 0.7",
            endpoint="loss",
        ),
        {
            "loss": {
                "usual": exponentials(hard=10.0, soft=12.0),
                "cells": exponentials(hard=10.0, soft=24.0),
            }
        },
    ),
    "hazard ratio at the margin": (
        HAZARDS
        + success('hazard_ratio_to = "usual", below = 0.7', "at_least = 0.5", endpoint="loss"),
        {
            "loss": {
                "usual": {"dist": "exponential", "median": 7.0},
                "cells": {"dist": "exponential", "median": 10.0},
            }
        },
    ),
    "lasting": (
        CURED + success("remains_at = 24, above = 0.5", "at_least = 0.5", endpoint="loss"),
        {"loss": {"usual": WEIBULL, "cells": {**WEIBULL, "cured": 0.25}}},
    ),
    "lasting in a stratum": (
        CURED
        + STRATA
        + success(
            'minus = "usual", remains_at = 12, below = 0.1, stratum = "soft"',
            "at_least = 0.5",
            endpoint="loss",
        ),
        {"loss": {"usual": WEIBULL, "cells": {"hard": {**WEIBULL, "cured": 0.5}, "soft": WEIBULL}}},
    ),
    "cured": (
        CURED + success("below = 0.5", "at_least = 0.5", endpoint="loss"),
        {"loss": {"usual": WEIBULL, "cells": {**WEIBULL, "cured": 0.5}}},
    ),
}


# ── the twin ──────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Won:
    """A success: its rule, the arm, the strata that it is about, and the experimental arms open."""

    rule: Table
    arm: str
    label: str | None
    strata: tuple[str, ...]
    open_arms: tuple[str, ...]


def asked_by(raw: Table, judged: Table) -> Table:
    """The posterior question of a rule, or of the rule that it predicts."""
    if "posterior" in judged:
        return judged["posterior"]
    named = judged["predictive"]["rule"]
    return next(other for other in raw["rules"] if other["name"] == named)["posterior"]


def successes(raw: Table, looks: pd.DataFrame) -> Iterator[Won]:
    """Every success of one trial, from its rows of looks.parquet."""
    experimental = [name for name, arm in raw["arms"].items() if not arm.get("control")]
    strata = list(raw.get("strata", {}))
    arms_open, strata_open = list(experimental), list(strata)
    claims = [r for r in raw["rules"] if r["then"] == "declare_success"]
    by_target = len(experimental) > 1 or any(
        "each" in (asked_by(raw, r)["arm"], asked_by(raw, r).get("stratum")) for r in claims
    )
    for _, rows in looks.groupby("look"):
        for judged in raw["rules"]:
            question = asked_by(raw, judged)
            arms = experimental if question["arm"] == "each" else [question["arm"]]
            where = question.get("stratum")
            places = strata if where == "each" else [where if where in strata else None]
            held = []
            for arm in arms:
                for place in places:
                    mine = rows[(rows.arm == arm) & ((rows.stratum == place) | (place is None))]
                    p = mine[f"p_{judged['name']}"].iloc[0]
                    high = "at_least" in judged
                    if not math.isnan(p) and (
                        p >= judged["at_least"] if high else p < judged["below"]
                    ):
                        held.append((arm, place))
            if judged["then"] == "declare_success":
                for arm, place in held:
                    about = strata_open if where == "open" else [place] if place else strata
                    yield Won(judged, arm, place, tuple(about), tuple(arms_open))
            if held and not by_target and judged["then"] == "declare_success":
                return
            for arm, place in held:
                if judged["then"] == "drop_arm" or place is None:
                    arms_open = [other for other in arms_open if other != arm]
                else:
                    strata_open = [other for other in strata_open if other != place]
            if not arms_open or (strata and not strata_open):
                return


def in_stratum(value: Any, stratum: str | None) -> Any:
    return value[stratum] if isinstance(value, dict) and stratum in value else value


def quantity(question: Table, arm: str, minus: str | None, won: Won, true: Table) -> float:
    """What a question is about, in truth."""
    shares = {s: SHARES[s] for s in won.strata} or {None: 1.0}
    values = true[question["endpoint"]]

    def level(of: str, stratum: str | None) -> float:
        value = in_stratum(values[of], stratum)
        if isinstance(value, float):
            return value
        cured = value.get("cured", 0.0)
        if "remains_at" not in question:
            return cured
        hazard = math.log(2) * (question["remains_at"] / value["median"]) ** value["shape"]
        return cured + (1 - cured) * math.exp(-hazard)

    if "hazard_ratio_to" in question:
        (stratum,) = shares  # one at a time
        other = in_stratum(values[question["hazard_ratio_to"]], stratum)
        return other["median"] / in_stratum(values[arm], stratum)["median"]
    total = sum(
        share * (level(arm, s) - (0.0 if minus is None else level(minus, s)))
        for s, share in shares.items()
    )
    return total / sum(shares.values())


def is_false(raw: Table, won: Won, true: Table) -> bool:
    question = asked_by(raw, won.rule)
    claims_so = "at_least" in won.rule
    if "predictive" in won.rule:
        named = next(r for r in raw["rules"] if r["name"] == won.rule["predictive"]["rule"])
        claims_so = claims_so == ("at_least" in named)
    if question.get("best"):
        gains = [
            quantity(question, won.arm, other, won, true)
            for other in won.open_arms
            if other != won.arm
        ]
        if claims_so:
            return any(gain < 1e-9 for gain in gains)
        return not any(gain < -1e-9 for gain in gains)
    value = quantity(question, won.arm, question.get("minus"), won, true)
    margin = question["above"] if "above" in question else question["below"]
    if ("above" in question) == claims_so:
        return value <= margin + 1e-9
    return value >= margin - 1e-9


# ── the comparison ────────────────────────────────────────────────────────────────────────────
def simulated(raw: Table, trials: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Trials, looks and measures of a design with one scenario."""
    design = Design(**raw)
    plan, truth = Plan.of(design), truths_of(design)["so"]
    true = true_values(design, truth, SobolLatents(scrambles=4, points=2**12))
    block = run_block(plan, truth, target_values(plan, true), latents_for(design, 11, 0, trials))
    found = trials_table(plan, "so", [block], Claims.of(design, true)).to_pandas()
    columns = {name: found[name].to_numpy() for name in found}
    columns["reason"] = np.array([REASONS.index(reason) for reason in found["reason"]])
    names = [judged.name for judged in design.rules]
    columns["rule"] = np.array([names.index(n) if n else -1 for n in found["rule"]])
    rows = pd.DataFrame(measures(design, truth, true, columns), columns=list(COLUMNS))
    return found, looks_table(plan, "so", [block]).to_pandas(), rows


@pytest.mark.parametrize("name", CASES)
def test_a_success_is_false_by_what_it_claimed(name: str) -> None:
    text, true = CASES[name]
    raw = {**tomllib.loads(text), "scenarios": {"so": true}}
    trials, looks, rows = simulated(raw, 8 if "weibull_cure" in text else 24)
    won = {number: list(successes(raw, looks[looks.trial == number])) for number in trials["trial"]}
    assert [bool(found) for found in won.values()] == list(trials["reason"] == "success")
    false = [any(is_false(raw, each, true) for each in found) for found in won.values()]
    assert list(trials["false_success"]) == [int(verdict) for verdict in false]
    told = rows[rows["measure"] == "false_success"]["estimate"].item()
    assert told == np.mean(false)
    for row in rows[rows["measure"] == "arm_success"].itertuples():
        label = row.stratum if isinstance(row.stratum, str) else None
        mine = [
            any(each.arm == row.arm and label in (None, each.label) for each in found)
            for found in won.values()
        ]
        assert row.estimate == np.mean(mine)
    closed = rows[rows["measure"] == "stratum_closed"].set_index("stratum")["estimate"]
    assert list(closed.index) == (list(SHARES) if "close_stratum" in text else [])
    for stratum, share in closed.items():
        assert share == (trials[f"closed_{stratum}"] > 0).mean()


def test_what_cannot_be_known_is_not_counted_as_true() -> None:
    # nobody ever has the event, in either arm: there is no true hazard ratio
    text, _ = CASES["hazard ratio at the margin"]
    never = {"dist": "exponential", "cured": 1.0}
    true = {"loss": {"usual": never | {"median": 7.0}, "cells": never | {"median": 10.0}}}
    raw = {**tomllib.loads(text), "scenarios": {"so": true}}
    raw["rules"][0]["at_least"] = 0.1
    trials, _, rows = simulated(raw, 20)
    assert set(trials["reason"]) == {"success"}
    assert set(trials["false_success"]) == {-1}
    told = rows[rows["measure"] == "false_success"].iloc[0]
    assert math.isnan(told["estimate"])
    assert told["n"] == 20


def test_the_cases_have_false_and_true_successes() -> None:
    """Otherwise the comparison says little."""
    found = {}
    for name in ("open strata", "two margins", "best", "each stratum"):
        text, true = CASES[name]
        raw = {**tomllib.loads(text), "scenarios": {"so": true}}
        trials, *_ = simulated(raw, 24)
        found[name] = set(trials.loc[trials["reason"] == "success", "false_success"])
    assert all(verdicts == {0, 1} for verdicts in found.values()), found


@pytest.mark.parametrize("name", ["at the margin above", "at the margin below", "the opposite, so"])
def test_the_exact_engine_judges_the_same_claims(name: str) -> None:
    text, true = CASES[name]
    design = Design(**tomllib.loads(text), scenarios={"so": true})
    rows, _ = enumerate_design(design, truths_of(design))
    told = {row[1]: row[5] for row in rows if row[1] in ("success", "false_success")}
    assert told["false_success"] == (0.0 if name == "the opposite, so" else told["success"])
    assert told["success"] > 0.0
