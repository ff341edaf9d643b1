"""No key of a design file is accepted and ignored.

For every key of the JSON Schema there is a design in which changing it moves a number of a small
run, or is refused, or is told in the description of the design ("for the reader": names, texts, and
what a run is to be compared with). A new key fails here until it has an entry.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.decisions import DECISIONS
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import template
from adaptive_cart.design.json_schema import schema
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.design.truth import Truth
from adaptive_cart.endpoints import KINDS
from adaptive_cart.errors import DesignError
from adaptive_cart.models import ANALYSES
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.rows import looks_table, trials_table
from adaptive_cart.running.cost import cost_of_draws
from adaptive_cart.running.engine import obstacles
from adaptive_cart.telling.check import described

TRIALS = 8
AVERAGED: dict[str, Any] = {
    "design_prior": {"neutral": {}, "enthusiastic": {}},
    "calibration": {"design_prior": "neutral", "false_discovery": 0.05},
    "rules__1__at_least": "calibrate",
}
AVERAGED_BY_RULE: dict[str, Any] = AVERAGED | {
    "calibration": {
        "design_prior": "neutral", "averages": {"efficacy": {"false_discovery": 0.05}}
    },
}  # fmt: skip
FALSE_STOP = {"futility": {"at_most": 0.1, "scenarios": ["works"]}}
GONE = object()  # stands for a key that is left out

# Two arms, a truth that is said directly, a futility rule that predicts.
DIRECT = """
name = "Direct"
[arms.soc]
control = true
[arms.cart]
allocation = 2
[endpoints.dfr]
type = "landmark"
month = 6
[endpoints.infection]
type = "event_rate"
[analysis.dfr]
model = "beta_binomial"
prior.soc = { mixture = [{ weight = 0.8, a = 2.0, b = 8.0 }, { weight = 0.2, a = 1.0, b = 1.0 }] }
prior.cart = { a = 1.0, b = 1.0 }
[analysis.infection]
model = "gamma_poisson"
prior = { a = 0.5, b = 2.0 }
[enrolment]
max_n = 36
per_month = 3
[looks]
observed = [18, 36]
[[rules]]
name = "safety"
then = "stop_for_safety"
posterior = { endpoint = "infection", arm = "cart", above = 0.5 }
at_least = 0.9
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.0 }
at_least = 0.9
[[rules]]
name = "futility"
then = "declare_futility"
predictive = { rule = "efficacy" }
below = 0.3
looks = [1]
[truth]
dropout = { per_year = 0.3 }
[scenarios.works]
dfr = { soc = 0.3, cart = 0.5 }
infection = { soc = 0.2, cart = 0.3 }
[scenarios.none]
role = "null"
dfr = { soc = 0.3, cart = 0.3 }
infection = { soc = 0.2, cart = 0.2 }
[simulation]
trials = 100
seed = 1
"""

# A participant course in two strata, crossover, a rule between looks, durability.
COURSE = """
name = "Course"
[arms.soc]
control = true
[arms.cart]
product = "autologous"
[strata]
mild = 0.5
hard = 0.5
[endpoints.dfr]
type = "landmark"
month = 9
sustained_from = 7
state = "remission"
[endpoints.time]
type = "time_in_remission"
horizon = 12
[endpoints.relapse]
type = "time_to_relapse"
horizon = 12
[endpoints.crs]
type = "adverse_event"
within_months = 2.0
[endpoints.infection]
type = "event_rate"
[enrolment]
max_n = 32
per_month = 3
[looks]
observed = [16, 32]
[[rules]]
name = "safety"
then = "stop_for_safety"
posterior = { endpoint = "crs", arm = "cart", above = 0.2 }
at_least = 0.95
every = 3
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.0 }
at_least = 0.95
[crossover]
from = "soc"
to = "cart"
after_month = 4
[truth.soc]
remission = { probability = 0.3, onset = { dist = "exponential", median = 2.0 } }
durability = { cured = 0.3, relapse = { dist = "exponential", median = 6.0 } }
remission_on_drugs = { probability = 0.2, onset = { dist = "fixed", value = 2.0 } }
rescue = { per_year = 0.4 }
dropout = { per_year = 0.2 }
death = { per_year = 0.1 }
events = { crs = 0.1 }
rates = { infection = 0.3 }
crossover = { probability = 0.6 }
[truth.cart]
infusion = { failure = 0.1, delay = { dist = "lognormal", median = 1.0, sigma = 0.3 } }
remission = { probability = 0.6, onset = { dist = "weibull", shape = 1.5, scale = 2.0 } }
durability = { cured = 0.5, relapse = { dist = "gamma", shape = 2.0, scale = 4.0 } }
rescue = { per_year = 0.1 }
dropout = { per_year = 0.1 }
death = { per_year = 0.1 }
events = { crs = 0.2 }
rates = { infection = 0.4 }
strata.hard.remission.probability = 0.4
[scenarios.expected]
"""

# The same, and a rule on how long remission lasts.
LASTING = (
    COURSE
    + """
[analysis.relapse]
model = "weibull_cure"
prior.cured = { dist = "beta", a = 2.0, b = 2.0 }
prior.median_months = { dist = "lognormal", median = 9.0, sigma = 0.7 }
prior.shape = { dist = "lognormal", median = 1.2, sigma = 0.3 }
[[rules]]
name = "lasting"
then = "declare_futility"
posterior = { endpoint = "relapse", arm = "cart", remains_at = 9.0, above = 0.5 }
below = 0.1
"""
)

# The same, and a rule that looks ahead, by the states at an earlier month.
EARLY = (
    COURSE
    + """
[prediction.dfr]
from = [5.0]
[[rules]]
name = "hopeless"
then = "declare_futility"
predictive = { rule = "efficacy" }
below = 0.02
looks = [1]
"""
)

# A chain of states, said directly.
CHAIN = """
name = "Chain"
[arms.soc]
control = true
[arms.cart]
[endpoints.dfr]
type = "landmark"
month = 12.0
[prediction.dfr]
from = [3.0]
[enrolment]
max_n = 30
per_month = 4.0
[looks]
observed = [10, 30]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.0 }
at_least = 0.9
[[rules]]
name = "hopeless"
then = "declare_futility"
predictive = { rule = "efficacy" }
below = 0.2
looks = [1]
[scenarios.a]
[[scenarios.a.dfr.soc.chain]]
month = 3.0
in = 0.3
failed = 0.2
[[scenarios.a.dfr.soc.chain]]
month = 6.0
from_in = { in = 0.7, failed = 0.1 }
from_out = { in = 0.2, failed = 0.1 }
[[scenarios.a.dfr.soc.chain]]
month = 12.0
from_in = { in = 0.8 }
from_out = { in = 0.1 }
[[scenarios.a.dfr.cart.chain]]
month = 3.0
in = 0.5
failed = 0.1
[[scenarios.a.dfr.cart.chain]]
month = 12.0
from_in = { in = 0.8 }
from_out = { in = 0.1 }
"""

# Three arms: what concerns the best of them, dropping, and how the trial ends.
SEVERAL = """
name = "Several arms"
[arms.soc]
control = true
[arms.one]
[arms.two]
[randomisation]
method = "response_adaptive"
burn_in = 10
[endpoints.dfr]
type = "landmark"
month = 3
[enrolment]
max_n = 45
per_month = 4
[looks]
observed = [15, 30, 45]
[[rules]]
name = "best"
then = "drop_arm"
posterior = { endpoint = "dfr", arm = "each", best = true }
below = 0.2
looks = [1]
[[rules]]
name = "superior"
then = "declare_success"
posterior = { endpoint = "dfr", arm = "each", minus = "soc", above = 0.0 }
at_least = 0.9
[scenarios.a]
dfr = { soc = 0.2, one = 0.6, two = 0.3 }
"""

# Strata that close, and the models that know strata.
STRATA = """
name = "Strata"
[arms.soc]
control = true
[arms.cart]
[strata]
mild = 0.5
hard = 0.5
[endpoints.dfr]
type = "landmark"
month = 3
[analysis.dfr]
model = "logistic"
prior.intercept = { dist = "normal", mean = -1.0, sd = 1.0 }
prior.treatment = { dist = "normal", mean = 0.0, sd = 1.0 }
prior.stratum = { dist = "normal", mean = 0.0, sd = 1.0 }
prior.interaction = { dist = "normal", mean = 0.0, sd = 0.5 }
[enrolment]
max_n = 60
per_month = 4
[looks]
observed = [12, 60]
[[rules]]
name = "close"
then = "close_stratum"
posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.2, stratum = "each" }
below = 0.5
looks = [1]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.0, stratum = "open" }
at_least = 0.9
[scenarios.a]
dfr = { soc = 0.2, cart = { mild = 0.6, hard = 0.2 } }
"""

HIERARCHICAL = {
    "model": "hierarchical_logistic",
    "prior": {
        "control_logit": {"dist": "normal", "mean": -1.0, "sd": 1.0},
        "effect_mean": {"dist": "normal", "mean": 0.0, "sd": 1.0},
        "effect_sd": {"dist": "half_normal", "sd": 0.5},
    },
}

VISITS: dict[str, Any] = {"visit_every": 1.0, "window": 1.0, "missed": 0.3}

# A time to an event, looks by events.
TIMES = """
name = "Times"
[arms.soc]
control = true
[arms.cart]
[endpoints.relapse]
type = "time_to_event"
horizon = 18
[analysis.relapse]
model = "piecewise_exponential"
cuts = [6.0]
prior.baseline = { a = 0.1, b = 1.0 }
prior.log_hazard_ratio = { dist = "normal", mean = 0.0, sd = 2.0 }
[enrolment]
max_n = 30
per_month = 5
[looks]
events = [8, 16]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "relapse", arm = "cart", hazard_ratio_to = "soc", below = 1.0 }
at_least = 0.9
[truth]
relapse.soc = { dist = "exponential", median = 6.0 }
relapse.cart = { dist = "weibull", shape = 1.2, scale = 12.0, cured = 0.2 }
[scenarios.a]
[scenarios.b]
relapse.cart = { dist = "exponential", median = 6.0 }
"""

PRIOR: dict[str, Any] = {
    "weights": {"works": 0.5, "none": 0.5},
    "draw": {
        "dfr.soc": {"dist": "beta", "a": 2.0, "b": 5.0},
        "works.dfr.cart": {"dist": "uniform", "low": 0.2, "high": 0.7},
        "infection.soc": {"dist": "lognormal", "median": 0.3, "sigma": 0.4},
    },
    "early_data": {"responders": 4, "participants": 9, "arm": "cart"},
}

ODDS: dict[str, Any] = {
    "model": "proportional_odds",
    "prior": {"log_odds_ratio": {"dist": "normal", "mean": 0.1, "sd": 1.5}},
}
BY_ODDS: dict[str, Any] = {"analysis/door": ODDS}

# What became of participants, in categories.
ORDINAL = """
name = "Categories"
[arms.soc]
control = true
[arms.cart]
[endpoints.door]
type = "ordinal"
month = 6
categories = ["dead", "bad", "good"]
[analysis.door]
model = "dirichlet"
[enrolment]
max_n = 40
per_month = 4
[looks]
observed = [20, 40]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "door", arm = "cart", better_than = "soc", above = 0.5 }
at_least = 0.9
[[rules]]
name = "futility"
then = "declare_futility"
posterior = { endpoint = "door", arm = "cart", minus = "soc", reaches = "good", above = 0.0 }
below = 0.2
looks = [1]
[[rules]]
name = "scores"
then = "declare_futility"
posterior = { endpoint = "door", arm = "cart", minus = "soc", above = 0.0 }
below = 0.1
looks = [1]
[truth]
dropout = { per_year = 0.4 }
door.soc = { dead = 0.1, bad = 0.5, good = 0.4 }
door.cart = { dead = 0.1, bad = 0.3, good = 0.6 }
[scenarios.a]
"""

# A score at visits.
SCORES = """
name = "Scores"
[arms.soc]
control = true
[arms.cart]
[endpoints.mgadl]
type = "continuous"
visits = [1.0, 3.0]
better = "lower"
[analysis.mgadl]
model = "normal"
prior.soc = { mean = -1.0, worth = 4.0 }
spread = { sd = 2.0, worth = 3.0 }
[enrolment]
max_n = 30
per_month = 5
[looks]
observed = [10, 30]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "mgadl", arm = "cart", minus = "soc", below = 0.0 }
at_least = 0.9
[truth]
dropout.per_year = 0.9
[truth.mgadl]
soc = { baseline = { mean = 9, sd = 3 }, change = [-0.5, -1], sd = [2, 3], correlation = 0.6 }
cart = { baseline = { mean = 9, sd = 3 }, change = [-2, -3], sd = [2, 3], correlation = 0.6 }
[scenarios.a]
"""

BASES = {
    "ordinal": ORDINAL,
    "direct": DIRECT,
    "course": COURSE,
    "lasting": LASTING,
    "early": EARLY,
    "chain": CHAIN,
    "several": SEVERAL,
    "strata": STRATA,
    "times": TIMES,
    "scores": SCORES,
}


@dataclass(frozen=True)
class Case:
    """A change of a design, and how it is seen.

    Attributes
    ----------
    changes
        By path (steps joined by "/"): the new value, or ``GONE``.
    seen
        ``number``: of a small run; ``refused``; ``told``: in the description alone.
    start
        What is changed in the base first, to make the change possible.
    """

    base: str
    changes: dict[str, Any]
    seen: str = "number"
    start: dict[str, Any] = field(default_factory=dict)


def to(base: str, path: str, value: Any, seen: str = "number", **start: Any) -> Case:
    """One key of a base gets another value."""
    first = {key.replace("__", "/"): item for key, item in start.items()}
    return Case(base, {path: value}, seen, first)


def laid(base: str, *changes: dict[str, Any]) -> dict[str, Any]:
    raw = tomllib.loads(BASES[base])
    for path, value in itertools.chain.from_iterable(change.items() for change in changes):
        *around, last = [int(step) if step.isdigit() else step for step in path.split("/")]
        inner: Any = raw
        for step in around:
            inner = inner.setdefault(step, {}) if isinstance(inner, dict) else inner[step]
        if value is GONE:
            del inner[last]
        else:
            inner[last] = copy.deepcopy(value)
    return raw


# ── what a small run finds ────────────────────────────────────────────────────────────────────
class Found:
    """Digests of every number of a few trials, a scenario each, and whether it is enumerated.

    Names are positions here, so that none of them counts as a number.
    """

    def __init__(self, text: str) -> None:
        self.design = Design(**json.loads(text))
        self.plan, self.truths = Plan.of(self.design), truths_of(self.design)
        self._found: list[str] = []

    def each(self) -> Iterator[str]:
        """One after the other: what differs in the first needs no more."""
        yield f"{len(self.truths)} {bool(obstacles(self.design, self.truths))}"
        for place, truth in enumerate(self.truths.values()):
            if place == len(self._found):
                self._found.append(self._digest(truth))
            yield self._found[place]

    def _digest(self, truth: Truth) -> str:
        plan, digest = self.plan, hashlib.sha256()
        targets = (0.1,) * len(plan.estimands)
        latents = latents_for(self.design, self.design.simulation.seed, 0, TRIALS)
        block = run_block(plan, truth, targets, latents)
        for table in (trials_table(plan, "", [block]), looks_table(plan, "", [block])):
            for column in table.columns:
                plain = column.combine_chunks()
                plain = plain.indices if hasattr(plain, "indices") else plain
                digest.update(np.asarray(plain.to_numpy(zero_copy_only=False)).tobytes())
        return digest.hexdigest()


_found = cache(Found)
_described = cache(lambda text: described(Design(**json.loads(text))))


def found(raw: dict[str, Any]) -> Found:
    """What a few trials of a design find."""
    return _found(json.dumps(raw))


def assert_seen(case: Case) -> None:
    before, after = laid(case.base, case.start), laid(case.base, case.start, case.changes)
    assert before != after
    if case.seen == "refused":
        Design(**before)
        with pytest.raises(DesignError):
            Design(**after)
    elif case.seen == "told":
        assert _described(json.dumps(before)) != _described(json.dumps(after))
    else:
        both = zip(found(before).each(), found(after).each(), strict=False)
        assert any(one != other for one, other in both), "changes no number"


# ── every key ─────────────────────────────────────────────────────────────────────────────────
ARM, RULE = "truth/cart", "rules/1/posterior"
MIXTURE = "analysis/dfr/prior/soc/mixture"
HIER: dict[str, Any] = {"analysis__dfr": HIERARCHICAL}
RATES = {
    "endpoints__rate": {"type": "event_rate"},
    "analysis__rate": {"model": "gamma_poisson", "prior": {"a": 1.0, "b": 1.0}},
    "scenarios__a__rate": {"soc": 0.5, "one": 0.2, "two": 1.5},
}
ADAPTIVE = {"randomisation": {"method": "permuted_blocks"}}
MONTHS: dict[str, Any] = {"looks": {"months": [8.0, 14.0]}}
IN_ONE: dict[str, Any] = {"observed": {"stratum": "mild", "numbers": [5, 10]}}
EVENTS: dict[str, Any] = {"events": {"numbers": [8, 16]}}
OTHER: dict[str, Any] = {
    "endpoints/other": {"type": "time_to_event", "horizon": 18},
    "truth/other": {arm: {"dist": "exponential", "median": 3.0} for arm in ("soc", "cart")},
}
OTHER_RULE = {
    "name": "other",
    "then": "stop_enrolment",
    "posterior": {"endpoint": "dfr", "arm": "cart", "above": 0.9},
    "at_least": 0.9,
}
BOTH = {
    "endpoints/dfr": {"type": "landmark", "month": 3, "primary": True},
    "truth/dfr": {"soc": 0.2, "cart": 0.5},
    "looks": {"months": [6.0, 12.0]},
}
TESTED: dict[str, Any] = {
    "analysis__dfr": {"model": "proportions_test"},
    "rules__1__at_least": {"alpha": 0.2, "spending": "obrien_fleming"},
    "rules__2": GONE,
}
SURE_OF_MANY = {"model": "beta_binomial", "prior": {"a": 30.0, "b": 1.0}}
LIKE_WITHOUT = {
    "model": "piecewise_exponential",
    "prior": {"baseline": {"a": 0.1, "b": 1.0},
              "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 2.0}},
}  # fmt: skip
SURE_OF_NONE = {
    "model": "piecewise_exponential",
    "prior": {"baseline": {"a": 0.1, "b": 1.0},
              "log_hazard_ratio": {"dist": "normal", "mean": 3.0, "sd": 0.1}},
}  # fmt: skip


AHEAD: dict[str, Any] = {
    "name": "ahead",
    "then": "declare_futility",
    "predictive": {"rule": "efficacy"},
    "below": 0.3,
    "looks": [1],
}
PREDICTED_TEST: dict[str, Any] = {
    "analysis__dfr": {"model": "proportions_test", "to_come": {"model": "beta_binomial"}},
}
PREDICTED_TIMES: dict[str, Any] = {
    "analysis__relapse": {"model": "logrank_test", "to_come": LIKE_WITHOUT},
    "rules": [
        AHEAD,
        {"name": "efficacy", "then": "declare_success", "at_least": 0.9,
         "posterior": {"endpoint": "relapse", "arm": "cart", "hazard_ratio_to": "soc",
                       "below": 1.0}},
    ],
}  # fmt: skip
OF_A_COURSE = ["death", "rescue", "no_remission", "remission"]
FAR = {"rules/0/posterior": {"endpoint": "mgadl", "arm": "cart", "beyond": -4.0, "above": 0.3}}
WITH_LANDMARK: dict[str, Any] = {
    "endpoints/dfr": {"type": "landmark", "month": 3, "primary": True},
    "truth/dfr": {"soc": 0.2, "cart": 0.5},
}
SCORE = {"baseline": {"mean": 9.0, "sd": 3.0}, "in_remission": -6.0, "otherwise": -1.0, "sd": 2.5,
         "correlation": 0.6}  # fmt: skip
BY_STATE: dict[str, Any] = {
    "endpoints__mgadl": {"type": "continuous", "visits": [1.0, 3.0], "better": "lower"},
    "analysis__mgadl": {"model": "normal"},
    "truth__soc__scores": {"mgadl": SCORE},
    "truth__cart__scores": {"mgadl": SCORE},
    "rules__0__posterior": {"endpoint": "mgadl", "arm": "cart", "minus": "soc", "below": 0.0},
}
TWO_SCORES: dict[str, Any] = {
    "endpoints/qmg": {"type": "continuous", "visits": [1.0, 3.0], "better": "lower"},
    "truth/qmg": {arm: {"baseline": {"mean": 19, "sd": 4}, "change": [-1, -2], "sd": [4, 5],
                        "correlation": 0.5} for arm in ("soc", "cart")},
}  # fmt: skip
BOUND = {"score": "mgadl", "at_most": 4.0}
STATES: dict[str, Any] = {
    **{key.replace("__", "/"): value for key, value in BY_STATE.items()},
    "endpoints/mgadl": {"type": "continuous", "visits": [3.0, 9.0], "better": "lower"},
    "endpoints/dfr/state": GONE,
    "endpoints/dfr/all": ["remission"],
}
GAMMA_BY_RATE = {"dist": "gamma", "shape": 2.0, "rate": 0.25}
FLARE: dict[str, Any] = {
    "endpoints/flare": {"type": "time_to_event", "event": ["relapse", "death"], "horizon": 12},
}
FADING = {"dist": "gompertz", "shape": -0.1, "rate": 0.2}
LATE = {"dist": "loglogistic", "median": 4.0, "shape": 1.5}
WANING = {"dist": "piecewise", "hazards": [0.3, 0.1], "cuts": [3.0]}
BY_STRATUM: dict[str, Any] = {
    "strata": {"mild": 0.5, "hard": 0.5},
    "analysis/relapse/model": "stratified_piecewise_exponential",
    "truth/relapse/soc": {"mild": {"dist": "exponential", "median": 9.0},
                          "hard": {"dist": "exponential", "median": 3.0}},
    "truth/relapse/cart": {"mild": {"dist": "exponential", "median": 12.0},
                           "hard": {"dist": "exponential", "median": 9.0}},
}  # fmt: skip
MONTHS_IN_REMISSION: dict[str, Any] = {
    "model": "restricted_mean",
    "prior": {"mean": 4.0, "worth": 0.5, "sd": 6.0, "sd_worth": 1.0},
}
LONGER: dict[str, Any] = {
    "analysis/time": MONTHS_IN_REMISSION,
    "rules/1/posterior": {"endpoint": "time", "arm": "cart", "minus": "soc", "above": 0.0},
    "looks": {"months": [16.0, 24.0]},
}
SWAPPED = {
    "crossover/from": "cart",
    "crossover/to": "soc",
    "truth/soc/crossover": GONE,
    "truth/cart/crossover": {"probability": 0.6},
}


ONE, TWO = (
    {"posterior": {"endpoint": "dfr", "arm": "cart", "above": limit}, "at_least": 0.6}
    for limit in (0.2, 0.5)
)
PAIR = [{"endpoint": "dfr", "arm": "cart", "above": 0.2},
        {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.1}]  # fmt: skip
WEIGHED: dict[str, Any] = {  # two utilities, of which the success rule asks one
    "utility": {"net": {"dfr": 1.0, "infection": -0.5}, "other": {"dfr": 1.0, "infection": 0.5}},
    "rules__1__posterior": {"utility": "net", "arm": "cart", "minus": "soc", "above": 0.0},
    "rules__2": GONE,
}
LOW = {"posterior": {"endpoint": "dfr", "arm": "soc", "above": 0.2}, "below": 0.3}


def asks(start: str, before: dict[str, Any], after: dict[str, Any]) -> Case:
    """A rule for success that asks several questions, and others."""
    rule = {"name": "efficacy", "then": "declare_success"}
    return Case(
        start, {"rules/1": rule | after}, "number",
        {"rules/0": OTHER_RULE, "rules/1": rule | before, "rules/2": GONE,
         "endpoints/infection": GONE, "analysis/infection": GONE,
         "scenarios/works/infection": GONE, "scenarios/none/infection": GONE},
    )  # fmt: skip


def claims(before: dict[str, Any], after: dict[str, Any]) -> Case:
    """A further claim beside the rule for success."""
    large = {"name": "large", "then": "claim", **TWO}
    return Case("direct", {"rules/0": large | after}, "number", {"rules/0": large | before,
                "endpoints/infection": GONE, "analysis/infection": GONE,
                "scenarios/works/infection": GONE, "scenarios/none/infection": GONE})  # fmt: skip


ENTERING: dict[str, Any] = {
    "randomisation": GONE, "arms/two/enters": 3.0,
    "rules/0/posterior": {"endpoint": "dfr", "arm": "each", "minus": "soc", "above": 0.0},
}  # fmt: skip
ENTERED_LATE: dict[str, Any] = ENTERING | {"analysis/dfr": {"model": "beta_binomial"}}
WALKED: dict[str, Any] = ENTERED_LATE | {"analysis/dfr/time_trend": {
    "model": "time_machine", "period_months": 3.0, "step_scale": 0.05}}  # fmt: skip
SCORES_WALK = {"model": "time_machine", "period_months": 3.0, "step_scale": 0.5}
UNSTRATIFIED: dict[str, Any] = {"strata": GONE, "truth/cart/strata": GONE}
SITE: dict[str, Any] = {"max_n": 36, "sites": {"one": {"per_month": 2.0},
                                "two": {"per_month": 1.0, "opens": 2.0}}}  # fmt: skip
PIECES = [{"from": 0.0, "rate": 1.0}, {"from": 3.0, "rate": 3.0}]
SKEPTICAL = {"effect": 0.3, "chance": 0.05, "no_effect": 0.0}
COSTS = {"currency": "EUR", "per_randomised": {"cart": 5.0}, "per_infused": {"cart": 50.0}}
OFF = {"type": "time_in_remission", "horizon": 12.0}
LONG = {"years": 15.0, "lost": {"per_year": 0.05}}
REGISTRY: dict[str, Any] = {"source": "A registry", "endpoint": "dfr", "responders": 3,
                            "participants": 10}  # fmt: skip
BORROWS = "analysis/dfr/prior/soc"


def borrows(method: str, changes: dict[str, Any], seen: str = "number", /, **given: Any) -> Case:
    """A control that borrows from external data."""
    prior = {"external": ["registry"], "method": method, **given}
    start = {"external": {"registry": REGISTRY}, "analysis/dfr/prior": {"soc": prior}}
    return Case("direct", changes, seen, start)


def external(key: str, value: Any, seen: str = "refused") -> Case:
    """One key of the external data that the control borrows from."""
    return borrows("pooled", {f"external/registry/{key}": value}, seen)


TRIAL: dict[str, Any] = {
    "external/trial": {**REGISTRY, "responders": 9},
    f"{BORROWS}/external": ["registry", "trial"],
}


def weighed(key: str, value: Any, seen: str = "number") -> Case:
    """A key of external participants that are told one by one."""
    rows = {"responder": [1.0] * 5 + [0.0] * 10, "age": [30.0 + row for row in range(15)]}
    registry = {"source": "A registry", "endpoint": "dfr", "data": "registry.csv", "rows": rows,
                "target": {"age": 38.0}}  # fmt: skip
    prior = {"external": ["registry"], "method": "pooled"}
    start = {"external": {"registry": registry}, "analysis/dfr/prior": {"soc": prior}}
    return Case("direct", {f"external/registry/{key}": value}, seen, start)


OF_RATE = "analysis/infection/prior"
MIXED_RATES: dict[str, Any] = {"analysis__infection__prior": {
    "soc": {"a": 0.5, "b": 2.0},
    "cart": {"mixture": [{"weight": 0.8, "a": 6.0, "b": 20.0},
                         {"weight": 0.2, "a": 0.5, "b": 0.5}]},
}}  # fmt: skip
OUTSIDE: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    # by kind of table: base, where the arm borrows, its prior, and the external data
    "Rates": ("direct", "analysis/infection/prior/soc", {"a": 0.5, "b": 2.0},
              {"endpoint": "infection", "events": 9, "months": 60.0}),
    "Hazard": ("times", "analysis/relapse/prior/baseline", {"a": 0.5, "b": 2.0},
               {"endpoint": "relapse", "events": 9, "months": 60.0}),
    "Means": ("scores", "analysis/mgadl/prior/soc", {},
              {"endpoint": "mgadl", "mean": -1.0, "sd": 2.0, "participants": 9}),
}  # fmt: skip


EXTRA: dict[str, dict[str, Any]] = {
    "power": {"weight": 0.4},
    "robust_map": {"weight": 0.4, "heterogeneity": 0.3},
    "sam": {"heterogeneity": 0.3},
    "commensurate": {"heterogeneity": 0.3},
}
APART = {"Rates": {"difference": 1.0}, "Hazard": {"ratio": 1.5}, "Means": {"difference": 1.0}}
NUMBER_BASED = {"weight": 0.9, "heterogeneity": 1.0, "difference": 0.4, "ratio": 3.0}
SPIKE = {"spike": 100.0, "slab": [0.5, 2.0], "weight": 0.6}


def between(key: str, start: dict[str, Any], value: Any) -> list[Case]:
    """A key of what is known of the SD between rates."""
    path = "analysis/relapse/prior/baseline/heterogeneity"
    case = outside("Hazard", "commensurate", f"heterogeneity/{key}", value)
    return [replace(case, start=case.start | {path: start})]


def outside(kind: str, method: str, key: str, value: Any, seen: str = "number") -> Case:
    """A key of a control's prior that borrows rates, months at risk or means."""
    base, path, prior, data = OUTSIDE[kind]
    weight = EXTRA.get(method, {}) | (APART[kind] if method == "sam" else {})
    registry = {"source": "A registry"} | data
    start: dict[str, Any] = {"external": {"registry": registry}}
    if kind == "Rates":
        start["analysis/infection/prior"] = {"cart": {"a": 0.5, "b": 2.0}}
    if kind == "Hazard":
        start["analysis/relapse/cuts"] = GONE
    start[path] = {"external": ["registry"], "method": method} | prior | weight
    changes = {f"{path}/{key}": value}
    if key == "external":
        changes["external/trial"] = registry
    return Case(base, changes, seen, start)


BY_MIXTURES = ("robust_map", "sam", "commensurate")


def ways_to_borrow(kind: str) -> dict[str, list[Case]]:
    """Every key of the tables by which an arm borrows from data of a kind."""
    found = {}
    for method in ("pooled", "power", *BY_MIXTURES[: 2 if kind == "Means" else 3]):
        keys: dict[str, Any] = {"external": ["registry", "trial"], "method": "merged"}
        keys |= dict.fromkeys(OUTSIDE[kind][2], 5.0)
        extra = EXTRA.get(method, {}) | (APART[kind] if method == "sam" else {})
        keys |= {key: NUMBER_BASED[key] for key in extra}
        for key, value in keys.items():
            seen = "refused" if key == "method" else "number"
            stem = "".join(word.capitalize() for word in method.split("_"))
            found[f"{stem}{kind}.{key}"] = [outside(kind, method, key, value, seen)]
    return found


HOLD = [{"from": 3.0, "until": 5.0}]


def shares(path: str, changed: Any, seen: str = "number") -> Case:
    """A further claim that shares the family-wise error with the success."""
    large = {"name": "large", "then": "claim", **TWO,
             "at_least": {"alpha": [0.01, 0.03], "threshold": [0.9, 0.05]}}  # fmt: skip
    shared = {"alpha": {"efficacy": 0.02, "large": 0.01}, "passes_to": {"efficacy": {"large": 1.0}}}
    return Case("direct", {path: changed}, seen, {"rules/0": large, "claims": shared,
                "endpoints/infection": GONE, "analysis/infection": GONE,
                "scenarios/works/infection": GONE, "scenarios/none/infection": GONE})  # fmt: skip


def drift(key: str, changed: Any, seen: str = "number", /, **given: Any) -> Case:
    """A key of a time trend."""
    path = "scenarios/works/time_trend/dfr"
    return Case("direct", {f"{path}/{key}": changed}, seen, {path: given})


def in_parts(changes: dict[str, Any], seen: str = "number") -> Case:
    """A key of a first part."""
    start = {"first_part": {"participants": 12}, "looks/observed": [12, 24, 36],
             "rules/2": GONE}  # fmt: skip
    return Case("direct", changes, seen, start)


STEPS_OF_SHARE = [{"from": 0.0, "share": 0.1}, {"from": 9.0, "share": 0.9}]
LINE_OF_SHARE = [{"at": 0.0, "share": 0.1}, {"at": 9.0, "share": 0.9}]


def mixed(key: str, changed: Any, seen: str = "number", /, **given: Any) -> Case:
    """A key of a part of the participants who fare otherwise."""
    part = {"share": 0.5, "dfr": {"soc": 0.9}} | given
    path = "truth/mixture/new"
    return Case("direct", {f"{path}/{key}": changed}, seen, {path: part})


def time(key: str, changed: Any, seen: str = "number", /, **given: Any) -> Case:
    """A parameter of a distribution, in the time to relapse of an arm."""
    path = f"{ARM}/durability/relapse"
    return Case("course", {f"{path}/{key}": changed}, seen, {path: given})


REDOSING: dict[str, Any] = {
    "when": "relapse", "probability": 0.9, "delay": {"dist": "fixed", "value": 0.5},
    "remission": {"probability": 0.9},
}  # fmt: skip
FOR_WANT_OF_ONE = REDOSING | {"when": "no_remission", "after_month": 1.5}
TAPER: dict[str, Any] = {"months": {"dist": "fixed", "value": 2.0}}
WASHOUT: dict[str, Any] = {"months": {"dist": "fixed", "value": 2.0}}


def redosed(key: str, changed: Any, seen: str = "number", **given: Any) -> Case:
    """A key of another infusion, which many have."""
    return to(
        "course", f"{ARM}/redosing/{key}", changed, seen, truth__cart__redosing=REDOSING | given
    )


KEYS: dict[str, list[Case]] = {
    ".name": [to("direct", "name", "Another", "told")],
    ".description": [to("direct", "description", "More", "told")],
    ".arms": [to("direct", "arms/cart/allocation", 1)],
    ".strata": [to("course", "strata", {"mild": 0.3, "hard": 0.7})],
    ".randomisation": [to("direct", "randomisation", {"block": 6})],
    ".endpoints": [to("direct", "endpoints/dfr/month", 3)],
    ".analysis": [to("direct", "analysis/dfr", GONE)],
    ".claims": [shares("claims", GONE, "refused"),
                shares("claims/alpha/efficacy", 0.0, "refused")],
    ".prediction": [to("early", "prediction", GONE),
                    to("direct", "prediction", {"dfr": {"from": [3.0]}}, "refused")],
    ".external": [borrows("pooled", TRIAL),
                  to("direct", "external", {"registry": REGISTRY}, "refused")],
    "External.redrawn": [external("redrawn", True, "number"),
                         to("direct", "external", {"registry": REGISTRY | {"redrawn": True}},
                            "refused")],
    "External.source": [external("source", " "), external("source", "Another", "told")],
    "External.endpoint": [external("endpoint", "infection")],
    "External.responders": [external("responders", 11), external("responders", 6, "number")],
    "External.participants": [external("participants", 2), external("participants", 30, "number")],
    "External.mean": [external("mean", 2.0)],
    "External.sd": [external("sd", 2.0)],
    "External.events": [external("events", 2)],
    "External.months": [external("months", 2.0)],
    "External.remaining": [external("remaining", 2)],
    "External.month": [external("month", 12.0)],
    "External.data": [external("data", "registry.csv"), weighed("data", "another.csv", "told")],
    "External.target": [weighed("target", {"age": 36.0}), weighed("target", GONE, "refused")],
    "External.rows": [weighed("rows/responder", [0.0] * 6 + [1.0] * 9),
                      weighed("rows", GONE, "refused")],
    **ways_to_borrow("Rates"),
    **ways_to_borrow("Hazard"),
    **ways_to_borrow("Means"),
    "HalfNormalBetween.half_normal": between("half_normal", {"half_normal": 0.3}, 1.0),
    "HalfCauchyBetween.half_cauchy": between("half_cauchy", {"half_cauchy": 0.2}, 1.0),
    "SpikeAndSlabBetween.spike": between("spike", SPIKE, 5.0),
    "SpikeAndSlabBetween.slab": between("slab", SPIKE, [0.1, 20.0]),
    "SpikeAndSlabBetween.weight": between("weight", SPIKE, 0.1),
    "BorrowingHazardsPrior.baseline": [outside("Hazard", "power", "external", [], "refused")],
    "BorrowingHazardsPrior.log_hazard_ratio": [
        to("times", "analysis/relapse/prior/log_hazard_ratio/sd", 0.5)],
    "Pooled.external": [borrows("pooled", TRIAL)],
    "Pooled.method": [borrows("pooled", {f"{BORROWS}/method": "pool"}, "refused")],
    "Power.external": [borrows("power", TRIAL, weight=0.5)],
    "Power.method": [borrows("power", {f"{BORROWS}/method": "powr"}, "refused", weight=0.5)],
    "Power.weight": [borrows("power", {f"{BORROWS}/weight": 0.9}, weight=0.2)],
    "RobustMap.external": [borrows("robust_map", TRIAL)],
    "RobustMap.method": [borrows("robust_map", {f"{BORROWS}/method": "map"}, "refused")],
    "RobustMap.weight": [borrows("robust_map", {f"{BORROWS}/weight": 0.3})],
    "RobustMap.heterogeneity": [borrows("robust_map", {f"{BORROWS}/heterogeneity": 0.3})],
    "Sam.external": [borrows("sam", TRIAL, difference=0.2)],
    "Sam.method": [borrows("sam", {f"{BORROWS}/method": "pooled"}, "refused", difference=0.2)],
    "Sam.difference": [borrows("sam", {f"{BORROWS}/difference": 0.1}, difference=0.3)],
    "Sam.heterogeneity": [borrows("sam", {f"{BORROWS}/heterogeneity": 0.3}, difference=0.3)],
    ".enrolment": [to("direct", "enrolment/per_month", 6)],
    ".looks": [to("direct", "looks", {"months": [9.0, 18.0]})],
    ".rules": [to("direct", "rules/2", GONE)],
    ".multiarm": [to("several", "multiarm", {"ends": "first_success"})],
    ".first_part": [in_parts({"first_part": GONE})],
    ".crossover": [Case("course", {"crossover": GONE, "truth/soc/crossover": GONE}),
                   to("direct", "crossover", {"from": "soc", "to": "cart", "after_month": 3.0},
                      "refused")],
    ".design_prior": [to("direct", "design_prior", {"neutral": {}}, "told")],
    ".sensitivity": [to("direct", "sensitivity", {"enrolment.max_n": [40]}, "told")],
    "DesignPrior.weights": [
        to("direct", "design_prior/ours/weights", {"works": 0.6, "none": 0.4}, "told",
           design_prior={"ours": {"weights": {"works": 0.5, "none": 0.5}}}),
        to("direct", "design_prior/ours/weights", {"works": 0.6, "none": 0.5}, "refused",
           design_prior={"ours": {"weights": {"works": 0.5, "none": 0.5}}})],
    **{
        name: [to("direct", f"design_prior/ours/{path}", value, "told",
                  design_prior={"ours": PRIOR})]
        for name, path, value in (
            ("DesignPrior.draw", "draw", {}),
            ("DesignPrior.early_data", "early_data", GONE),
            ("EarlyData.responders", "early_data/responders", 3),
            ("EarlyData.participants", "early_data/participants", 8),
            ("EarlyData.believe", "early_data/believe", 0.5),
            ("BetaDraw.a", "draw/dfr.soc/a", 3.0),
            ("BetaDraw.b", "draw/dfr.soc/b", 3.0),
            ("UniformDraw.low", "draw/works.dfr.cart/low", 0.1),
            ("UniformDraw.high", "draw/works.dfr.cart/high", 0.8),
            ("LognormalDraw.median", "draw/infection.soc/median", 0.2),
            ("LognormalDraw.sigma", "draw/infection.soc/sigma", 0.2),
        )
    },
    "EarlyData.arm": [to("direct", "design_prior/ours/early_data/arm", "soc", "refused",
                         design_prior={"ours": PRIOR})],
    **{
        f"{name}.dist": [to("direct", f"design_prior/ours/draw/{path}/dist", "normal", "refused",
                            design_prior={"ours": PRIOR})]
        for name, path in (("BetaDraw", "dfr.soc"), ("UniformDraw", "works.dfr.cart"),
                           ("LognormalDraw", "infection.soc"))
    },
    ".adjusted_estimates": [to("direct", "adjusted_estimates", {}, "told")],
    "AdjustedEstimates.skeptical": [
        to("direct", "adjusted_estimates/skeptical", SKEPTICAL, "told", adjusted_estimates={})
    ],
    "SkepticalPrior.effect": [
        to("direct", "adjusted_estimates/skeptical/effect", 0.4, "told",
           adjusted_estimates={"skeptical": SKEPTICAL}),
        to("direct", "adjusted_estimates/skeptical/effect", 0.0, "refused",
           adjusted_estimates={"skeptical": SKEPTICAL}),
    ],
    "SkepticalPrior.chance": [
        to("direct", "adjusted_estimates/skeptical/chance", 0.1, "told",
           adjusted_estimates={"skeptical": SKEPTICAL})
    ],
    "SkepticalPrior.no_effect": [
        to("direct", "adjusted_estimates/skeptical/no_effect", 0.1, "told",
           adjusted_estimates={"skeptical": SKEPTICAL})
    ],
    ".costs": [to("course", "costs", COSTS, "told")],
    "Costs.currency": [to("course", "costs/currency", "USD", "told", costs=COSTS)],
    "Costs.per_randomised": [to("course", "costs/per_randomised/cart", 9.0, "told", costs=COSTS)],
    "Costs.per_infused": [to("course", "costs/per_infused/cart", 9.0, "told", costs=COSTS),
                          to("course", "costs/per_infused/soc", 9.0, "refused", costs=COSTS)],
    "Costs.remission": [to("course", "costs/remission", "months_off", "told", costs=COSTS,
                           endpoints__months_off=OFF)],
    "Costs.report": [to("course", "costs/report", True, "told", costs=COSTS)],
    ".long_term_follow_up": [to("course", "long_term_follow_up", LONG, "told"),
                             to("direct", "long_term_follow_up", LONG, "refused")],
    ".follow_up": [to("course", "follow_up", VISITS)],
    "FollowUp.visit_every": [to("course", "follow_up/visit_every", 3.0, follow_up=VISITS),
                             to("course", "follow_up/visit_every", GONE, "refused",
                                follow_up=VISITS)],
    "FollowUp.window": [to("course", "follow_up/window", 0.0, follow_up=VISITS)],
    "FollowUp.missed": [to("course", "follow_up/missed", 0.0, follow_up=VISITS),
                        to("scores", "follow_up/missed", 0.0, follow_up=VISITS),
                        to("scores", "follow_up", VISITS | {"visit_every": 2.0}, "refused")],
    "FollowUp.reporting_delay": [to("direct", "follow_up", {"reporting_delay": 3.0})],
    "FollowUp.adjudication_delay": [
        to("course", "follow_up/adjudication_delay", {"crs": 4.0}, follow_up=VISITS),
        to("course", "follow_up/adjudication_delay", {"crsx": 4.0}, "refused")],
    "Scenario.follow_up": [to("course", "scenarios/expected/follow_up/missed", 0.6,
                              follow_up=VISITS),
                           to("course", "scenarios/expected/follow_up", {"window": 1.0},
                              "refused")],
    **{
        f"FollowUpChange.{key}": [to("course", f"scenarios/expected/follow_up/{key}", value,
                                     follow_up=VISITS, scenarios__expected__follow_up={})]
        for key, value in (("visit_every", 3.0), ("missed", 0.6), ("reporting_delay", 4.0),
                           ("adjudication_delay", 3.0))
    },
    "LongTermFollowUp.years": [to("course", "long_term_follow_up/years", 12.0, "told",
                                  long_term_follow_up=LONG)],
    "LongTermFollowUp.at": [to("course", "long_term_follow_up/at", [2.0], "told",
                               long_term_follow_up=LONG)],
    "LongTermFollowUp.lost": [to("course", "long_term_follow_up/lost", {"per_year": 0.3}, "told",
                                 long_term_follow_up=LONG)],
    "LongTermFollowUp.events": [to("course", "long_term_follow_up/events", ["infection"], "told",
                                   truth__soc__rates={"infection": 0.3, "other": 0.1},
                                   truth__cart__rates={"infection": 0.3, "other": 0.1},
                                   long_term_follow_up=LONG)],
    ".truth": [to("direct", "truth/dropout/per_year", 0.9)],
    ".scenarios": [to("direct", "scenarios/works/dfr/cart", 0.9)],
    ".calibration": [to("direct", "calibration", {"type_one_error": 0.05}, "told")],
    ".simulation": [to("direct", "simulation/seed", 2)],
    "Arm.control": [Case("direct", {"arms/soc/control": GONE, "arms/cart/control": True}),
                    Case("direct", {"arms/soc/control": GONE}, "refused")],
    "Arm.product": [to("course", "arms/cart/product", "in_vivo", truth__cart__infusion=GONE),
                    to("direct", "arms/cart/product", "in_vivo", "told")],
    "Arm.enters": [to("strata", "arms/cart/enters", 4.0),
                   to("strata", "arms/soc/enters", 4.0, "refused")],
    "Arm.leaves": [to("strata", "arms/cart/leaves", 4.0)],
    "BetaBinomialAnalysis.time_trend": [
        Case("several", {"analysis/dfr/time_trend": {"model": "concurrent"}}, start=ENTERED_LATE),
        Case("several", {"analysis/dfr/time_trend": {"model": "periods"}}, start=ENTERED_LATE)],
    **{
        f"{table}.time_trend": [
            to(base, f"analysis/{endpoint}/time_trend", {"model": "concurrent"},
               **{"arms/cart/enters": 4.0} | start)]
        for table, base, endpoint, start in (
            ("GammaPoissonAnalysis", "direct", "infection", {}),
            ("NormalAnalysis", "scores", "mgadl", {}),
            ("NormalVisitsAnalysis", "scores", "mgadl",
             {"analysis/mgadl": {"model": "normal_visits"}}),
            ("PiecewiseExponentialAnalysis", "times", "relapse", {}),
            ("RestrictedMeanAnalysis", "course", "time", LONGER | UNSTRATIFIED),
            ("DirichletAnalysis", "ordinal", "door", {}),
            ("ProportionsTestAnalysis", "direct", "dfr",
             {"analysis/dfr": {"model": "proportions_test"}, "rules/2": GONE}),
            ("LogrankTestAnalysis", "times", "relapse",
             {"analysis/relapse": {"model": "logrank_test"}}),
            ("WeibullCureAnalysis", "lasting", "relapse", UNSTRATIFIED | {"rules/2/posterior": {
                "endpoint": "relapse", "arm": "cart", "minus": "soc", "remains_at": 9.0,
                "above": 0.0}}),
        )
    },
    "ScoreAdjustment.model": [
        to("scores", "analysis/mgadl/time_trend/model", "concurrent", arms__cart__enters=4.0,
           analysis__mgadl={"model": "normal", "time_trend": {"model": "periods"}}),
        to("scores", "analysis/mgadl/time_trend", {"model": "periods"}, "refused",
           arms__cart__enters=4.0)],
    **{
        f"ScoreAdjustment.{key}": [
            to("scores", f"analysis/mgadl/time_trend/{key}", value, arms__cart__enters=4.0,
               analysis__mgadl={"model": "normal", "time_trend": SCORES_WALK}),
            *([] if key == "order" else [
                to("scores", f"analysis/mgadl/time_trend/{key}", GONE, "refused",
                   arms__cart__enters=4.0,
                   analysis__mgadl={"model": "normal", "time_trend": SCORES_WALK})])]
        for key, value in (("period_months", 1.0), ("order", 1), ("step_scale", 4.0))
    },
    "TrendSelection.model": [
        to("scores", "analysis/mgadl/time_trend/model", "pooled", arms__cart__enters=4.0,
           analysis__mgadl={"model": "normal_visits", "time_trend": {"model": "concurrent"}}),
        to("scores", "analysis/mgadl/time_trend", {"model": "periods"}, "refused",
           arms__cart__enters=4.0, analysis__mgadl={"model": "normal_visits"})],
    "TrendAdjustment.model": [
        Case("several", {"analysis/dfr/time_trend/model": "periods"},
             start=ENTERED_LATE | {"analysis/dfr/time_trend": {"model": "concurrent"}}),
        Case("several", {"analysis/dfr/time_trend/model": "period"}, "refused",
             ENTERED_LATE | {"analysis/dfr/time_trend": {"model": "concurrent"}})],
    "TrendAdjustment.period_months": [
        Case("several", {"analysis/dfr/time_trend/period_months": 1.0}, start=WALKED),
        Case("several", {"analysis/dfr/time_trend/period_months": GONE}, "refused", WALKED)],
    "TrendAdjustment.order": [
        Case("several", {"analysis/dfr/time_trend/order": 1}, start=WALKED)],
    "TrendAdjustment.step_scale": [
        Case("several", {"analysis/dfr/time_trend/step_scale": 2.0}, start=WALKED),
        Case("several", {"analysis/dfr/time_trend/step_scale": GONE}, "refused", WALKED)],
    "After.after": [Case("several", {"arms/two/enters": {"after": "one"}}, start=ENTERING),
                    Case("several", {"arms/two/enters": {"after": "two"}}, "refused", ENTERING)],
    "Arm.allocation": [to("direct", "arms/cart/allocation", 1),
                       to("several", "arms/one/allocation", 2, "told")],
    "Arm.label": [to("direct", "arms/cart/label", "Cells", "told")],
    "PermutedBlocks.method": [to("several", "randomisation", {"method": "permuted_blocks"})],
    "PermutedBlocks.block": [to("direct", "randomisation", {"block": 9})],
    "ResponseAdaptive.method": [to("several", "randomisation/method", "adaptive", "refused")],
    "ResponseAdaptive.power": [to("several", "randomisation/power", 3.0)],
    "ResponseAdaptive.minimum": [to("several", "randomisation/minimum", 0.3)],
    "ResponseAdaptive.control": [to("several", "randomisation/control", 0.2)],
    "ResponseAdaptive.burn_in": [to("several", "randomisation/burn_in", 40)],
    "ResponseAdaptive.by": [to("several", "randomisation/by", {"endpoint": "rate"}, **RATES)],
    "Order.endpoint": [to("several", "randomisation/by/endpoint", "dfr",
                          randomisation__by={"endpoint": "rate"}, **RATES)],
    "Order.utility": [to("several", "randomisation/by/utility", "fewer",
                         randomisation__by={"utility": "net"},
                         utility={"net": {"dfr": 1.0}, "fewer": {"dfr": 0.1, "rate": -1.0}},
                         **RATES)],
    "Order.remains_at": [to("several", "randomisation/by/remains_at", 3.0, "refused",
                            randomisation__by={"endpoint": "dfr"})],
    "Order.median": [to("several", "randomisation/by/median", True, "refused",
                        randomisation__by={"endpoint": "dfr"})],
    "Order.restricted_mean": [to("several", "randomisation/by/restricted_mean", 3.0, "refused",
                                 randomisation__by={"endpoint": "dfr"})],
    "Landmark.type": [to("direct", "endpoints/dfr/type", "event_rate", "refused")],
    "Landmark.label": [to("direct", "endpoints/dfr/label", "Response", "told")],
    "Landmark.primary": [Case("course", {"endpoints/time/primary": GONE,
                                         "endpoints/dfr/primary": True},
                              start={"endpoints/time/primary": True})],
    "Landmark.month": [to("direct", "endpoints/dfr/month", 3),
                       to("course", "endpoints/dfr/month", 12)],
    "Landmark.sustained_from": [to("course", "endpoints/dfr/sustained_from", 4),
                                to("direct", "endpoints/dfr/sustained_from", 4, "told")],
    "Landmark.state": [to("course", "endpoints/dfr/state", "drug_free_remission"),
                       to("direct", "endpoints/dfr/state", "remission", "told")],
    "Landmark.all": [
        Case("course", {"endpoints/dfr/all": ["remission", BOUND]}, start=STATES),
        to("course", "endpoints/dfr/all", ["remission"], "refused", **BY_STATE)],
    "ScoreBound.score": [
        Case("course", {"endpoints/dfr/all": ["remission", BOUND | {"score": "x"}]}, "refused",
             start=STATES)],
    "ScoreBound.at_most": [
        Case("course", {"endpoints/dfr/all": ["remission", BOUND]}, start=STATES)],
    "ScoreBound.at_least": [
        Case("course", {"endpoints/dfr/all": ["remission", {"score": "mgadl", "at_least": 4.0}]},
             start=STATES)],
    "Landmark.missing": [to("direct", "endpoints/dfr/missing", "exclude"),
                         to("course", "endpoints/dfr/missing", "exclude"),
                         to("course", "endpoints/dfr/missing", "impute"),
                         to("strata", "endpoints/dfr/missing", "exclude", "told")],
    "Landmark.strategy": [to("course", "endpoints/dfr/strategy",
                             {"not_infused": "principal_stratum"}),
                          to("direct", "endpoints/dfr/strategy",
                             {"rescue": "treatment_policy"}, "told")],
    "Strategies.not_infused": [to("course", "endpoints/dfr/strategy",
                                  {"not_infused": "principal_stratum"})],
    "Strategies.rescue": [to("course", "endpoints/dfr/strategy", {"rescue": "hypothetical"},
                             endpoints__dfr__missing="exclude"),
                          to("course", "endpoints/dfr/strategy", {"rescue": "hypothetical"},
                             "refused")],
    "Strategies.crossover": [to("course", "endpoints/dfr/strategy",
                                {"crossover": "treatment_policy"})],
    "Strategies.dropout": [to("course", "endpoints/dfr/strategy", {"dropout": "composite"},
                              "refused")],
    "Strategies.death": [to("course", "endpoints/dfr/strategy", {"death": "hypothetical"},
                            "refused")],
    "TimeToEvent.strategy": [to("times", "endpoints/relapse/strategy", {"rescue": "composite"},
                                "refused")],
    "TimeToRelapse.strategy": [to("course", "endpoints/relapse/strategy",
                                  {"rescue": "composite"}, "refused")],
    "TimeInRemission.strategy": [to("course", "endpoints/time/strategy",
                                    {"crossover": "treatment_policy"})],
    "AdverseEvent.strategy": [to("course", "endpoints/crs/strategy", {"rescue": "composite"},
                                 "refused")],
    "EventRate.strategy": [to("course", "endpoints/infection/strategy", {"death": "composite"},
                              "refused")],
    "TimeToEvent.type": [to("times", "endpoints/relapse/type", "event_rate", "refused")],
    "TimeToEvent.label": [to("times", "endpoints/relapse/label", "Relapse", "told")],
    "TimeToEvent.primary": [Case("times", {"endpoints/dfr/primary": GONE,
                                           "endpoints/relapse/primary": True}, start=BOTH)],
    "TimeToEvent.event": [Case("course", {"endpoints/flare/event": ["relapse", "rescue"]},
                               start=FLARE),
                          to("times", "endpoints/relapse/event", "relapse", "told")],
    "TimeToEvent.clock": [Case("course", {"endpoints/flare/clock": "infusion"}, start=FLARE),
                          Case("course", {"endpoints/flare/clock": "remission"}, start=FLARE),
                          to("times", "endpoints/relapse/clock", "infusion", "refused")],
    "TimeToEvent.at_once": [to("times", "endpoints/relapse/at_once", True,
                               follow_up={"visit_every": 3.0})],
    "TimeToEvent.horizon": [to("times", "endpoints/relapse/horizon", 6)],
    "TimeToRelapse.type": [to("course", "endpoints/relapse/type", "adverse_event", "refused")],
    "TimeToRelapse.label": [to("course", "endpoints/relapse/label", "Relapse", "told")],
    "TimeToRelapse.primary": [to("course", "endpoints/relapse/primary", True, **MONTHS)],
    "TimeToRelapse.horizon": [to("lasting", "endpoints/relapse/horizon", 4)],
    "TimeInRemission.type": [to("course", "endpoints/time/type", "event_rate", "refused")],
    "TimeInRemission.label": [to("course", "endpoints/time/label", "Months", "told")],
    "TimeInRemission.primary": [to("course", "endpoints/time/primary", True)],
    "TimeInRemission.missing": [to("course", "endpoints/time/missing", "exclude")],
    "TimeInRemission.horizon": [to("course", "endpoints/time/horizon", 6)],
    "AdverseEvent.type": [to("course", "endpoints/crs/type", "event_rate", "refused")],
    "AdverseEvent.label": [to("course", "endpoints/crs/label", "CRS", "told")],
    "AdverseEvent.primary": [to("course", "endpoints/crs/primary", True, **MONTHS)],
    "AdverseEvent.within_months": [to("course", "endpoints/crs/within_months", 1.0)],
    "EventRate.type": [to("course", "endpoints/infection/type", "landmark", "refused")],
    "EventRate.label": [to("course", "endpoints/infection/label", "Infection", "told")],
    "EventRate.primary": [to("course", "endpoints/infection/primary", True, **MONTHS,
                             analysis__infection={"model": "gamma_poisson",
                                                  "prior": {"a": 1.0, "b": 1.0}})],
    "Ordinal.type": [to("ordinal", "endpoints/door/type", "landmark", "refused")],
    "Ordinal.label": [to("ordinal", "endpoints/door/label", "Outcome", "told")],
    "Ordinal.primary": [Case("ordinal", {"endpoints/dfr/primary": GONE,
                                         "endpoints/door/primary": True}, start=WITH_LANDMARK)],
    "Ordinal.strategy": [to("ordinal", "endpoints/door/strategy", {"rescue": "hypothetical"},
                            "refused")],
    "Ordinal.month": [to("ordinal", "endpoints/door/month", 3)],
    "Ordinal.categories": [
        to("ordinal", "endpoints/door/categories", ["bad", "dead", "good"]),
        to("course", "endpoints/door/categories", ["death", "rescue", "alive"], "refused",
           endpoints__door={"type": "ordinal", "month": 6, "categories": OF_A_COURSE})],
    "Ordinal.scores": [to("ordinal", "endpoints/door/scores", [0.0, 10.0, 100.0])],
    "Ordinal.missing": [to("ordinal", "endpoints/door/missing", "bad")],
    "DirichletAnalysis.model": [to("ordinal", "analysis/door/model", "logistic", "refused")],
    "DirichletAnalysis.prior": [to("ordinal", "analysis/door/prior", {"each": 0.2}),
                                to("ordinal", "analysis/door/prior",
                                   {"cart": {"dead": 1.0, "bad": 2.0, "good": 3.0}}),
                                to("ordinal", "analysis/door/prior", {"alive": 1.0}, "refused")],
    "ProportionalOddsAnalysis.time_trend": [
        Case("ordinal", {"analysis/door/time_trend": {"model": "concurrent"}},
             start=BY_ODDS | {"arms/cart/enters": 4.0})],
    "ProportionalOddsAnalysis.model": [
        Case("ordinal", {"analysis/door/model": "dirichlet", "analysis/door/prior": {"each": 1.0}},
             start=BY_ODDS)],
    "ProportionalOddsAnalysis.prior": [
        Case("ordinal", {"analysis/door/prior": {"each": 1.0}}, "refused", start=BY_ODDS)],
    "ProportionalOddsPrior.control": [
        Case("ordinal", {"analysis/door/prior/control": {"each": 0.2, "bad": 9.0}}, start=BY_ODDS),
        Case("ordinal", {"analysis/door/prior/control": {"alive": 1.0}}, "refused", start=BY_ODDS)],
    "ProportionalOddsPrior.log_odds_ratio": [
        Case("ordinal", {"analysis/door/prior/log_odds_ratio/sd": 0.3}, start=BY_ODDS)],
    "Continuous.type": [to("scores", "endpoints/mgadl/type", "landmark", "refused")],
    "Continuous.label": [to("scores", "endpoints/mgadl/label", "MG-ADL", "told")],
    "Continuous.primary": [Case("scores", {"endpoints/dfr/primary": GONE,
                                           "endpoints/mgadl/primary": True}, start=BOTH)],
    "Continuous.visits": [to("scores", "endpoints/mgadl/visits", [1.0, 5.0]),
                          to("scores", "endpoints/mgadl/visits", [1.0, 3.0, 5.0], "refused")],
    "Continuous.month": [to("scores", "endpoints/mgadl/month", 1.0)],
    "Continuous.better": [to("scores", "endpoints/mgadl/better", "higher", "told")],
    "Continuous.missing": [to("scores", "endpoints/mgadl/missing", "jump_to_reference"),
                           to("scores", "endpoints/mgadl/missing", "copy_reference"),
                           to("scores", "endpoints/mgadl/missing", "copy_increments_in_reference"),
                           to("scores", "endpoints/mgadl/missing", "worst_case", "refused")],
    "Continuous.strategy": [to("scores", "endpoints/mgadl/strategy", {"dropout": "composite"},
                               "refused")],
    "Continuous.worst": [to("scores", "endpoints/mgadl/worst", 9.0, "refused"),
                         to("scores", "endpoints/mgadl/worst", 12.0,
                            endpoints__mgadl__missing="worst_case", endpoints__mgadl__worst=9.0)],
    "ChainTruth.chain": [to("chain", "scenarios/a/dfr/soc/chain", GONE, "refused")],
    "Step.month": [to("chain", "scenarios/a/dfr/soc/chain/0/month", 4.0, "refused"),
                   to("chain", "scenarios/a/dfr/soc/chain/2/month", 13.0, "refused")],
    "Step.in": [to("chain", "scenarios/a/dfr/soc/chain/0/in", 0.6)],
    "Step.failed": [to("chain", "scenarios/a/dfr/soc/chain/0/failed", 0.5)],
    "Step.from_in": [to("chain", "scenarios/a/dfr/soc/chain/2/from_in", {"in": 0.3}),
                     to("chain", "scenarios/a/dfr/soc/chain/1/from_in", {"in": 0.3}, "refused")],
    "Step.from_out": [to("chain", "scenarios/a/dfr/soc/chain/2/from_out", {"in": 0.5})],
    "Onward.in": [to("chain", "scenarios/a/dfr/soc/chain/1/from_out/in", 0.6)],
    "Onward.failed": [to("chain", "scenarios/a/dfr/soc/chain/1/from_out/failed", 0.6)],
    "ScoreTruth.baseline": [to("scores", "truth/mgadl/soc/baseline", GONE, "refused")],
    "ScoreTruth.change": [to("scores", "truth/mgadl/cart/change", [-2.0, -4.0])],
    "ScoreTruth.sd": [to("scores", "truth/mgadl/cart/sd", [2.0, 4.0])],
    "ScoreTruth.correlation": [to("scores", "truth/mgadl/cart/correlation", 0.2)],
    "Baseline.mean": [to("scores", "scenarios/a/mgadl", {"cart": {"baseline": {"mean": 8.0}}})],
    "Baseline.sd": [to("scores", "truth/mgadl/cart/baseline/sd", 2.0)],
    "NormalAnalysis.model": [to("scores", "analysis/mgadl/model", "gamma_poisson", "refused")],
    "NormalAnalysis.prior": [to("scores", "analysis/mgadl/prior", GONE),
                             to("scores", "analysis/mgadl/prior/care",
                                {"mean": 0.0, "worth": 1.0}, "refused")],
    "NormalAnalysis.spread": [to("scores", "analysis/mgadl/spread", GONE)],
    "NormalVisitsAnalysis.model": [to("scores", "analysis/mgadl", {"model": "normal_visits"})],
    "MeanPrior.mean": [to("scores", "analysis/mgadl/prior/soc/mean", 1.0)],
    "MeanPrior.worth": [to("scores", "analysis/mgadl/prior/soc/worth", 9.0)],
    "SpreadPrior.sd": [to("scores", "analysis/mgadl/spread/sd", 4.0)],
    "SpreadPrior.worth": [to("scores", "analysis/mgadl/spread/worth", 9.0)],
    "BetaBinomialAnalysis.model": [to("direct", "analysis/dfr/model", "logistic", "refused")],
    "BetaBinomialAnalysis.prior": [to("direct", "analysis/dfr/prior", GONE),
                                   to("direct", "analysis/dfr/prior", {"a": 0.2, "b": 3.0})],
    "BetaMixturePrior.mixture": [to("direct", "analysis/dfr/prior/soc", {"a": 2.0, "b": 8.0})],
    "BetaComponent.a": [to("direct", f"{MIXTURE}/0/a", 4.0)],
    "BetaComponent.b": [to("direct", f"{MIXTURE}/0/b", 4.0)],
    "BetaComponent.weight": [Case("direct", {f"{MIXTURE}/0/weight": 0.5,
                                             f"{MIXTURE}/1/weight": 0.5})],
    "BetaPrior.a": [to("direct", "analysis/dfr/prior/cart/a", 3.0)],
    "BetaPrior.b": [to("direct", "analysis/dfr/prior/cart/b", 3.0)],
    "GammaPoissonAnalysis.model": [to("direct", "analysis/infection/model", "logistic",
                                      "refused")],
    "GammaPoissonAnalysis.prior": [to("direct", "analysis/infection/prior", {"a": 2.0, "b": 1.0})],
    "GammaMixturePrior.mixture": [to("direct", f"{OF_RATE}/cart", {"a": 1.0, "b": 1.0},
                                     **MIXED_RATES)],
    "GammaComponent.a": [to("direct", f"{OF_RATE}/cart/mixture/0/a", 4.0, **MIXED_RATES)],
    "GammaComponent.b": [to("direct", f"{OF_RATE}/cart/mixture/0/b", 4.0, **MIXED_RATES)],
    "GammaComponent.weight": [
        Case("direct", {f"{OF_RATE}/cart/mixture/{k}/weight": w for k, w in ((0, 0.3), (1, 0.7))},
             start={OF_RATE: MIXED_RATES["analysis__infection__prior"]}),
        to("direct", f"{OF_RATE}/cart/mixture/0/weight", 0.3, "refused", **MIXED_RATES)],
    "GammaPrior.a": [to("direct", "analysis/infection/prior/a", 2.0),
                     to("times", "analysis/relapse/prior/baseline/a", 2.0)],
    "GammaPrior.b": [to("direct", "analysis/infection/prior/b", 5.0),
                     to("times", "analysis/relapse/prior/baseline/b", 5.0)],
    "ProportionsTestAnalysis.model": [to("direct", "analysis/dfr/model", "logrank_test", "refused",
                                         **TESTED)],
    "ProportionsTestAnalysis.to_come": [
        to("direct", "analysis/dfr/to_come", SURE_OF_MANY, **PREDICTED_TEST),
        to("direct", "analysis/dfr/to_come", GONE, "refused", **PREDICTED_TEST)],
    "LogrankTestAnalysis.to_come": [
        to("times", "analysis/relapse/to_come", SURE_OF_NONE, **PREDICTED_TIMES),
        to("times", "analysis/relapse/to_come", GONE, "refused", **PREDICTED_TIMES)],
    "AlphaSpending.alpha": [to("direct", "rules/1/at_least/alpha", 0.3, **TESTED)],
    "AlphaSpending.spending": [to("direct", "rules/1/at_least/spending", "pocock", **TESTED)],
    "LogrankTestAnalysis.model": [to("times", "analysis/relapse/model", "proportions_test",
                                     "refused", analysis__relapse={"model": "logrank_test"})],
    "LogisticAnalysis.model": [to("strata", "analysis/dfr", HIERARCHICAL)],
    "LogisticAnalysis.prior": [to("strata", "analysis/dfr/prior", GONE, "refused")],
    "LogisticPrior.intercept": [to("strata", "analysis/dfr/prior/intercept/mean", 1.0)],
    "LogisticPrior.treatment": [to("strata", "analysis/dfr/prior/treatment/sd", 0.1)],
    "LogisticPrior.stratum": [to("strata", "analysis/dfr/prior/stratum/sd", 0.1)],
    "LogisticPrior.interaction": [to("strata", "analysis/dfr/prior/interaction/mean", 1.0)],
    "HierarchicalLogisticAnalysis.model": [to("strata", "analysis/dfr/model", "logistic",
                                              "refused", **HIER)],
    "HierarchicalLogisticAnalysis.prior": [to("strata", "analysis/dfr/prior", GONE, "refused",
                                              **HIER)],
    "HierarchicalLogisticPrior.control_logit": [
        to("strata", "analysis/dfr/prior/control_logit/mean", 1.0, **HIER)],
    "HierarchicalLogisticPrior.effect_mean": [
        to("strata", "analysis/dfr/prior/effect_mean/mean", 1.0, **HIER)],
    "HierarchicalLogisticPrior.effect_sd": [
        to("strata", "analysis/dfr/prior/effect_sd/sd", 2.0, **HIER)],
    "LogOddsPrior.dist": [
        to("strata", "analysis/dfr/prior/intercept/dist", "half_normal", "refused")],
    "LogOddsPrior.mean": [to("strata", "analysis/dfr/prior/treatment/mean", 1.0)],
    "LogOddsPrior.sd": [to("strata", "analysis/dfr/prior/interaction/sd", 2.0)],
    "Normal.dist": [
        to("times", "analysis/relapse/prior/log_hazard_ratio/dist", "half_normal", "refused")],
    "Normal.mean": [to("times", "analysis/relapse/prior/log_hazard_ratio/mean", 1.0)],
    "Normal.sd": [to("times", "analysis/relapse/prior/log_hazard_ratio/sd", 0.1)],
    "HalfNormal.dist": [to("strata", "analysis/dfr/prior/effect_sd/dist", "normal", "refused",
                           **HIER)],
    "HalfNormal.sd": [to("strata", "analysis/dfr/prior/effect_sd/sd", 0.1, **HIER)],
    "PiecewiseExponentialAnalysis.intervals": [
        to("times", "analysis/relapse/intervals", True, follow_up={"visit_every": 3.0}),
        to("times", "analysis/relapse/intervals", True, "refused")],
    "StratifiedPiecewiseExponentialAnalysis.intervals": [
        Case("times", {"analysis/relapse/intervals": True},
             start={**BY_STRATUM, "follow_up": {"visit_every": 3.0}})],
    "WeibullCureAnalysis.intervals": [
        to("lasting", "analysis/relapse/intervals", True, follow_up={"visit_every": 3.0})],
    "PiecewiseExponentialAnalysis.model": [to("times", "analysis/relapse/model", "weibull_cure",
                                              "refused")],
    "PiecewiseExponentialAnalysis.cuts": [to("times", "analysis/relapse/cuts", [2.0]),
                                          to("times", "analysis/relapse/cuts", [6.0, 40.0],
                                             "told")],
    "PiecewiseExponentialAnalysis.prior": [to("times", "analysis/relapse/prior", GONE, "refused")],
    "PiecewiseExponentialPrior.baseline": [to("times", "analysis/relapse/prior/baseline",
                                              {"a": 3.0, "b": 3.0})],
    "PiecewiseExponentialPrior.log_hazard_ratio": [
        to("times", "analysis/relapse/prior/log_hazard_ratio/sd", 0.5)],
    "StratifiedPiecewiseExponentialAnalysis.model": [
        Case("times", {"analysis/relapse/model": "piecewise_exponential"}, start=BY_STRATUM)],
    "StratifiedPiecewiseExponentialAnalysis.hazard_ratios": [
        Case("times", {"analysis/relapse/hazard_ratios": "own"}, start=BY_STRATUM)],
    "StratifiedPiecewiseExponentialAnalysis.cuts": [
        Case("times", {"analysis/relapse/cuts": [2.0]}, start=BY_STRATUM)],
    "StratifiedPiecewiseExponentialAnalysis.prior": [
        Case("times", {"analysis/relapse/prior/log_hazard_ratio/sd": 0.5}, start=BY_STRATUM),
        Case("times", {"strata": GONE}, "refused", BY_STRATUM)],
    "RestrictedMeanAnalysis.model": [to("course", "analysis/time/model", "gamma_poisson",
                                        "refused", analysis__time=MONTHS_IN_REMISSION)],
    "RestrictedMeanAnalysis.prior": [to("course", "analysis/time/prior", GONE, "refused",
                                        analysis__time=MONTHS_IN_REMISSION)],
    **{
        f"RestrictedMeanPrior.{key}": [
            Case("course", {f"analysis/time/prior/{key}": 2.5}, start=LONGER)]
        for key in ("mean", "worth", "sd", "sd_worth")
    },
    "WeibullCureAnalysis.model": [to("lasting", "analysis/relapse/model", "logistic", "refused")],
    "WeibullCureAnalysis.prior": [to("lasting", "analysis/relapse/prior", GONE, "refused")],
    "WeibullCurePrior.cured": [to("lasting", "analysis/relapse/prior/cured/a", 9.0)],
    "WeibullCurePrior.median_months": [to("lasting", "analysis/relapse/prior/median_months/median",
                                          2.0)],
    "WeibullCurePrior.shape": [to("lasting", "analysis/relapse/prior/shape/median", 3.0)],
    "Beta.dist": [to("lasting", "analysis/relapse/prior/cured/dist", "normal", "refused")],
    "Beta.a": [to("lasting", "analysis/relapse/prior/cured/a", 4.0)],
    "Beta.b": [to("lasting", "analysis/relapse/prior/cured/b", 9.0)],
    "Enrolment.max_n": [to("direct", "enrolment/max_n", 42)],
    "Enrolment.per_month": [to("direct", "enrolment/per_month", 9)],
    "Enrolment.arrivals": [to("direct", "enrolment/arrivals", "regular")],
    "Enrolment.after_closing": [to("strata", "enrolment/after_closing", "keep"),
                                to("direct", "enrolment/after_closing", "keep", "told")],
    "Enrolment.sites": [to("direct", "enrolment/sites", {"one": {"per_month": 2.0},
                           "two": {"per_month": 1.0, "opens": 5.0}}, enrolment=SITE)],
    "Enrolment.holds": [to("direct", "enrolment/holds", HOLD)],
    "Enrolment.screening": [to("direct", "enrolment/screening", {"failure": 0.2})],
    "Scenario.enrolment": [to("direct", "scenarios/works/enrolment", {"per_month": 1.0})],
    "Accrual.per_month": [to("direct", "scenarios/works/enrolment/per_month", 1.0,
                             enrolment=SITE, scenarios__works__enrolment={})],
    "Accrual.sites": [to("direct", "scenarios/works/enrolment/sites", SITE["sites"],
                         scenarios__works__enrolment={})],
    "Accrual.holds": [to("direct", "scenarios/works/enrolment/holds", HOLD,
                         scenarios__works__enrolment={})],
    "Accrual.screening": [to("direct", "scenarios/works/enrolment/screening", {"failure": 0.2},
                             scenarios__works__enrolment={})],
    "Piece.from": [to("direct", "enrolment/per_month/1/from", 5.0, enrolment__per_month=PIECES)],
    "Piece.rate": [to("direct", "enrolment/per_month/1/rate", 5.0, enrolment__per_month=PIECES)],
    "Site.opens": [to("direct", "enrolment/sites/one/opens", 2.0, enrolment=SITE)],
    "Site.closes": [to("direct", "enrolment/sites/two/closes", 6.0, enrolment=SITE)],
    "Site.per_month": [to("direct", "enrolment/sites/one/per_month", 5.0, enrolment=SITE),
                       to("direct", "enrolment/sites/one/per_month",
                          [{"from": 0.0, "rate": 2.0}, {"from": 3.0, "rate": 0.5}],
                          enrolment=SITE),
                       to("direct", "enrolment/sites/one/per_month",
                          [{"from": 1.0, "rate": 2.0}], "refused", enrolment=SITE),
                       to("direct", "enrolment/sites/one/per_month",
                          {"ramp_months": 3.0, "plateau": 3.0}, enrolment=SITE)],
    "Hold.from": [to("direct", "enrolment/holds/0/from", 2.0, enrolment__holds=HOLD)],
    "Hold.until": [to("direct", "enrolment/holds/0/until", 7.0, enrolment__holds=HOLD)],
    "Screening.failure": [to("direct", "enrolment/screening/failure", 0.3,
                             enrolment__screening={"failure": 0.1})],
    "Screening.lag": [to("direct", "enrolment/screening/lag", {"dist": "fixed", "value": 2.0},
                         enrolment__screening={"failure": 0.1})],
    "Ramp.ramp_months": [to("direct", "enrolment/per_month/ramp_months", 9.0,
                            enrolment__per_month={"ramp_months": 3.0, "plateau": 3.0})],
    "Ramp.plateau": [to("direct", "enrolment/per_month/plateau", 9.0,
                        enrolment__per_month={"ramp_months": 3.0, "plateau": 3.0})],
    "Looks.observed": [to("direct", "looks/observed", [12, 36])],
    "Looks.enrolled": [to("direct", "looks/enrolled", [12, 36], looks={"enrolled": [18, 36]})],
    "Looks.events": [to("times", "looks/events", [6, 16])],
    "Looks.months": [to("direct", "looks/months", [5.0, 14.0], **MONTHS)],
    "Looks.whichever": [to("direct", "looks/whichever", "earlier",
                           looks={"observed": [18, 36], "months": [9.0, 20.0],
                                  "whichever": "later"})],
    "Looks.minimum_in_each_arm": [to("direct", "looks/minimum_in_each_arm", 10),
                                  to("direct", "looks/minimum_in_each_arm", 20, "refused"),
                                  to("direct", "looks/minimum_in_each_arm", 3, "refused",
                                     looks={"months": [9.0, 18.0]})],
    "CountedParticipants.numbers": [to("strata", "looks/observed/numbers", [7, 12],
                                       looks=IN_ONE)],
    "CountedParticipants.stratum": [to("strata", "looks/observed/stratum", "hard", looks=IN_ONE),
                                    to("strata", "looks/observed/stratum", "none", "refused",
                                       looks=IN_ONE)],
    "CountedEvents.numbers": [to("times", "looks/events/numbers", [6, 16], looks=EVENTS)],
    "CountedEvents.endpoint": [to("times", "looks/events/endpoint", "none", "refused",
                                  looks=EVENTS),
                               to("times", "looks/events/endpoint", "other",
                                  looks=EVENTS, **OTHER)],
    "CountedEvents.stratum": [to("times", "looks/events/stratum", "b", looks=EVENTS,
                                 strata={"a": 0.6, "b": 0.4}),
                              to("times", "looks/events/stratum", "b", "refused", looks=EVENTS)],
    "Looks.final": [to("direct", "looks/final", "all_observed", looks={"enrolled": [18, 30]})],
    "Rule.name": [to("direct", "rules/0/name", "toxicity", "told")],
    "Rule.then": [to("direct", "rules/1/then", "stop_for_safety")],
    "Rule.posterior": [to("direct", f"{RULE}/above", 0.3)],
    "Rule.predictive": [to("direct", "rules/2/predictive/with", "enrolled")],
    "Rule.at_least": [to("direct", "rules/1/at_least", 0.4),
                      to("direct", "rules/1/at_least", [0.4, 0.9]),
                      to("direct", "rules/1/at_least", "calibrate", "refused")],
    "Rule.below": [to("direct", "rules/2/below", 0.9)],
    "Rule.looks": [to("direct", "rules/1/looks", ["final"])],
    "Rule.every": [to("course", "rules/0/every", 8), to("direct", "rules/0/every", 3, "told")],
    "Rule.from": [to("course", "rules/0/from", 9), to("direct", "rules/2/from", 3, "refused")],
    "Rule.all": [asks("direct", {"all": [ONE, TWO]}, {"all": [ONE]})],
    "Rule.any": [asks("direct", {"any": [ONE, TWO]}, {"any": [ONE]})],
    "Condition.posterior": [asks("direct", {"all": [ONE]}, {"all": [TWO]})],
    "Condition.predictive": [asks(
        "direct", {"all": [{"predictive": {"rule": "other"}, "at_least": 0.0}]},
        {"all": [{"predictive": {"rule": "other"}, "at_least": 1.0}]})],
    "Condition.at_least": [asks("direct", {"all": [ONE, TWO]},
                                {"all": [ONE, TWO | {"at_least": 0.05}]})],
    "Condition.below": [asks("direct", {"any": [LOW]}, {"any": [LOW | {"below": 0.9}]})],
    "Condition.all": [asks("direct", {"any": [LOW, {"all": [ONE, TWO]}]},
                           {"any": [LOW, {"all": [TWO]}]})],
    "Condition.any": [asks("direct", {"all": [TWO, {"any": [ONE, LOW]}]},
                           {"all": [TWO, {"any": [LOW]}]})],
    "Rule.jointly": [asks("direct", {"jointly": PAIR, "at_least": 0.5},
                          {"jointly": PAIR[::-1], "at_least": 0.9})],
    "Condition.jointly": [asks("direct", {"any": [LOW, {"jointly": PAIR, "at_least": 0.5}]},
                               {"any": [LOW, {"jointly": [PAIR[0], PAIR[0] | {"above": 0.1}],
                                              "at_least": 0.5}]})],
    ".utility": [to("direct", "utility/net/infection", -0.2, **WEIGHED),
                to("direct", "utility/net", {"dfr": 0.1}, **WEIGHED),
                to("direct", "utility", {}, "refused", **WEIGHED)],
    "Rule.requires": [claims({}, {"requires": ["efficacy"]})],
    "SharedError.alpha": [
        shares("claims/alpha", {"efficacy": 0.02, "large": 0.02}, "refused"),
        Case("direct", {"claims/alpha/efficacy": 0.03}, "told",
             shares("", "").start | {"rules/0/at_least": 0.5, "claims/passes_to": {}})],
    "SharedError.passes_to": [
        shares("claims/passes_to/efficacy/large", 0.5, "refused"),
        Case("direct", {"claims/passes_to": {}, "rules/0/at_least": 0.9}, "number",
             shares("", "").start)],
    "ByAlpha.alpha": [shares("rules/0/at_least/alpha", [0.01, 0.02], "refused")],
    "ByAlpha.threshold": [shares("rules/0/at_least/threshold", [0.9, 0.9])],
    "Rule.followed_up": [claims({}, {"followed_up": True})],
    "PosteriorQuestion.endpoint": [to("course", "rules/0/posterior/endpoint", "dfr")],
    "PosteriorQuestion.arm": [to("direct", "rules/0/posterior/arm", "soc"),
                              to("several", "rules/1/posterior/arm", "one")],
    "PosteriorQuestion.minus": [to("direct", f"{RULE}/minus", GONE)],
    "PosteriorQuestion.above": [to("direct", f"{RULE}/above", 0.2)],
    "PosteriorQuestion.below": [Case("direct", {f"{RULE}/above": GONE, f"{RULE}/below": 0.0})],
    "PosteriorQuestion.stratum": [to("strata", f"{RULE}/stratum", "hard"),
                                  to("strata", f"{RULE}/stratum", GONE),
                                  to("direct", f"{RULE}/stratum", "open", "refused")],
    "PosteriorQuestion.utility": [to("direct", f"{RULE}/utility", "other", **WEIGHED),
                                  to("direct", f"{RULE}/utility", "infection", "refused",
                                     **WEIGHED)],
    "PosteriorQuestion.better_than": [
        to("ordinal", "rules/0/posterior/better_than", "cart", "refused"),
        Case("ordinal", {"rules/2/posterior/minus": GONE, "rules/2/posterior/better_than": "soc"}),
    ],
    "PosteriorQuestion.common_odds_ratio_to": [
        Case("ordinal", {"rules/0/posterior/better_than": GONE,
                         "rules/0/posterior/common_odds_ratio_to": "soc"}, "refused"),
        Case("ordinal", {"rules/0/posterior/better_than": GONE, "rules/0/posterior/above": 1.2,
                         "rules/0/posterior/common_odds_ratio_to": "soc"}, start=BY_ODDS),
    ],
    "PosteriorQuestion.beyond": [
        Case("scores", {"rules/0/posterior/below": GONE, "rules/0/posterior/beyond": -2.0,
                        "rules/0/posterior/above": 0.1}),
        Case("scores", {"rules/0/posterior/beyond": 0.0}, start=FAR)],
    "PosteriorQuestion.reaches": [to("ordinal", "rules/1/posterior/reaches", "bad"),
                                  to("ordinal", "rules/1/posterior/reaches", "dead", "refused"),
                                  to("ordinal", "rules/1/posterior/reaches", "alive", "refused")],
    "PosteriorQuestion.hazard_ratio_to": [
        Case("times", {"rules/0/posterior/hazard_ratio_to": "cart",
                       "rules/0/posterior/arm": "soc"}),
        to("times", "rules/0/posterior/hazard_ratio_to", GONE, "refused")],
    "PosteriorQuestion.ratio_to": [Case("direct", {f"{RULE}/minus": GONE, f"{RULE}/above": 1.1,
                                                   f"{RULE}/ratio_to": "soc"}),
                                   to("times", "rules/0/posterior/ratio_to", "soc", "refused")],
    "PosteriorQuestion.odds_ratio_to": [Case("direct", {f"{RULE}/ratio_to": GONE,
                                                        f"{RULE}/odds_ratio_to": "soc"},
                                             start={f"{RULE}/minus": GONE, f"{RULE}/above": 1.1,
                                                    f"{RULE}/ratio_to": "soc"})],
    "PosteriorQuestion.median": [
        Case("times", {"rules/0/posterior": {"endpoint": "relapse", "arm": "cart", "median": True,
                                             "above": 8.0}})],
    "PosteriorQuestion.restricted_mean": [
        to("times", "rules/0/posterior/restricted_mean", 9.0,
           rules__0__posterior={"endpoint": "relapse", "arm": "cart", "restricted_mean": 12.0,
                                "above": 7.0})],
    "PosteriorQuestion.among_best": [
        to("several", "rules/0/posterior/among_best", 2,
           rules__0__posterior={"endpoint": "dfr", "arm": "each", "among_best": 1})],
    "PosteriorQuestion.expected_rank": [
        to("several", "rules/0/posterior/expected_rank", GONE, "refused",
           rules__0__posterior={"endpoint": "dfr", "arm": "each", "expected_rank": True}),
        Case("several", {"rules/0/posterior": {"endpoint": "dfr", "arm": "each",
                                               "expected_rank": True}, "rules/0/below": 0.4})],
    "PosteriorQuestion.remains_at": [to("lasting", "rules/2/posterior/remains_at", 2.0),
                                     to("lasting", "rules/2/posterior/remains_at", GONE)],
    "PosteriorQuestion.best": [Case("several", {"rules/0/posterior/best": GONE,
                                                "rules/0/posterior/above": 0.3}),
                               Case("direct", {RULE: {"endpoint": "dfr", "arm": "cart",
                                                      "best": True}, "rules/2": GONE}, "told")],
    "EarlyMonths.from": [to("early", "prediction/dfr/from", [3.0, 6.0]),
                         to("early", "prediction/dfr/from", [9.0], "refused")],
    "EarlyMonths.prior": [to("early", "prediction/dfr/prior", 5.0)],
    "EarlyMonths.counts": [to("early", "prediction/dfr/counts", "all"),
                           to("early", "prediction/dfr/counts", "both", "refused")],
    "PredictiveQuestion.rule": [to("direct", "rules/2/predictive/rule", "other",
                                   rules__0=OTHER_RULE, endpoints__infection=GONE,
                                   analysis__infection=GONE, scenarios__works__infection=GONE,
                                   scenarios__none__infection=GONE)],
    "PredictiveQuestion.with": [to("direct", "rules/2/predictive/with", "enrolled")],
    "MultiArm.ends": [to("several", "multiarm", {"ends": "first_success"}),
                      to("direct", "multiarm", {"ends": "first_success"}, "told")],
    "Crossover.from": [Case("course", SWAPPED), to("course", "crossover/from", "s", "refused")],
    "Crossover.to": [Case("course", SWAPPED), to("course", "crossover/to", "soc", "refused")],
    "Crossover.after_month": [to("course", "crossover/after_month", 8)],
    "Crossover.strategy": [to("course", "crossover/strategy", "treatment_policy")],
    "Calibration.type_one_error": [
        to("direct", "calibration/type_one_error", 0.05, "told",
           calibration={"type_one_error": 0.025}, rules__1__at_least="calibrate")],
    "Calibration.null_region": [
        to("direct", "calibration/null_region", {"soc": [0.2, 0.4]}, "told",
           calibration={"type_one_error": 0.025}, rules__1__at_least="calibrate")],
    "Calibration.confidence": [
        to("direct", "calibration/confidence", "estimate", "told",
           calibration={"type_one_error": 0.025}, rules__1__at_least="calibrate")],
    "Calibration.held": [
        to("several", "calibration/held", "by_claim", "told",
           calibration={"type_one_error": 0.025, "held": "family_wise",
                        "null_region": {"soc": [0.1, 0.3]}}),
        to("direct", "calibration/held", "by_claim", "refused",
           calibration={"type_one_error": 0.025}, rules__1__at_least="calibrate")],
    "Calibration.spend": [
        to("direct", "calibration/spend", [0.002, 0.025], "told",
           calibration={"type_one_error": 0.025, "spend": [0.01, 0.025]},
           rules__1__at_least="calibrate")],
    "Calibration.shares": [
        to("direct", "calibration/shares", {"efficacy": 1.0}, "refused",
           calibration={"type_one_error": 0.025}, rules__1__at_least="calibrate")],
    "Calibration.design_prior": [
        to("direct", "calibration/design_prior", "enthusiastic", "told", **AVERAGED)],
    "Calibration.false_discovery": [
        to("direct", "calibration/false_discovery", 0.2, "told", **AVERAGED)],
    "Calibration.correct_decision": [
        to("direct", "calibration/correct_decision", 0.7, "told", **AVERAGED)],
    "Calibration.expected_loss": [
        to("direct", "calibration/expected_loss", {"false_success": 2.0, "missed": 1.0}, "told",
           **AVERAGED)],
    "Calibration.averages": [
        to("direct", "calibration/averages", {"efficacy": {"correct_decision": 0.7}}, "told",
           **AVERAGED_BY_RULE)],
    **{f"Averages.{key}": [
        to("direct", "calibration/averages/efficacy", {key: value}, "told", **AVERAGED_BY_RULE)]
       for key, value in (("false_discovery", 0.2), ("correct_decision", 0.7),
                          ("expected_loss", {"false_success": 2.0, "missed": 1.0}))},
    **{f"Losses.{key}": [to("direct", f"calibration/expected_loss/{key}", 3.0, "told", **AVERAGED,
                            calibration__expected_loss={"false_success": 2.0, "missed": 1.0})]
       for key in ("false_success", "missed")},
    "Calibration.false_stop": [
        to("direct", "calibration/false_stop", FALSE_STOP, "told",
           calibration={"type_one_error": 0.025})],
    "FalseStop.at_most": [
        to("direct", "calibration/false_stop/futility/at_most", 0.2, "told",
           calibration={"type_one_error": 0.025, "false_stop": FALSE_STOP})],
    "FalseStop.scenarios": [
        to("direct", "calibration/false_stop/futility/scenarios", ["none"], "told",
           calibration={"type_one_error": 0.025, "false_stop": FALSE_STOP})],
    "Calibration.shape": [
        to("direct", "calibration/shape", "obrien_fleming", "told",
           calibration={"type_one_error": 0.025}, rules__1__at_least="calibrate")],
    "Calibration.futility": [
        to("direct", "calibration/futility", "not_binding", "told",
           calibration={"type_one_error": 0.025}, rules__1__at_least="calibrate"),
        to("direct", "calibration/futility", "not_binding", "refused",
           calibration={"type_one_error": 0.025}, rules__2=OTHER_RULE | {"name": "twice"})],
    "Calibration.not_binding": [
        to("direct", "calibration/not_binding", ["futility"], "told",
           calibration={"type_one_error": 0.025}, rules__1__at_least="calibrate")],
    "Simulation.trials": [to("direct", "simulation/trials", 200, "told")],
    "Simulation.seed": [to("direct", "simulation/seed", 3)],
    "ArmCourse.same_as": [to("course", "scenarios/expected/cart", {"same_as": "soc"})],
    "ArmCourse.infusion": [to("course", f"{ARM}/infusion", GONE)],
    "ArmCourse.remission": [to("course", f"{ARM}/remission/probability", 0.9)],
    "ArmCourse.durability": [to("course", f"{ARM}/durability", {"cured": 1.0})],
    "ArmCourse.remission_on_drugs": [to("course", "truth/soc/remission_on_drugs", GONE)],
    "ArmCourse.rescue": [to("course", "truth/soc/rescue", GONE)],
    "ArmCourse.dropout": [to("course", f"{ARM}/dropout", GONE)],
    "ArmCourse.death": [to("course", f"{ARM}/death", GONE)],
    "ArmCourse.events": [to("course", f"{ARM}/events", {"crs": 0.6}),
                         to("course", f"{ARM}/events/fever", 0.6, "told"),
                         to("course", f"{ARM}/events", GONE, "refused")],
    "ArmCourse.rates": [to("course", f"{ARM}/rates", {"infection": 0.9}),
                        to("course", f"{ARM}/rates", {"infectoin": 0.9}, "refused")],
    "ArmCourse.scores": [to("course", f"{ARM}/scores", GONE, "refused", **BY_STATE)],
    "CourseScore.baseline": [to("course", f"{ARM}/scores/mgadl/baseline", GONE, "refused",
                                **BY_STATE)],
    "CourseScore.in_remission": [to("course", f"{ARM}/scores/mgadl/in_remission", -3.0,
                                    **BY_STATE)],
    "CourseScore.otherwise": [to("course", f"{ARM}/scores/mgadl/otherwise", -3.0, **BY_STATE)],
    "CourseScore.sd": [to("course", f"{ARM}/scores/mgadl/sd", 1.0, **BY_STATE)],
    "CourseScore.correlation": [to("course", f"{ARM}/scores/mgadl/correlation", 0.1, **BY_STATE)],
    "ArmCourse.crossover": [to("course", "truth/soc/crossover", GONE, "refused"),
                            to("course", f"{ARM}/crossover", {"probability": 0.1}, "refused")],
    "ArmCourse.strata": [to("course", f"{ARM}/strata", GONE),
                         to("course", "scenarios/expected/cart", {"strata": {
                             "mild": {"remission": {"probability": 0.1}}}})],
    "Crossing.probability": [to("course", "truth/soc/crossover/probability", 0.1)],
    "Durability.cured": [to("course", f"{ARM}/durability/cured", 0.1)],
    "Durability.relapse": [to("course", f"{ARM}/durability/relapse/scale", 1.0)],
    "Hazard.per_year": [to("course", f"{ARM}/death/per_year", 0.9)],
    "Infusion.failure": [to("course", f"{ARM}/infusion/failure", 0.9)],
    "Infusion.delay": [to("course", f"{ARM}/infusion/delay/median", 3.0)],
    "Remission.probability": [to("course", f"{ARM}/remission/probability", 0.2)],
    "Remission.onset": [to("course", f"{ARM}/remission/onset/scale", 6.0)],
    "Remission.again": [to("course", f"{ARM}/remission/again", {"probability": 0.9})],
    "RemissionOnDrugs.probability": [
        to("course", "truth/soc/remission_on_drugs/probability", 0.9)],
    "RemissionOnDrugs.onset": [to("course", "truth/soc/remission_on_drugs/onset/value", 8.0)],
    "Again.probability": [to("course", f"{ARM}/remission/again/probability", 0.1,
                             truth__cart__remission__again={"probability": 0.9})],
    "Again.at_most": [to("course", f"{ARM}/remission/again/at_most", 3,
                         truth__cart__remission__again={"probability": 0.9})],
    "ArmCourse.redosing": [to("course", f"{ARM}/redosing", REDOSING)],
    "ArmCourse.taper": [to("course", f"{ARM}/taper", TAPER)],
    "ArmCourse.washout": [to("course", f"{ARM}/washout", WASHOUT)],
    "Taper.months": [to("course", f"{ARM}/taper/months/value", 3.0, truth__cart__taper=TAPER)],
    "Taper.again": [to("course", f"{ARM}/taper/again", True, truth__cart__taper=TAPER,
                       truth__cart__redosing=REDOSING)],
    "Washout.months": [to("course", f"{ARM}/washout/months/value", 4.0,
                          truth__cart__washout=WASHOUT)],
    "Redosing.when": [redosed("when", GONE, "refused"),
                      redosed("when", "no_remission", "refused"),
                      to("course", f"{ARM}/redosing", FOR_WANT_OF_ONE,
                         truth__cart__redosing=REDOSING)],
    "Redosing.after_month": [redosed("after_month", 3.0, "refused"),
                             redosed("after_month", 3.0, **FOR_WANT_OF_ONE)],
    "Redosing.probability": [redosed("probability", 0.1)],
    "Redosing.delay": [redosed("delay/value", 3.0)],
    "Redosing.failure": [redosed("failure", 0.8)],
    "Redosing.remission": [redosed("remission", GONE, "refused")],
    "Strategies.redosing": [to("course", "endpoints/dfr/strategy", {"redosing": "composite"},
                               truth__cart__redosing=REDOSING),
                            to("course", "endpoints/time/strategy", {"redosing": "composite"},
                               truth__cart__redosing=REDOSING),
                            to("course", "endpoints/dfr/strategy", {"redosing": "hypothetical"},
                               "refused")],
    "Redosing.events": [to("course", f"{ARM}/redosing/events", {"crs": 0.9},
                           truth__cart__redosing=REDOSING, endpoints__crs__each_infusion=True)],
    "AdverseEvent.each_infusion": [to("course", "endpoints/crs/each_infusion", True,
                                      truth__cart__redosing=REDOSING | {"events": {"crs": 0.9}})],
    "Crossover.when": [to("course", "crossover/when", "relapse"),
                       to("course", "crossover/when", "no_remission", crossover__when="rescue"),
                       to("course", "crossover/when", "rescue")],
    "RemissionAfter.probability": [redosed("remission/probability", 0.1)],
    "RemissionAfter.onset": [redosed("remission/onset", {"dist": "fixed", "value": 0.2})],
    "Redosing.at_most": [to("course", f"{ARM}/redosing/at_most", 3, truth__cart__redosing=REDOSING,
                            truth__cart__durability={"cured": 0.1, "relapse": {
                                "dist": "exponential", "median": 1.0}})],
    "Exponential.dist": [time("dist", "fixed", "refused", dist="exponential", median=3.0)],
    "Exponential.rate": [time("rate", 0.9, dist="exponential", rate=0.1)],
    "Exponential.median": [time("median", 1.0, dist="exponential", median=3.0)],
    "Exponential.cured": [time("cured", 0.8, dist="exponential", median=3.0)],
    "Fixed.dist": [time("dist", "fixd", "refused", dist="fixed", value=2.0)],
    "Fixed.value": [time("value", 4.0, dist="fixed", value=2.0)],
    "Fixed.cured": [time("cured", 0.8, dist="fixed", value=2.0)],
    "Gamma.dist": [time("dist", "weibull", dist="gamma", shape=2.0, scale=4.0)],
    "Gamma.shape": [time("shape", 1.0, dist="gamma", shape=2.0, scale=4.0)],
    "Gamma.scale": [time("scale", 1.0, dist="gamma", shape=2.0, scale=4.0)],
    "Gamma.rate": [time("rate", 1.0, **GAMMA_BY_RATE)],
    "Gamma.cured": [time("cured", 0.8, **GAMMA_BY_RATE)],
    "Lognormal.dist": [time("dist", "lognorm", "refused", dist="lognormal", median=3.0, sigma=0.5)],
    "Lognormal.median": [time("median", 1.0, dist="lognormal", median=3.0, sigma=0.5),
                         to("lasting", "analysis/relapse/prior/median_months/median", 3.0)],
    "Lognormal.sigma": [time("sigma", 2.0, dist="lognormal", median=3.0, sigma=0.5),
                        to("lasting", "analysis/relapse/prior/shape/sigma", 1.0)],
    "Lognormal.cured": [time("cured", 0.8, dist="lognormal", median=3.0, sigma=0.5),
                        to("lasting", "analysis/relapse/prior/shape/cured", 0.5, "refused"),
                        to("lasting", "analysis/relapse/prior/median_months/cured", 0.5,
                           "refused")],
    "Weibull.dist": [time("dist", "gamma", dist="weibull", shape=2.0, scale=4.0)],
    "Weibull.shape": [time("shape", 0.7, dist="weibull", shape=2.0, scale=4.0)],
    "Weibull.scale": [time("scale", 1.0, dist="weibull", shape=2.0, scale=4.0)],
    "Weibull.median": [time("median", 1.0, dist="weibull", shape=2.0, median=4.0)],
    "Weibull.cured": [time("cured", 0.8, dist="weibull", shape=2.0, median=4.0)],
    "Gompertz.dist": [time("dist", "gompetz", "refused", **FADING)],
    "Gompertz.shape": [time("shape", 0.1, **FADING)],
    "Gompertz.rate": [time("rate", 0.5, **FADING)],
    "Gompertz.median": [time("median", 1.0, dist="gompertz", shape=0.05, median=4.0)],
    "Gompertz.cured": [time("cured", 0.8, **FADING)],
    "LogLogistic.dist": [time("dist", "logistic", "refused", **LATE)],
    "LogLogistic.median": [time("median", 1.0, **LATE)],
    "LogLogistic.shape": [time("shape", 0.7, **LATE)],
    "LogLogistic.cured": [time("cured", 0.8, **LATE)],
    "Piecewise.dist": [time("dist", "pieces", "refused", **WANING)],
    "Piecewise.hazards": [time("hazards", [0.02, 0.5], **WANING)],
    "Piecewise.cuts": [time("cuts", [1.0], **WANING)],
    "Piecewise.cured": [time("cured", 0.8, **WANING)],
    "Truth.dropout": [to("direct", "truth/dropout/per_year", 0.9),
                      to("course", "truth/dropout", {"per_year": 0.5}, "told")],
    "Truth.death": [Case("course", {"truth/death": {"per_year": 0.9}},
                         start={"truth/soc/death": GONE, "truth/cart/death": GONE}),
                    to("direct", "truth/death", {"per_year": 0.5}, "refused")],
    "Scenario.dropout": [to("direct", "scenarios/works/dropout", {"per_year": 0.9}),
                         to("course", "scenarios/expected/dropout", {"per_year": 0.9}, "told")],
    "Scenario.death": [Case("course", {"scenarios/expected/death": {"per_year": 0.9}},
                            start={"truth/soc/death": GONE, "truth/cart/death": GONE})],
    "Truth.correlation": [
        Case("scores", {"truth/correlation": {"mgadl": {"qmg": 0.7}}}, start=TWO_SCORES),
        to("scores", "truth/correlation", {"mgadl": {"qmg": 0.7}}, "refused")],
    "Scenario.correlation": [
        Case("scores", {"scenarios/a/correlation": {"qmg": {"mgadl": -0.7}}}, start=TWO_SCORES)],
    "Truth.time_trend": [
        to("direct", "truth/time_trend", {"dfr": {"per_year": 2.0}}),
        to("direct", "truth/time_trend", {"infection": {"per_year": 2.0}}),
        to("direct", "truth/time_trend", {"infections": {"per_year": 2.0}}, "refused")],
    "Scenario.time_trend": [
        to("direct", "scenarios/works/time_trend", {"dfr": {"cart": {"per_year": 2.0}}}),
        to("times", "scenarios/a/time_trend", {"relapse": {"cart": {"per_year": 2.0}}})],
    "TimeTrend.per_year": [drift("per_year", -2.0, per_year=2.0)],
    "TimeTrend.turns_at_month": [drift("turns_at_month", 9.0, per_year=3.0, turns_at_month=3.0)],
    "TimeTrend.step": [drift("step", -1.0, step=1.0, at_month=5.0)],
    "TimeTrend.at_month": [drift("at_month", 0.0, step=1.0, at_month=5.0),
                           drift("at_month", GONE, "refused", step=1.0,
                              at_month=5.0)],
    "TimeTrend.amplitude": [drift("amplitude", 3.0, amplitude=1.0,
                               peak_month=5.0)],
    "TimeTrend.peak_month": [drift("peak_month", 11.0, amplitude=1.0,
                                peak_month=5.0)],
    "Scenario.role": [to("direct", "scenarios/works/role", "robustness", "told")],
    "FirstPart.participants": [in_parts({"first_part/participants": 9, "looks/observed/0": 9}),
                               in_parts({"first_part/participants": 9}, "refused")],
    "FirstPart.control": [in_parts({"first_part/control": True})],
    "FirstPart.counts": [in_parts({"first_part/counts": True}),
                         in_parts({"first_part/counts": ["dfr"]}),
                         in_parts({"first_part/counts": ["dfrr"]}, "refused")],
    "FirstPart.pause": [in_parts({"first_part/pause": 3.0})],
    "Truth.mixture": [
        to("direct", "truth/mixture", {"new": {"share": 0.5, "dfr": {"soc": 0.9}}}),
        to("direct", "truth/mixture", {"new": {"dfr": {"soc": 0.9}}}, "refused")],
    "Scenario.mixture": [
        to("course", "scenarios/none/mixture",
           {"new": {"share": 0.5, "soc": {"remission": {"probability": 0.9}}}})],
    "MixturePart.share": [mixed("share", 0.9), mixed("share", [{"from": 0.0, "share": 0.8}])],
    "MixturePart.dropout": [mixed("dropout", {"per_year": 4.0})],
    "MixturePart.death": [
        mixed("death", {"per_year": 4.0}, "refused"),
        Case("course", {"truth/mixture/new/death": {"per_year": 4.0}},
             start={"truth/mixture/new": {"share": 0.5, "dropout": {"per_year": 0.2}},
                    "truth/soc/death": GONE, "truth/cart/death": GONE}),
    ],
    "SharePoint.from": [mixed("share/1/from", 3.0, share=STEPS_OF_SHARE),
                        mixed("share/0/from", 3.0, "refused", share=STEPS_OF_SHARE)],
    "SharePoint.at": [mixed("share/1/at", 2.0, share=LINE_OF_SHARE)],
    "SharePoint.share": [mixed("share/1/share", 0.1, share=LINE_OF_SHARE)],
}  # fmt: skip
# the same tables, with every key optional, where a scenario or a stratum lays them over others
SAME = {
    "ArmCourseChange": "ArmCourse",
    "InfusionChange": "Infusion",
    "RemissionChange": "Remission",
    "RemissionOnDrugsChange": "RemissionOnDrugs",
    "AgainChange": "Again",
    "RedosingChange": "Redosing",
    "RemissionAfterChange": "RemissionAfter",
    "TaperChange": "Taper",
    "WashoutChange": "Washout",
    "CourseScoreChange": "CourseScore",
    "DurabilityChange": "Durability",
}
PARAMETERS = (
    "Exponential", "Fixed", "Gamma", "Gompertz", "LogLogistic", "Lognormal", "Piecewise", "Weibull",
)  # fmt: skip


def keys_of_the_schema() -> dict[str, set[str]]:
    document = schema()
    tables = {"": document, **document["$defs"]}
    return {name: set(table.get("properties", {})) for name, table in tables.items()}


def test_every_key_has_an_entry() -> None:
    tables = keys_of_the_schema()
    parameters = set().union(*(tables[name] for name in PARAMETERS)) - {"dist"}
    assert tables.pop("Parameters") == parameters
    for name, like in SAME.items():
        assert tables.pop(name) == tables[like]
    keys = {f"{table}.{key}" for table, names in tables.items() for key in names}
    assert sorted(keys - KEYS.keys()) == [], "a new key: show what it changes"
    assert sorted(KEYS.keys() - keys) == [], "a key that is gone"


CASES = [(key, case) for key, cases in KEYS.items() for case in cases]


@pytest.mark.parametrize(
    ("key", "case"),
    CASES,
    ids=[f"{key}-{case.base}-{case.seen}-{number}" for number, (key, case) in enumerate(CASES)],
)
def test_a_key_is_never_ignored(key: str, case: Case) -> None:
    assert_seen(case)


# ── every question that a rule can ask, of every model and endpoint ───────────────────────────
TABLES: dict[str, Any] = {
    "beta_binomial": {"model": "beta_binomial"},
    "logistic": tomllib.loads(STRATA)["analysis"]["dfr"],
    "hierarchical_logistic": HIERARCHICAL,
    "piecewise_exponential": tomllib.loads(TIMES)["analysis"]["relapse"],
    "stratified_piecewise_exponential": {
        **tomllib.loads(TIMES)["analysis"]["relapse"],
        "model": "stratified_piecewise_exponential",
    },
    "weibull_cure": tomllib.loads(LASTING)["analysis"]["relapse"],
    "gamma_poisson": {"model": "gamma_poisson", "prior": {"a": 1.0, "b": 1.0}},
    "restricted_mean": MONTHS_IN_REMISSION,
    "normal": {"model": "normal", "spread": {"sd": 2.0, "worth": 2.0}},
    "normal_visits": {"model": "normal_visits"},
    "proportions_test": {"model": "proportions_test"},
    "logrank_test": {"model": "logrank_test"},
    "dirichlet": {"model": "dirichlet", "prior": {"each": 0.5}},
    "proportional_odds": ODDS,
}
ASKED_OF: dict[str, str] = {
    "landmark": "dfr",
    "time_in_remission": "time",
    "time_to_relapse": "relapse",
    "adverse_event": "crs",
    "event_rate": "infection",
    "time_to_event": "event",
    "ordinal": "outcome",
    "continuous": "mgadl",
}
LEVEL: dict[str, Any] = {"arm": "cart", "above": 0.3}
QUESTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # the question, and a change of it that has to move a number
    "level": (LEVEL, {"above": 0.5}),
    "level below": ({"arm": "cart", "below": 0.3}, {"below": 0.5}),
    "other arm": (LEVEL, {"arm": "soc"}),
    "difference": ({**LEVEL, "minus": "soc"}, {"minus": GONE}),
    "difference above": ({**LEVEL, "minus": "soc"}, {"above": 0.0}),
    "hazard ratio": ({"arm": "cart", "hazard_ratio_to": "soc", "below": 1.0}, {"below": 0.7}),
    "hazard ratio above": ({"arm": "cart", "hazard_ratio_to": "soc", "below": 1.0},
                           {"below": GONE, "above": 1.3}),
    "remaining": ({**LEVEL, "remains_at": 3.0}, {"remains_at": 9.0}),
    "remaining difference": ({**LEVEL, "minus": "soc", "remains_at": 3.0}, {"remains_at": GONE}),
    "remaining value": ({**LEVEL, "remains_at": 3.0}, {"above": 0.9}),
    "stratum": (LEVEL, {"stratum": "mild"}),
    "other stratum": ({**LEVEL, "stratum": "mild"}, {"stratum": "hard"}),
    "hazard ratio in a stratum": ({"arm": "cart", "hazard_ratio_to": "soc", "below": 1.0},
                                  {"stratum": "mild"}),
    "better": ({"arm": "cart", "better_than": "soc", "above": 0.5}, {"above": 0.6}),
    "better below": ({"arm": "cart", "better_than": "soc", "below": 0.5}, {"below": 0.4}),
    "worse": ({"arm": "cart", "better_than": "soc", "above": 0.5},
              {"arm": "soc", "better_than": "cart"}),
    "better in a stratum": ({"arm": "cart", "better_than": "soc", "above": 0.5},
                            {"stratum": "mild"}),
    "reaches": ({**LEVEL, "reaches": "no_remission"}, {"reaches": "remission"}),
    "reaches difference": ({**LEVEL, "minus": "soc", "reaches": "no_remission"}, {"minus": GONE}),
    "beyond": ({**LEVEL, "beyond": 0.0}, {"beyond": -4.0}),
    "beyond difference": ({**LEVEL, "minus": "soc", "beyond": 0.0}, {"minus": GONE}),
    "common odds ratio": ({"arm": "cart", "common_odds_ratio_to": "soc", "above": 1.0},
                          {"above": 1.4}),
    "common odds ratio in a stratum": (
        {"arm": "cart", "common_odds_ratio_to": "soc", "above": 1.0}, {"stratum": "mild"}),
    "remaining in a stratum": ({**LEVEL, "remains_at": 3.0}, {"stratum": "mild"}),
    "ratio": ({"arm": "cart", "ratio_to": "soc", "above": 1.5}, {"above": 3.0}),
    "odds ratio": ({"arm": "cart", "odds_ratio_to": "soc", "above": 1.5},
                   {"odds_ratio_to": GONE, "ratio_to": "soc"}),
    "median": ({"arm": "cart", "median": True, "above": 6.0}, {"above": 12.0}),
    "median ratio": ({"arm": "cart", "median": True, "ratio_to": "soc", "above": 1.2},
                     {"ratio_to": GONE, "minus": "soc"}),
    "restricted mean": ({"arm": "cart", "restricted_mean": 6.0, "above": 4.0},
                        {"restricted_mean": 12.0}),
    "restricted mean in a stratum": ({"arm": "cart", "restricted_mean": 6.0, "above": 4.0},
                                     {"stratum": "mild"}),
}  # fmt: skip
FIRST = ("level", "difference", "hazard ratio", "remaining")  # one of which any model answers
FITS = {
    ("beta_binomial", "landmark"), ("beta_binomial", "adverse_event"),
    ("logistic", "landmark"), ("logistic", "adverse_event"),
    ("hierarchical_logistic", "landmark"), ("hierarchical_logistic", "adverse_event"),
    ("piecewise_exponential", "time_to_event"), ("piecewise_exponential", "time_to_relapse"),
    ("stratified_piecewise_exponential", "time_to_event"),
    ("stratified_piecewise_exponential", "time_to_relapse"),
    ("weibull_cure", "time_to_event"), ("weibull_cure", "time_to_relapse"),
    ("gamma_poisson", "event_rate"), ("restricted_mean", "time_in_remission"),
    ("normal", "continuous"), ("normal_visits", "continuous"),
    ("proportions_test", "landmark"), ("proportions_test", "adverse_event"),
    ("logrank_test", "time_to_event"), ("logrank_test", "time_to_relapse"),
    ("dirichlet", "ordinal"), ("proportional_odds", "ordinal"),
}  # fmt: skip


def asking(model: str, endpoint: str, question: dict[str, Any]) -> dict[str, Any]:
    """The course with one rule, which asks something of one endpoint by one model."""
    raw = tomllib.loads(COURSE)
    del raw["crossover"], raw["truth"]["soc"]["crossover"]
    raw["endpoints"]["event"] = {"type": "time_to_event", "horizon": 18.0}
    raw["truth"]["event"] = {
        "soc": {"dist": "exponential", "median": 6.0},
        "cart": {"dist": "exponential", "median": 9.0},
    }
    raw["endpoints"]["outcome"] = {
        "type": "ordinal",
        "month": 9,
        "categories": OF_A_COURSE,
        "scores": [0.0, 0.3, 0.6, 1.0],
    }
    raw["endpoints"]["mgadl"] = {"type": "continuous", "visits": [1.0, 3.0], "better": "lower"}
    raw["truth"]["mgadl"] = tomllib.loads(SCORES)["truth"]["mgadl"]
    name = ASKED_OF[endpoint]
    raw["analysis"] = {name: copy.deepcopy(TABLES[model])}
    asked = {"endpoint": name, **{k: v for k, v in question.items() if v is not GONE}}
    raw["rules"] = [
        {"name": "asked", "then": "stop_for_safety", "posterior": asked, "at_least": 0.99}
    ]
    return raw


def test_every_model_and_endpoint_is_tried() -> None:
    assert TABLES.keys() == ANALYSES.keys()
    assert ASKED_OF.keys() == KINDS.keys()
    for model, endpoint in itertools.product(TABLES, ASKED_OF):
        kinds = (QUESTIONS[name][0] for name in FIRST)
        fit = any(_fits(asking(model, endpoint, question)) for question in kinds)
        assert fit == ((model, endpoint) in FITS), (model, endpoint)


def _fits(raw: dict[str, Any]) -> bool:
    try:
        Design(**raw)
    except DesignError:
        return False
    return True


@pytest.mark.parametrize(("model", "endpoint"), sorted(FITS))
def test_what_a_rule_asks_is_what_it_is_told(model: str, endpoint: str) -> None:
    """Every part of a question that is not refused moves a probability."""
    ignored = []
    for name, (question, change) in QUESTIONS.items():
        before = asking(model, endpoint, question)
        after = asking(model, endpoint, {**question, **change})
        if _fits(before) and _fits(after) and answers(before) == answers(after):
            ignored.append(name)
    assert ignored == []


@cache
def _answers(text: str) -> tuple[float, ...]:
    design = Design(**json.loads(text))
    plan, truth = Plan.of(design), truths_of(design)["expected"]
    targets = (0.1,) * len(plan.estimands)
    # two trials where drawing takes long
    long = bool(list(cost_of_draws(plan, 100_000, 1)))
    block = run_block(plan, truth, targets, latents_for(design, 1, 0, 2 if long else 4))
    asked = np.concatenate([record.probabilities["asked"].ravel() for record in block.looks])
    return tuple(asked[~np.isnan(asked)])


def answers(raw: dict[str, Any]) -> tuple[float, ...]:
    """What the one rule is told at every look of a few trials."""
    found = _answers(json.dumps(raw, sort_keys=False))
    assert len(found) >= 2
    return found


THEN = {
    "strata": ("declare_success", "declare_futility", "stop_for_safety", "stop_enrolment",
               "close_stratum"),
    "several": ("declare_success", "declare_futility", "stop_for_safety", "stop_enrolment",
                "drop_arm", "choose_arm"),
}  # fmt: skip


@pytest.mark.parametrize("base", THEN)
def test_every_consequence_is_another(base: str) -> None:
    runs = {then: (*found(laid(base, {"rules/0/then": then})).each(),) for then in THEN[base]}
    assert len(set(runs.values())) == len(runs)
    at_the_end = {name for name, decision in DECISIONS.items() if decision.at_the_end}
    assert set(itertools.chain.from_iterable(THEN.values())) == set(DECISIONS) - at_the_end
    assert all(f'"{then}"' in template("all_keys") for then in DECISIONS)


# ── what follows, and when it is judged, of every model and endpoint ──────────────────────────
OF_EVERY_MODEL = THEN["strata"]  # an arm is dropped where there are several


def holding(model: str, endpoint: str, **rule: Any) -> dict[str, Any]:
    """The course with one rule that holds as soon as it is judged."""
    questions = (QUESTIONS[name][0] for name in FIRST)
    raw = next(raw for question in questions if _fits(raw := asking(model, endpoint, question)))
    stratum = {"stratum": "each"} if rule.get("then") == "close_stratum" else {}
    asked = {**raw["rules"][0]["posterior"], **stratum}
    raw["rules"] = [{**raw["rules"][0], "posterior": asked, "at_least": 1e-9, **rule}]
    return raw


def ends(raw: dict[str, Any]) -> tuple[Any, ...]:
    """How a few trials ended, when, with how many, and what was closed by then."""
    design = Design(**raw)
    plan, truth = Plan.of(design), truths_of(design)["expected"]
    targets = (0.1,) * len(plan.estimands)
    block = run_block(plan, truth, targets, latents_for(design, 1, 0, 4))
    standing = block.standing
    kept = (standing.reason, standing.closed, standing.enrolled, block.between, block.months)
    return tuple(values.tobytes() for values in kept)


@pytest.mark.parametrize(("model", "endpoint"), sorted(FITS))
def test_every_consequence_follows_whatever_is_asked(model: str, endpoint: str) -> None:
    runs = {then: ends(holding(model, endpoint, then=then)) for then in OF_EVERY_MODEL}
    assert len(set(runs.values())) == len(runs), "two decisions end trials alike"


@pytest.mark.parametrize(("model", "endpoint"), sorted(FITS))
def test_a_rhythm_between_looks_is_kept_whatever_is_asked(model: str, endpoint: str) -> None:
    runs = [ends(holding(model, endpoint, **rhythm)) for rhythm in ({}, {"every": 3}, {"every": 7})]
    assert len(set(runs)) == len(runs)
