"""Wrong designs: every problem at once, each on a line of its own that says what to type."""

from __future__ import annotations

import copy
import datetime
import pickle
import random
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from adaptive_cart.cli import main
from adaptive_cart.design.arms import Arm
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import digest_of, load_design
from adaptive_cart.design.rule_tables import Rule
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.errors import DesignError
from adaptive_cart.telling.check import described

DESIGNS = sorted((Path(__file__).parents[2] / "designs").glob("*.toml"))
NAN, INF = float("nan"), float("inf")


class Gone:
    """Stands for a key that is left out."""

    def __repr__(self) -> str:
        return "gone"


GONE = Gone()

# Truth said directly, one binary endpoint.
DIRECT = """
name = "Direct"

[arms.soc]
control = true
[arms.cart]
product = "autologous"
allocation = 2

[randomisation]
block = 6

[endpoints.dfr]
type = "landmark"
month = 12

[analysis.dfr]
model = "beta_binomial"
prior.soc = { mixture = [{ weight = 0.8, a = 1.2, b = 38.8 }, { weight = 0.2, a = 1.0, b = 1.0 }] }
prior.cart = { a = 0.5, b = 0.5 }

[enrolment]
max_n = 150
per_month = { ramp_months = 6, plateau = 3.0 }

[looks]
observed = [60, 105, 150]

[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.0 }
at_least = 0.985

[[rules]]
name = "futility"
then = "declare_futility"
predictive = { rule = "efficacy" }
below = 0.05
looks = [1, 2]

[truth]
dropout = { per_year = 0.05 }

[scenarios.null]
dfr = { soc = 0.10, cart = 0.10 }
[scenarios.expected]
dfr = { soc = 0.10, cart = 0.35 }

[calibration]
type_one_error = 0.025
null_region = { soc = [0.02, 0.30] }

[simulation]
trials = 1000
seed = 1
"""

# A participant course in two strata.
COURSE = """
name = "Course"

[arms.soc]
control = true
product = "standard_of_care"
[arms.cart]
product = "autologous"

[strata]
sle = 0.6
ssc = 0.4

[endpoints.dfr]
type = "landmark"
month = 12
sustained_from = 9
[endpoints.relapse]
type = "time_to_relapse"
horizon = 36
[endpoints.crs3]
type = "adverse_event"
within_months = 1.0
[endpoints.infection]
type = "event_rate"

[analysis.relapse]
model = "weibull_cure"
prior.cured = { dist = "beta", a = 2.0, b = 2.0 }
prior.median_months = { dist = "lognormal", median = 12.0, sigma = 0.7 }
prior.shape = { dist = "lognormal", median = 1.2, sigma = 0.3 }

[enrolment]
max_n = 90
per_month = 3

[looks]
enrolled = [60, 90]
final = "all_observed"

[[rules]]
name = "safety"
then = "stop_for_safety"
posterior = { endpoint = "crs3", arm = "cart", above = 0.15 }
at_least = [0.95, 0.9, 0.85]

[[rules]]
name = "one_disease"
then = "close_stratum"
posterior = { endpoint = "dfr", arm = "each", minus = "soc", above = 0.1, stratum = "each" }
below = 0.1

[truth.soc]
remission = { probability = 0.03, onset = { dist = "weibull", shape = 1.5, scale = 5.0 } }
durability = { cured = 0.05, relapse = { dist = "exponential", median = 9.0 } }
rescue = { per_year = 0.35 }
rates = { infection = 0.07 }
[truth.cart]
infusion = { failure = 0.05, delay = { dist = "lognormal", median = 1.3, sigma = 0.30 } }
remission = { probability = 0.66, onset = { dist = "weibull", shape = 1.5, scale = 2.5 } }
durability = { cured = 0.70, relapse = { dist = "weibull", shape = 1.5, median = 18.0 } }
dropout = { per_year = 0.06 }
events = { crs3 = 0.015, icans3 = 0.015 }
rates = { infection = 0.10 }
strata.ssc.remission.probability = 0.45

[scenarios.expected]
[scenarios.null]
cart = { same_as = "soc" }
[scenarios.waning]
role = "robustness"
cart.remission.probability = 0.76
cart.durability.relapse.median = 8.0
"""

BASES = {"direct": DIRECT, "course": COURSE}


def tables(base: str) -> dict[str, Any]:
    return tomllib.loads(BASES[base])


def changed(raw: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Set what stands at each path; numbers are positions in a list."""
    for path, value in changes.items():
        *around, last = [int(step) if step.isdigit() else step for step in path.split("/")]
        inner: Any = raw
        for step in around:
            inner = inner.setdefault(step, {}) if isinstance(inner, dict) else inner[step]
        if value is GONE:
            del inner[last]
        else:
            inner[last] = value
    return raw


def found(raw: dict[str, Any]) -> list[tuple[str, str]]:
    """Path and message of every problem, after looking at what is true of every answer."""
    with pytest.raises(DesignError) as caught:
        Design(**raw)
    problems = caught.value.problems
    assert len(set(problems)) == len(problems)
    assert all(problem.path and problem.message for problem in problems)
    assert str(caught.value).splitlines() == [str(problem) for problem in problems]
    return [(problem.path, problem.message) for problem in problems]


def test_the_bases_are_sound() -> None:
    for base in BASES:
        assert len(truths_of(Design(**tables(base)))) == len(tables(base)["scenarios"])


# ── one mistake, one line ─────────────────────────────────────────────────────────────────────
UNKNOWN = [
    ("direct", "nmae", "nmae", "name"),
    ("direct", "arms/cart/alocation", "arms.cart.alocation", "allocation"),
    ("course", "strata_", "strata_", "strata"),
    ("direct", "randomisation/blocks", "randomisation.blocks", "block"),
    ("direct", "endpoints/dfr/mnth", "endpoints.dfr.mnth", "month"),
    ("direct", "analysis/dfr/priors", "analysis.dfr.priors", "prior"),
    ("direct", "analysis/dfr/prior/crt", "analysis.dfr.prior.crt", "cart"),
    (
        "direct",
        "analysis/dfr/prior/soc/mixture/0/wieght",
        "analysis.dfr.prior.soc.mixture[0].wieght",
        "weight",
    ),
    ("course", "analysis/relapse/prior/curred", "analysis.relapse.prior.curred", "cured"),
    (
        "course",
        "analysis/relapse/prior/shape/sigm",
        "analysis.relapse.prior.shape.sigm",
        "sigma",
    ),
    ("direct", "enrolment/max_N", "enrolment.max_N", "max_n"),
    ("direct", "enrolment/per_month/plateu", "enrolment.per_month.plateu", "plateau"),
    ("direct", "looks/fnal", "looks.fnal", "final"),
    ("direct", "rules/1/evry", "rules[1].evry", "every"),
    ("course", "rules/1/posterior/strtum", "rules[1].posterior.strtum", "stratum"),
    ("direct", "rules/1/predictive/wth", "rules[1].predictive.wth", "with"),
    ("direct", "calibration/type1_error", "calibration.type1_error", "type_one_error"),
    ("direct", "calibration/null_region/sok", "calibration.null_region.sok", "soc"),
    ("direct", "simulation/trails", "simulation.trails", "trials"),
    ("direct", "truth/dropout/per_yaer", "truth.dropout.per_yaer", "per_year"),
    ("course", "truth/crat", "truth.crat", "cart"),
    ("course", "truth/cart/remision", "truth.cart.remision", "remission"),
    ("course", "truth/cart/infusion/failur", "truth.cart.infusion.failur", "failure"),
    ("course", "truth/cart/infusion/delay/sigm", "truth.cart.infusion.delay.sigm", "sigma"),
    ("course", "truth/cart/strata/sle_/rescue", "truth.cart.strata.sle_", "sle"),
    (
        "course",
        "truth/cart/strata/ssc/remission/onste",
        "truth.cart.strata.ssc.remission.onste",
        "onset",
    ),
    (
        "course",
        "scenarios/waning/cart/remission/probabilty",
        "scenarios.waning.cart.remission.probabilty",
        "probability",
    ),
    ("course", "scenarios/waning/cart/reskue", "scenarios.waning.cart.reskue", "rescue"),
    ("course", "scenarios/waning/cart/events/csr3", "scenarios.waning.cart.events.csr3", "crs3"),
    ("course", "scenarios/waning/rle", "scenarios.waning.rle", "role"),
    ("direct", "scenarios/null/dfrr", "scenarios.null.dfrr", "dfr"),
    ("direct", "scenarios/null/dfr/crat", "scenarios.null.dfr.crat", "cart"),
]


RIGHT_VALUE = {
    "soc": [0.1, 0.2],
    "final": "all_observed",
    "every": 10,
    "with": "max_n",
    "rescue": {"per_year": 0.1},
    "crs3": 0.1,
}


@pytest.mark.parametrize(("base", "place", "path", "right"), UNKNOWN)
def test_an_unknown_key_is_told_with_the_nearest_right_one(
    base: str, place: str, path: str, right: str
) -> None:
    value = {"a": 1.0, "b": 1.0} if "prior/crt" in place else RIGHT_VALUE.get(right, {})
    [(told, message)] = found(changed(tables(base), {place: value}))
    assert told == path
    assert f"did you mean '{right}'?" in message


@pytest.mark.parametrize(
    ("base", "place", "key", "path"),
    [
        ("direct", "", "enrolment", "enrollment"),
        ("direct", "", "scenarios", "scenario"),
        ("direct", "", "rules", "rule"),
        ("direct", "endpoints/dfr", "month", "mnth"),
        ("direct", "endpoints/dfr", "type", "typ"),
        ("direct", "looks", "observed", "observd"),
        ("direct", "rules/0", "at_least", "at_leest"),
        ("direct", "rules/0", "posterior", "posteror"),
        ("direct", "rules/0", "name", "nam"),
        ("direct", "rules/0/posterior", "endpoint", "endpont"),
        ("direct", "rules/0/posterior", "above", "abov"),
        ("direct", "rules/1/predictive", "rule", "rul"),
        ("direct", "scenarios/null", "dfr", "drf"),
        ("direct", "scenarios/null/dfr", "cart", "crat"),
        ("course", "truth/cart", "remission", "remision"),
        ("course", "truth/soc/durability/relapse", "dist", "dst"),
        ("course", "truth/soc/durability/relapse", "median", "medain"),
        ("course", "scenarios/null/cart", "same_as", "sameas"),
    ],
)
def test_a_misspelt_key_is_read_as_the_right_one(
    base: str, place: str, key: str, path: str
) -> None:
    """Nothing is missing as well, nothing that refers to it is wrong as well."""
    raw = tables(base)
    inner: Any = raw
    for step in filter(None, place.split("/")):
        inner = inner[int(step) if step.isdigit() else step]
    inner[path] = inner.pop(key)
    [(told, message)] = found(raw)
    assert told.endswith(path)
    assert f"did you mean '{key}'?" in message


WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    # types
    ("direct", {"name": 3}, "name", "found 3; text in quotes is expected"),
    ("direct", {"enrolment/max_n": 40.7}, "enrolment.max_n", "found 40.7; a whole number"),
    ("direct", {"enrolment/max_n": 150.0}, "enrolment.max_n", "(write 150)"),
    ("direct", {"enrolment/max_n": "150"}, "enrolment.max_n", 'found "150"; a whole number'),
    ("direct", {"enrolment/max_n": True}, "enrolment.max_n", "found true; a whole number"),
    ("direct", {"enrolment/max_n": {}}, "enrolment.max_n", "found {}; a whole number"),
    ("direct", {"rules/0/at_least": "0.99"}, "rules[0].at_least", "(without quotes)"),
    ("direct", {"rules/0/at_least": True}, "rules[0].at_least", "found true; a number"),
    ("direct", {"rules/0/at_least": {}}, "rules[0].at_least.alpha", "missing; a number"),
    ("direct", {"looks/observed": "60"}, "looks.observed", 'found "60"; a list of whole numbers'),
    ("direct", {"looks/observed": [60, 61.5]}, "looks.observed[1]", "found 61.5; a whole number"),
    ("direct", {"arms/soc/control": 1}, "arms.soc.control", "found 1; true or false"),
    ("direct", {"arms/soc/control": "yes"}, "arms.soc.control", "true or false"),
    ("direct", {"arms": []}, "arms", "write [arms.NAME]"),
    ("direct", {"arms/soc": 3}, "arms.soc", "found 3; a table is expected"),
    ("direct", {"endpoints": [{"name": "dfr"}]}, "endpoints", "write [endpoints.NAME]"),
    ("direct", {"endpoints/dfr": 12}, "endpoints.dfr", "found 12; a table { type = "),
    ("direct", {"enrolment": [{"max_n": 3}]}, "enrolment", "(its header in single brackets)"),
    ("direct", {"enrolment/per_month": "3"}, "enrolment.per_month", "a table { ramp_months"),
    # enrolment
    ("direct", {"enrolment/per_month": GONE}, "enrolment.per_month", "[enrolment.sites.NAME]"),
    (
        "direct",
        {"enrolment/sites": {"one": {"per_month": 2.0}}},
        "enrolment.per_month",
        "given beside `sites`",
    ),
    ("direct", {"enrolment/per_month": []}, "enrolment.per_month", "at least one piece"),
    (
        "direct",
        {"enrolment/per_month": [{"from": 1, "rate": 2.0}]},
        "enrolment.per_month[0].from",
        "found 1; the first piece begins at 0",
    ),
    (
        "direct",
        {"enrolment/per_month": [{"from": 0, "rate": 2.0}, {"from": 0, "rate": 3.0}]},
        "enrolment.per_month[1].from",
        "found 0; later than the piece before it",
    ),
    (
        "direct",
        {"enrolment/per_month": [{"from": 0, "rate": 2.0}, {"from": 5, "rate": 0.0}]},
        "enrolment.per_month[1].rate",
        "found 0; the last piece goes on without end",
    ),
    (
        "direct",
        {"enrolment/per_month": GONE, "enrolment/sites": {"one": {"per_month": 2.0, "closes": 5}}},
        "enrolment.sites",
        "every site closes",
    ),
    (
        "direct",
        {"enrolment/holds": [{"from": 5, "until": 4}]},
        "enrolment.holds[0].until",
        "found 4; the hold begins at month 5",
    ),
    (
        "direct",
        {"enrolment/holds": {"from": 5, "until": 6}},
        "enrolment.holds",
        "a list of tables { from = …, until = … }",
    ),
    (
        "direct",
        {"enrolment/screening": {"failure": 1.0}},
        "enrolment.screening.failure",
        "less than 1",
    ),
    (
        "direct",
        {"enrolment/screening": {"lag": {"dist": "exponential", "median": 3.0, "cured": 0.2}}},
        "enrolment.screening.lag",
        "some would wait for ever",
    ),
    (
        "direct",
        {"scenarios/null/enrolment": {"max_n": 40}},
        "scenarios.null.enrolment.max_n",
        "allowed: per_month, sites, holds, screening",
    ),
    (
        "direct",
        {"scenarios/null/enrolment": {"per_month": [{"from": 0, "rate": 0.0}]}},
        "scenarios.null.enrolment.per_month[0].rate",
        "the last piece goes on without end",
    ),
    ("direct", {"truth/enrolment": {"per_month": 2.0}}, "truth.enrolment", "neither an arm nor"),
    ("direct", {"rules": {"name": "x"}}, "rules", "write each rule as [[rules]]"),
    ("direct", {"rules/0/posterior": "x"}, "rules[0].posterior", 'found "x"; a table'),
    ("direct", {"scenarios/null/dfr": 0.1}, "scenarios.null.dfr", "{ soc = …, cart = … }"),
    ("direct", {"scenarios/null/dfr/soc": "0.1"}, "scenarios.null.dfr.soc", "(without quotes)"),
    ("direct", {"scenarios/null/dfr/soc": True}, "scenarios.null.dfr.soc", "found true"),
    ("direct", {"truth/dropout": 0.05}, "truth.dropout", "{ per_year = 0.05 }"),
    ("course", {"strata/sle": "0.6"}, "strata.sle", "(without quotes)"),
    ("course", {"truth/cart/rescue": 0.05}, "truth.cart.rescue", "{ per_year = 0.05 }"),
    (
        "course",
        {"truth/soc/remission/onset": 3.0},
        "truth.soc.remission.onset",
        'such as { dist = "fixed", value = 3.0 }',
    ),
    (
        "direct",
        {"enrolment/per_month": datetime.date(2026, 1, 1)},
        "enrolment.per_month",
        "2026-01-01",
    ),
    # ranges
    ("direct", {"enrolment/max_n": -3}, "enrolment.max_n", "found -3; at least 1"),
    ("direct", {"enrolment/max_n": 10**30}, "enrolment.max_n", "at most 1,000,000"),
    ("direct", {"enrolment/per_month": 0}, "enrolment.per_month", "found 0; more than 0"),
    ("direct", {"enrolment/per_month": INF}, "enrolment.per_month", "found inf; a finite number"),
    ("direct", {"rules/1/below": 1.4}, "rules[1].below", "found 1.4; at most 1 is expected"),
    ("direct", {"rules/1/below": NAN}, "rules[1].below", "found nan; a finite number"),
    ("direct", {"rules/0/at_least": [0.9, 2, 0.9]}, "rules[0].at_least[1]", "at most 1"),
    ("direct", {"endpoints/dfr/month": -1}, "endpoints.dfr.month", "found -1; more than 0"),
    ("direct", {"simulation/trials": 0}, "simulation.trials", "found 0; at least 1"),
    ("direct", {"simulation/seed": -1}, "simulation.seed", "found -1; at least 0"),
    ("direct", {"scenarios/null/dfr/soc": 1.1}, "scenarios.null.dfr.soc", "at most 1"),
    ("direct", {"scenarios/null/dfr/soc": NAN}, "scenarios.null.dfr.soc", "a finite number"),
    ("direct", {"truth/dropout/per_year": -0.1}, "truth.dropout.per_year", "at least 0"),
    ("direct", {"rules/0/posterior/above": 2.0}, "rules[0].posterior.above", "between -1 and 1"),
    ("course", {"truth/cart/infusion/failure": 1.5}, "truth.cart.infusion.failure", "at most 1"),
    ("course", {"rules/0/posterior/above": -0.2}, "rules[0].posterior.above", "between 0 and 1"),
    (
        "course",
        {"truth/cart/infusion/delay/median": -1.0},
        "truth.cart.infusion.delay.median",
        "more than 0",
    ),
    # words
    ("direct", {"arms/cart/product": "autologus"}, "arms.cart.product", "mean 'autologous'?"),
    ("direct", {"arms/cart/product": "T-cell engager"}, "arms.cart.product", "'t_cell_engager'?"),
    ("direct", {"endpoints/dfr/type": "landmrk"}, "endpoints.dfr.type", "mean 'landmark'?"),
    ("direct", {"endpoints/dfr/type": 3}, "endpoints.dfr.type", "allowed: landmark, "),
    ("direct", {"endpoints/dfr/type": ["x"]}, "endpoints.dfr.type", "allowed: landmark, "),
    ("direct", {"endpoints/dfr/type": GONE}, "endpoints.dfr.type", "missing; allowed: landmark"),
    ("direct", {"analysis/dfr/model": "beta"}, "analysis.dfr.model", "mean 'beta_binomial'?"),
    ("direct", {"randomisation/method": "permuted"}, "randomisation.method", "'permuted_blocks'?"),
    ("direct", {"randomisation": 3}, "randomisation", "found 3; a table { method = "),
    ("direct", {"enrolment/arrivals": "poison"}, "enrolment.arrivals", "mean 'poisson'?"),
    ("direct", {"rules/0/then": "declare_sucess"}, "rules[0].then", "mean 'declare_success'?"),
    (
        "direct",
        {"rules/0/posterior": {"endpoint": "dfr", "arm": "cart", "expected_rank": True}},
        "rules[0].posterior.expected_rank",
        "no truth says whether it is so",
    ),
    ("direct", {"rules/0/at_least": "calibrat"}, "rules[0].at_least", "mean 'calibrate'?"),
    ("direct", {"scenarios/null/role": "nul"}, "scenarios.null.role", "mean 'null'?"),
    (
        "course",
        {"truth/soc/remission/onset/dist": "weibul"},
        "truth.soc.remission.onset.dist",
        "mean 'weibull'?",
    ),
    (
        "course",
        {"truth/soc/remission/onset/dist": "normal"},
        "truth.soc.remission.onset.dist",
        "allowed: weibull, exponential",
    ),
    # missing
    ("direct", {"name": GONE}, "name", "missing; write name = "),
    ("direct", {"arms": GONE}, "arms", "missing; write [arms.NAME]"),
    ("direct", {"endpoints": GONE, "analysis": GONE}, "endpoints", "missing; write [endpoints"),
    ("direct", {"enrolment": GONE}, "enrolment", "missing; write [enrolment]"),
    ("direct", {"looks": GONE}, "looks", "missing; write [looks]"),
    ("direct", {"rules": GONE}, "rules", "missing; write each rule as [[rules]]"),
    ("direct", {"scenarios": GONE}, "scenarios", "missing; write [scenarios.NAME]"),
    ("direct", {"enrolment/max_n": GONE}, "enrolment.max_n", "missing; a whole number"),
    ("direct", {"endpoints/dfr/month": GONE}, "endpoints.dfr.month", "missing; a number"),
    ("direct", {"rules/0/name": GONE}, "rules[0].name", "missing; text in quotes"),
    ("direct", {"rules/0/posterior/arm": GONE}, "rules[0].posterior.arm", "the arms are soc, cart"),
    ("course", {"truth/soc/remission": GONE}, "truth.soc.remission", "missing (every scenario)"),
    (
        "course",
        {"truth/soc/durability": GONE},
        "truth.soc.durability",
        "missing (every scenario); write `durability = ",
    ),
    (
        "direct",
        {"scenarios/null/dfr/cart": GONE},
        "scenarios.null.dfr.cart",
        "missing; a number from 0 to 1",
    ),
    # empty
    ("direct", {"arms": {}}, "arms", "write [arms.NAME]"),
    ("direct", {"endpoints": {}, "analysis": {}}, "endpoints", "write [endpoints.NAME]"),
    ("direct", {"looks": {}}, "looks", "exactly one of observed, enrolled, events, months"),
    ("direct", {"looks/observed": []}, "looks.observed", "at least one look is needed"),
    ("direct", {"rules": []}, "rules", "write each rule as [[rules]]"),
    ("direct", {"rules/1/looks": []}, "rules[1].looks", "leave it out for all looks"),
    ("direct", {"rules/0/name": ""}, "rules[0].name", "an empty name"),
    ("direct", {"scenarios": {}}, "scenarios", "write [scenarios.NAME]"),
    ("direct", {"scenarios/null": {}}, "scenarios.null.dfr", "no truth feeds it; give it directly"),
    ("direct", {"strata": {}}, "strata", "leave the table out"),
    (
        "direct",
        {"analysis/dfr/prior/soc/mixture": []},
        "analysis.dfr.prior.soc.mixture",
        "at least one entry",
    ),
    # arms, strata, names
    (
        "direct",
        {"arms/soc/control": False},
        "arms",
        'no arm has `control = true`, and "soc" is only',
    ),
    ("direct", {"arms/cart/control": True}, "arms", "found 2 controls (soc, cart)"),
    ("direct", {"arms/soc/product": "allogeneic"}, "arms.soc.product", "the control has product"),
    ("direct", {"randomisation/block": 4}, "randomisation.block", "needs a multiple of 3"),
    ("course", {"strata/sle": 0.5}, "strata", "the shares sum to 0.9; they must sum to 1"),
    (
        "direct",
        {"endpoints/soc": {"type": "landmark", "month": 3}},
        "endpoints.soc",
        "the name is taken by arms.soc",
    ),
    ("direct", {"strata": {"soc": 1.0}}, "strata.soc", "the name is taken by arms.soc"),
    (
        "direct",
        {"endpoints/dropout": {"type": "landmark", "month": 3}},
        "endpoints.dropout",
        "a reserved word",
    ),
    # looks
    ("direct", {"looks/observed": [60, 50]}, "looks.observed", "must be increasing"),
    ("direct", {"looks/observed": [60, 105, 200]}, "looks.observed", "200, beyond max_n = 150"),
    ("direct", {"looks/enrolled": [30]}, "looks", "found observed, enrolled; exactly one"),
    ("direct", {"looks": {"events": [9, 20, 30]}}, "looks.events", "need a time_to_event"),
    ("direct", {"looks": {"months": [0, 12, 24]}}, "looks.months[0]", "more than 0"),
    # rules
    ("direct", {"rules/0/posterior/endpoint": "x"}, "rules[0].posterior.endpoint", "are dfr"),
    ("direct", {"rules/0/posterior/arm": "crt"}, "rules[0].posterior.arm", "mean 'cart'?"),
    ("direct", {"rules/0/posterior/minus": "sok"}, "rules[0].posterior.minus", "mean 'soc'?"),
    ("direct", {"rules/0/posterior/minus": "cart"}, "rules[0].posterior.minus", "two different"),
    ("direct", {"rules/0/posterior/stratum": "sle"}, "rules[0].posterior.stratum", "no [strata]"),
    ("direct", {"rules/0/posterior/below": 0.1}, "rules[0].posterior", "found above, below"),
    ("direct", {"rules/0/posterior/above": GONE}, "rules[0].posterior", "found neither"),
    ("direct", {"rules/0/posterior/best": False}, "rules[0].posterior.best", "found false; true"),
    (
        "direct",
        {"rules/0/posterior/expected_rank": False},
        "rules[0].posterior.expected_rank",
        "found false; true is expected, or leave it out",
    ),
    (
        "direct",
        {"rules/0/posterior/remains_at": 24.0},
        "rules[0].posterior",
        "cannot be asked for the fraction remaining",
    ),
    ("direct", {"rules/0/at_least": GONE}, "rules[0]", "found neither; exactly one of at_least"),
    ("direct", {"rules/0/below": 0.5}, "rules[0]", "found at_least, below; exactly one"),
    ("direct", {"rules/1/predictive": GONE}, "rules[1]", "exactly one of posterior, predictive"),
    ("direct", {"rules/0/at_least": [0.9, 0.9]}, "rules[0].at_least", "2 values; the rule is"),
    ("direct", {"rules/0/at_least": []}, "rules[0].at_least", "found 0 values"),
    ("direct", {"rules/1/looks": [1, 9]}, "rules[1].looks", "found 9; the design has 3 looks"),
    ("direct", {"rules/1/looks": [0, 1]}, "rules[1].looks[0]", "found 0; at least 1"),
    ("direct", {"rules/1/looks": [2, 1]}, "rules[1].looks", "must be increasing"),
    ("direct", {"rules/1/looks": ["last"]}, "rules[1].looks[0]", 'or "final" is expected'),
    ("direct", {"rules/1/name": "efficacy"}, "rules[1].name", "is the name of rules[0] as well"),
    ("direct", {"rules/1/predictive/rule": "eficacy"}, "rules[1].predictive.rule", "'efficacy'?"),
    ("direct", {"rules/1/predictive/rule": "futility"}, "rules[1].predictive.rule", "no posterior"),
    ("direct", {"rules/0/looks": [1, 2]}, "rules[1].predictive.rule", "not judged at the last"),
    (
        "direct",
        {
            "analysis/dfr": {"model": "proportions_test"},
        },
        "rules[1].predictive.rule",
        "a test, which has no posterior",
    ),
    (
        "course",
        {
            "rules/0/posterior": {
                "endpoint": "crs3",
                "arm": "cart",
                "restricted_mean": 6.0,
                "above": 3.0,
            },
        },
        "rules[0].posterior",
        "model 'beta_binomial' cannot be asked for a restricted mean time; no model of "
        "'adverse_event' can; what its models can be asked: above, below, ratio_to, odds_ratio_to, "
        "best, among_best, expected_rank",
    ),
    ("direct", {"rules/0/then": "close_stratum"}, "rules[0].then", "needs [strata]"),
    (
        "course",
        {"rules/1/posterior/stratum": "open"},
        "rules[1].posterior.stratum",
        "needs the stratum that it closes: each, sle, ssc",
    ),
    (
        "course",
        {"rules/0/posterior/arm": "soc", "rules/0/then": "drop_arm"},
        "rules[0].posterior.arm",
        "the control, which cannot be dropped",
    ),
    ("course", {"rules/1/posterior/stratum": "sla"}, "rules[1].posterior.stratum", "'sle'?"),
    (
        "course",
        {
            "rules/0/posterior": {
                "endpoint": "relapse",
                "arm": "cart",
                "hazard_ratio_to": "soc",
                "below": 0.8,
            }
        },
        "rules[0].posterior",
        "cannot be asked for a hazard ratio",
    ),
    (
        "course",
        {"rules/0/posterior": {"endpoint": "infection", "arm": "cart", "above": 0.3}},
        "rules[0].posterior.endpoint",
        "write [analysis.infection]",
    ),
    # analysis
    ("direct", {"analysis/dfx": {"model": "beta_binomial"}}, "analysis.dfx", "mean 'dfr'?"),
    (
        "direct",
        {"analysis/dfr": {"model": "gamma_poisson", "prior": {"a": 1.0, "b": 1.0}}},
        "analysis.dfr.model",
        "'gamma_poisson' reads exposure, but endpoint 'dfr' of type 'landmark' gives counts",
    ),
    (
        "direct",
        {"analysis/dfr/prior/soc/mixture/0/weight": 0.5},
        "analysis.dfr.prior.soc.mixture",
        "the weights sum to 0.7; they must sum to 1",
    ),
    ("direct", {"analysis/dfr/prior/cart/b": GONE}, "analysis.dfr.prior.cart.b", "missing"),
    (
        "direct",
        {"analysis/dfr/prior/soc/a": 1.0},
        "analysis.dfr.prior.soc.a",
        "unknown key; allowed: mixture",
    ),
    # endpoints
    ("direct", {"endpoints/dfr/sustained_from": 13}, "endpoints.dfr.sustained_from", "found 13;"),
    ("direct", {"endpoints/dfr/horizon": 13}, "endpoints.dfr.horizon", 'with type = "landmark"'),
    (
        "course",
        {"endpoints/dfr/primary": True, "endpoints/crs3/primary": True},
        "endpoints",
        "found 2 primary endpoints (dfr, crs3)",
    ),
    # truth and scenarios
    (
        "direct",
        {"endpoints/late": {"type": "landmark", "month": 24}},
        "endpoints.late",
        "no truth feeds it (every scenario); give it directly as `late = { soc = …, cart = … }`",
    ),
    ("course", {"truth/cart/events": GONE}, "endpoints.crs3", "`events = { crs3 = … }`"),
    (
        "course",
        {"scenarios/waning/dfr": {"soc": 0.1, "cart": 0.2}},
        "scenarios.waning.dfr",
        "given both ways: directly, and by the `remission` of arm 'soc'",
    ),
    (
        "course",
        {"truth/dfr": {"soc": 0.1, "cart": 0.2}},
        "truth.dfr",
        "given both ways (every scenario)",
    ),
    (
        "course",
        {"scenarios/waning/relapse": {"soc": {"dist": "fixed", "value": 1.0}}},
        "scenarios.waning.relapse",
        "takes its truth from the participants' course",
    ),
    ("direct", {"truth/role": "null"}, "truth.role", "neither an arm nor an endpoint"),
    ("direct", {"scenarios/null/placebo": {}}, "scenarios.null.placebo", "neither an arm nor"),
    ("course", {"scenarios/null/cart/same_as": "sock"}, "scenarios.null.cart.same_as", "'soc'?"),
    ("course", {"scenarios/null/cart/same_as": "cart"}, "scenarios.null.cart.same_as", "itself"),
    (
        "course",
        {"scenarios/null/cart/rescue": {"per_year": 0.1}},
        "scenarios.null.cart.rescue",
        "`same_as` takes it from 'soc'",
    ),
    (
        "course",
        {"truth/soc/remission/onset/median": 3.0},
        "truth.soc.remission.onset",
        "give either 'scale' or 'median'; found both",
    ),
    (
        "course",
        {"truth/soc/remission/onset/scale": GONE},
        "truth.soc.remission.onset",
        "found neither",
    ),
    (
        "course",
        {"scenarios/waning/cart/durability/relapse": {"scale": 9.0}},
        "scenarios.waning.cart.durability.relapse",
        "found both, one of them in the table this is laid over",
    ),
    (
        "course",
        {"truth/soc/infusion": {"failure": 0.1}},
        "truth.soc.infusion",
        "has product 'standard_of_care', which is not infused",
    ),
    (
        "course",
        {"truth/cart/strata/ssc/strata": {}},
        "truth.cart.strata.ssc.strata",
        "no strata within a stratum",
    ),
    (
        "course",
        {
            "truth/cart/events": GONE,
            "truth/crs3": {"soc": 0.0, "cart": 0.1},
            "scenarios/waning/crs3": {"cart": {"sle": 0.1}},
        },
        "scenarios.waning.crs3.cart.ssc",
        "missing; a number from 0 to 1 for every stratum",
    ),
    # the rest
    ("direct", {"calibration/null_region/soc": [0.3, 0.1]}, "calibration.null_region.soc", "lower"),
    ("direct", {"calibration/null_region/soc": [0.3]}, "calibration.null_region.soc", "lower"),
    (
        "direct",
        {"calibration": GONE, "rules/0/at_least": "calibrate"},
        "calibration",
        'rules[0] asks for "calibrate": write [calibration]',
    ),
    (
        "course",
        {"truth/soc/crossover": {"probability": 0.5}},
        "truth.soc.crossover",
        'write [crossover] with from = "soc"',
    ),
    (
        "course",
        {
            "crossover": {"from": "soc", "to": "cart", "after_month": 6},
            "truth/cart/crossover": {"probability": 0.5},
        },
        "truth.cart.crossover",
        "lets participants of 'soc' cross, not of 'cart'",
    ),
    (
        "direct",
        {"crossover": {"from": "soc", "to": "soc", "after_month": 6}},
        "crossover.to",
        'found "soc" twice',
    ),
    ("direct", {"enrolment/seed": 1}, "enrolment.seed", "it belongs in [simulation]"),
    ("direct", {"max_n": 1}, "max_n", "it belongs in [enrolment]"),
    ("direct", {"looks/description": "x"}, "looks.description", "at the top of the file"),
]


@pytest.mark.parametrize(
    ("base", "changes", "path", "words"),
    [
        pytest.param(*case, id=f"{'+'.join(case[1])}={list(case[1].values())[-1]!r}")
        for case in WRONG
    ],
)
def test_one_mistake_is_one_line(base: str, changes: dict[str, Any], path: str, words: str) -> None:
    [(told, message)] = found(changed(tables(base), changes))
    assert told == path
    assert words in message


# ── many mistakes, as many lines ──────────────────────────────────────────────────────────────
PLANTED: dict[str, tuple[Any, str, str]] = {
    "arms/cart/product": ("autologus", "arms.cart.product", "(did you mean 'autologous'?)"),
    "arms/cart/allocation": (1.5, "arms.cart.allocation", "found 1.5; a whole number"),
    "randomisation/blok": (6, "randomisation.blok", "(did you mean 'block'?)"),
    "endpoints/dfr/month": ("12", "endpoints.dfr.month", 'found "12"; a number'),
    "analysis/dfr/prior/soc/mixture/1/a": (
        -1.0,
        "analysis.dfr.prior.soc.mixture[1].a",
        "found -1.0; more than 0",
    ),
    "enrolment/per_month/plateau": (NAN, "enrolment.per_month.plateau", "found nan; a finite"),
    "looks/observed": ([60, 50, 40], "looks.observed", "must be increasing"),
    "rules/0/posterior/arm": ("crat", "rules[0].posterior.arm", "(did you mean 'cart'?)"),
    "rules/0/at_least": (1.4, "rules[0].at_least", "found 1.4; at most 1 is expected"),
    "rules/1/bellow": (0.05, "rules[1].bellow", "unknown key (did you mean 'below'?)"),
    "rules/1/predictive/rule": ("eficacy", "rules[1].predictive.rule", "'efficacy'?"),
    "truth/dropout/per_year": (-1, "truth.dropout.per_year", "found -1; at least 0"),
    "scenarios/null/dfr/crat": (0.1, "scenarios.null.dfr.crat", "(did you mean 'cart'?)"),
    "scenarios/expected/dfr/soc": (True, "scenarios.expected.dfr.soc", "found true; a number"),
    "calibration/type_one_error": (0, "calibration.type_one_error", "found 0; more than 0"),
    "simulation/trials": (0, "simulation.trials", "found 0; at least 1"),
}


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    """Sixteen mistakes in eleven tables: sixteen lines, in the order of the file."""
    raw = changed(tables("direct"), {place: value for place, (value, _, _) in PLANTED.items()})
    told = found(raw)
    assert sorted(path for path, _ in told) == sorted(path for _, path, _ in PLANTED.values())
    messages = dict(told)
    for _, path, words in PLANTED.values():
        assert words in messages[path]
    order = [path.split(".")[0].split("[")[0] for path, _ in told]
    assert order == sorted(order, key=list(raw).index)


def test_each_pair_of_mistakes_is_told_in_full() -> None:
    """No mistake hides another, save where both are about the same thing."""
    places = list(PLANTED)
    for first in places:
        for second in places:
            both = {place: PLANTED[place][0] for place in (first, second)}
            told = {path for path, _ in found(changed(tables("direct"), both))}
            assert told == {PLANTED[first][1], PLANTED[second][1]}


def test_mistakes_beside_and_inside_a_misspelt_table_are_told_too() -> None:
    """At the path that is written, and not at the one that was meant."""
    raw = tables("course")
    raw["enrollment"] = {"max_n": 40.7, "per_month": "3", "arivals": "regular"}
    del raw["enrolment"]
    raw["endpoints"]["dfr"] |= {"type": "landmrk", "stat": "remission", "missing": "exclud"}
    raw["scenarios"]["waning"]["cart"]["remision"] = {"probability": 1.2}
    del raw["scenarios"]["waning"]["cart"]["remission"]
    assert {path for path, _ in found(raw)} == {
        "enrollment",
        "enrollment.max_n",
        "enrollment.per_month",
        "enrollment.arivals",
        "endpoints.dfr.type",
        "endpoints.dfr.stat",
        "endpoints.dfr.missing",
        "scenarios.waning.cart.remision",
        "scenarios.waning.cart.remision.probability",
    }


def test_a_misspelt_key_beside_the_right_one_is_not_taken_for_it() -> None:
    raw = tables("course")
    raw["truth"]["cart"]["rescue"] = {"per_year": -1}
    raw["truth"]["cart"]["rescu"] = {"per_year": 0.1}
    raw["enrolment"]["max_n"] = 40.7
    raw["enrolment"]["maxn"] = 90
    assert {path for path, _ in found(raw)} == {
        "truth.cart.rescue.per_year",
        "truth.cart.rescu",
        "enrolment.max_n",
        "enrolment.maxn",
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoints/dfr/type": "no such type"},
        {"endpoints/dfr": 3},
        {"arms/cart/allocation": "two"},
        {"rules/0": "efficacy"},
        {"rules/0/then": 3},
        {"looks/observed": "60"},
        {"enrolment/max_n": "150"},
        {"analysis/dfr/model": 3},
        {"scenarios/null/dfr/soc": "x"},
        {"truth/dropout": "x"},
    ],
)
def test_what_only_follows_is_not_told(changes: dict[str, Any]) -> None:
    """A broken table does not make every rule and scenario on it complain."""
    assert len(found(changed(tables("direct"), changes))) == 1


def test_one_missing_truth_is_one_line_for_all_scenarios() -> None:
    raw = changed(tables("course"), {"truth/cart/remission/onset": GONE})
    [(path, message)] = found(raw)
    assert path == "truth.cart.remission.onset"
    assert message.startswith("missing (scenarios expected, waning); write `onset = { dist = ")


def test_a_name_or_a_value_cannot_break_a_line() -> None:
    raw = tables("direct")
    raw["arms"]["cart"]["product"] = "auto\nlogous\u2028\x07"
    raw["arms"]["a.b c"] = {"allocation": 0}
    raw["arms"]["x\ny"] = {"allocatoin": 1}
    raw["rules"][0]["posterior"]["arm"] = "crat"
    told = dict(found(raw))
    assert "x\\ny" in told["rules[0].posterior.arm"]
    assert "auto\\nlogous" in told["arms.cart.product"]
    assert told['arms."a.b c".allocation'] == "found 0; at least 1 is expected"
    assert 'arms."x\\ny".allocatoin' in told


# ── from Python ───────────────────────────────────────────────────────────────────────────────
def test_parts_of_the_wrong_kind_are_faults_too() -> None:
    raw = tables("direct")
    raw["arms"]["cart"] = Rule(name="x", then="drop_arm")
    raw["endpoints"]["dfr"] = Arm()
    assert {path for path, _ in found(raw)} == {"arms.cart", "endpoints.dfr"}


def test_what_no_file_can_hold_is_a_design_error() -> None:
    assert found({**tables("direct"), "scenarios": {3: {}}}) == [
        ("scenarios.3", "found the name 3; text is expected")
    ]
    assert len(found({**tables("direct"), "arms": {3: {}, 4: {None: 1}}})) == 3
    deep: dict[str, Any] = {}
    inner = deep
    for _ in range(5000):
        inner["a"] = {}
        inner = inner["a"]
    assert found({**tables("direct"), "truth": deep}) == [
        ("truth", "nested more than 24 levels deep")
    ]
    around: dict[str, Any] = {}
    around["truth"] = around
    assert found({**tables("direct"), "truth": around})[0][0] == "truth"


# ── files ─────────────────────────────────────────────────────────────────────────────────────
def refused(path: Path) -> list[str]:
    """Lines of the error, without the file's own name."""
    with pytest.raises(DesignError) as caught:
        load_design(path)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}: ") for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


def test_a_file_that_is_not_there_is_told_with_the_one_that_is(tmp_path: Path) -> None:
    (tmp_path / "hello.toml").write_text(DIRECT)
    assert refused(tmp_path / "helo.toml") == ["no such file (did you mean 'hello.toml'?)"]
    assert refused(tmp_path / "elsewhere" / "x.toml") == ["no such file"]
    assert refused(tmp_path) == ["is a folder; the name of a design file is expected"]
    assert refused(tmp_path / "hello.toml" / "x") == ["cannot be read: Not a directory"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "line 1, column 1: is not UTF-8 text here; save it as UTF-8"),
        ("a = 1\nb = 'é'".encode("latin-1"), "line 2, column 6: is not UTF-8 text here"),
        ("name = 'x'".encode("utf-16"), "line 1, column 1: is not UTF-8 text here"),
        (b"\xef\xbb\xbfname = 'x'", "line 1, column 1: begins with a byte-order mark"),
        (b"\0\0\0\0", "line 1, column 1: not valid TOML"),
        (b"", "is empty; `adaptive-cart init FILE` writes a design to start from"),
        (b"# only a comment\n", "is empty; "),
        (b"#" * 2_000_000, "is larger than 1,000,000 bytes"),
        (b"a = " + b"[" * 100_000, "not valid TOML: nested too deeply"),
        (b"a = " + b"9" * 10_000, "not valid TOML: a number of thousands of digits"),
    ],
)
def test_a_file_that_is_no_design_is_told_in_one_line(
    tmp_path: Path, content: bytes, line: str
) -> None:
    path = tmp_path / "design.toml"
    path.write_bytes(content)
    [told] = refused(path)
    assert told.startswith(line)


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a = .985", "line 1, column 5", "in `a = .985`; a number needs a digit before the point"),
        ("a = 1.", "line 1, column 6", "a number needs a digit after the point"),
        ("a = 5%", "line 1, column 6", "a percentage is written as a fraction"),
        ("a = 10,000", "line 1, column 7", "thousands are written 10_000 or 10000"),
        ("a = 05", "line 1, column 6", "a number has no leading zero"),
        ("\n\na = True", "line 3, column 5", "write true or false"),
        ("a = NA", "line 1, column 5", "leave the key out"),
        ("a = landmark", "line 1, column 5", "text stands in quotes"),
        ("a = “x”", "line 1, column 5", "use straight quotes"),
        ('a = "x', "line 1, column 7", "a text is not closed by a quote"),
        ('a = "x\nb = 1"', "line 1, column 7", "a text is not closed by a quote"),
        ("a = [1 2]", "line 1, column 8", "entries are separated by commas"),
        ("a = [1, 2\n", "line 2, column 1", "unclosed array"),
        ("a = { b = 1, }", "line 1, column 14", "no comma before }"),
        ("a = 1 b = 2", "line 1, column 7", "every key stands on a line of its own"),
        ("a", "line 1, column 2", "expected '='"),
        ("[arms.soc]\n[arms.soc]\n", "line 2, column 10", "[arms.soc] is given twice"),
        ("a = 1\na = 2\n", "line 2, column 6", "a key or a table is given twice"),
        ("[rules]\na = 1\n[rules]\n", "line 3, column 7", "write each rule as [[rules]]"),
    ],
)
def test_broken_toml_is_told_with_line_and_column(
    tmp_path: Path, text: str, place: str, words: str
) -> None:
    path = tmp_path / "design.toml"
    path.write_text(text, encoding="utf-8")
    [told] = refused(path)
    assert told.startswith(f"{place}: not valid TOML: ")
    assert words in told


# ── the command line ──────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("command", ["check", "simulate", "example"])
def test_wrong_input_ends_with_status_2_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    raw = tomllib.loads(DIRECT)
    text = DIRECT.replace("below = 0.05", "below = 1.4").replace("trials", "trails")
    Path("design.toml").write_text(text, encoding="utf-8")
    result = CliRunner().invoke(main, [command, "design.toml"])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "design.toml: rules[1].below: found 1.4; at most 1 is expected",
        "design.toml: simulation.trails: unknown key (did you mean 'trials'?); "
        f"allowed: {', '.join(raw['simulation'])}",
    ]
    assert [entry.name for entry in Path().iterdir()] == ["design.toml"]


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"a = ", b"[rules]\nname = 'x'\n"])
@pytest.mark.parametrize("command", ["check", "simulate", "example"])
def test_a_file_that_is_no_design_ends_with_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, content: bytes | None
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("x.toml").write_bytes(content)
    result = CliRunner().invoke(main, [command, "x.toml"])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("x.toml: ")
    assert "Traceback" not in result.stderr
    assert [entry.name for entry in Path().iterdir()] == ["x.toml"] * (content is not None)


# ── mutants ───────────────────────────────────────────────────────────────────────────────────
JUNK: list[Any] = [
    -1, 0, 1, -0.5, 1.5, 40.7, 10**30, -(10**400), 2**63, 1e308, 5e-324, NAN, INF, True, False,
    "", "0.99", "each", "x\ny", "final", "calibrate", "soc", "role", [], [[]], {}, [1, 2, 3], ["a"],
    [{}], {"a": 1}, {"dist": "weibull"}, {"dist": 3}, {"dist": ["x"]}, {"": 1}, {"type": []},
    {"median": 3.0}, {"a": {"b": {"c": [{"d": 1}]}}}, {"mixture": []}, {"same_as": "soc"},
    {"rule": "efficacy"}, datetime.date(2026, 1, 1),
]  # fmt: skip
KEYS = ("zz", "dist", "strata", "same_as", "role", "control", "a", "mixture", "prior", "median")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


def at(raw: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        raw = raw[step]
    return raw


def misspelt(rng: random.Random, key: str) -> str:
    place = rng.randrange(len(key) + 1)
    letter = rng.choice("abcdefgxyz_. é")
    return rng.choice(
        [
            key[:place] + letter + key[place:],
            key[: max(place - 1, 0)] + key[place:],
            key[:place] + letter + key[place + 1 :],
        ]
    )


def mutant(rng: random.Random, raw: dict[str, Any]) -> dict[str, Any]:
    """A design with one to five things deleted, misspelt, replaced, copied or put in."""
    raw = copy.deepcopy(raw)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 5])):
        where = list(places(raw))
        if not where:
            break
        *around, last = rng.choice(where)
        parent = at(raw, tuple(around))
        kind = rng.choice(["delete", "misspell", "junk", "junk", "junk", "copy", "insert"])
        if kind == "delete":
            del parent[last]
        elif kind == "misspell" and isinstance(last, str):
            parent[misspelt(rng, last)] = parent.pop(last)
        elif kind == "copy":
            parent[last] = copy.deepcopy(at(raw, rng.choice(where)))
        elif kind == "insert" and isinstance(parent, dict):
            parent[rng.choice(KEYS)] = copy.deepcopy(rng.choice(JUNK))
        else:
            parent[last] = copy.deepcopy(rng.choice(JUNK))
    return raw


def attempt(read: Callable[[], Design]) -> Design | DesignError:
    """Read a design; whatever else it raises comes through, and so does whatever takes long."""
    began = time.perf_counter()
    try:
        return read()
    except DesignError as error:
        return error
    finally:
        assert time.perf_counter() - began < 5.0


def answer(raw: dict[str, Any]) -> int:
    """Read a design: it is sound, and all that is derived from it is there, or it is refused."""
    design = attempt(lambda: Design(**raw))
    if isinstance(design, DesignError):
        assert design.problems
        assert len(set(design.problems)) == len(design.problems)
        for problem in design.problems:
            assert problem.path, problem
            assert problem.message, problem
            assert str(problem).isprintable(), problem
        return len(design.problems)
    assert len(truths_of(design)) == len(design.scenarios)
    assert len(digest_of(design)) == 16
    assert sum(design.planned) == design.enrolment.max_n
    for rule in design.rules:
        for look in design.judged_at(rule):
            for part in rule.comparisons:
                at = "calibrate" if part.threshold == "calibrate" else None
                assert at or 0.0 <= design.threshold_at(rule, look, part) <= 1.0
    return 0


@pytest.mark.parametrize("path", DESIGNS, ids=lambda path: path.stem)
def test_a_mutant_is_sound_or_refused_with_paths(path: Path) -> None:
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    rng = random.Random(f"mutants of {path.stem}")
    lines = [answer(mutant(rng, raw)) for _ in range(80)]
    assert 0 < sum(number == 0 for number in lines) < 40  # both things happen


def test_a_file_with_wrong_letters_is_sound_or_refused(tmp_path: Path) -> None:
    tokens = [b"[", b"]", b"{", b"}", b"=", b'"', b"\n", b".", b",", b"#", b"\0", b"\xff", b"\xc3"]
    tokens += [b"[rules]\n", b"[[rules]]\n", b"nan", b"-", b"9" * 30, b'"""', b".5", b"true"]
    rng = random.Random("wrong letters")
    path = tmp_path / "design.toml"
    texts = [path.read_bytes() for path in DESIGNS]
    refusals = 0
    for _ in range(400):
        text = bytearray(rng.choice(texts))
        for _ in range(rng.choice([1, 1, 2, 4])):
            place = rng.randrange(len(text))
            text[place : place + rng.choice([0, 1, 1, 5, 50])] = rng.choice([b"", *tokens])
        path.write_bytes(bytes(text))
        design = attempt(lambda: load_design(path))
        if isinstance(design, DesignError):
            refusals += 1
            assert all(str(problem).isprintable() for problem in design.problems)
            assert len(str(design).splitlines()) == len(design.problems)
    assert 0 < refusals < 400


def test_an_error_survives_the_journey_between_processes() -> None:
    with pytest.raises(DesignError) as caught:
        Design(**changed(tables("direct"), {"name": 3, "enrolment/max_n": 40.7}))
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.problems == caught.value.problems
    assert str(again) == str(caught.value)


# ── what would end in a traceback, or never ───────────────────────────────────────────────────
HARD = [
    ({"self": 1}, "self: unknown key"),
    ({"arms/cart/allocation": 10_000}, "arms.cart.allocation: found 10000; the allocation 1 : 10"),
    ({"randomisation/block": 3_000}, "randomisation.block: found 3000; at most 300 participants"),
    ({"analysis/dfr/prior/cart/a": 1e308}, "analysis.dfr.prior.cart.a: found 1e+308; at most"),
    ({"analysis/dfr/prior/cart/b": 1e-308}, "analysis.dfr.prior.cart.b: found 1e-308; at least"),
    ({"description": "\x1b[31mred"}, "description: found the control character U+001B"),
    ({"arms/cart/label": "a\u202eb"}, "arms.cart.label: found the control character U+202E"),
    ({"scenarios": {str(number): {} for number in range(2000)}}, "scenarios: found 2,000 entries"),
]


@pytest.mark.parametrize(("changes", "told"), HARD, ids=[case[1][:30] for case in HARD])
def test_what_no_trial_could_run_is_refused_at_once(changes: dict[str, Any], told: str) -> None:
    begun = time.process_time()
    with pytest.raises(DesignError) as error:
        Design(**changed(tables("direct"), changes))
    assert str(error.value).splitlines()[0].startswith(told)
    assert time.process_time() - begun < 2.0


def test_a_name_that_is_part_of_a_file_has_no_slash() -> None:
    text = DIRECT.replace("dfr", "'a/b'").replace("\"'a/b'\"", '"a/b"')
    assert found(tomllib.loads(text))[0] == (
        'endpoints."a/b"',
        "a name with a slash cannot be part of the name of a file; leave it out",
    )


def test_a_dot_in_the_name_of_an_arm() -> None:
    text = COURSE.replace("[arms.cart]", '[arms."dose 1.5"]').replace('"cart"', '"dose 1.5"')
    text = text.replace("truth.cart]", 'truth."dose 1.5"]').replace("\ncart", '\n"dose 1.5"')
    assert "dose 1.5.infusion.delay" in described(Design(**tomllib.loads(text)))


def test_what_is_merely_most_like_a_key_is_suggested_and_not_read_as_it() -> None:
    raw = tables("direct")
    raw["calibration"] = {"harm": {"false_stop": 0.05}, "type_one_error": 0.025}
    raw["rules"][0]["at_least"] = "calibrate"
    with pytest.raises(DesignError) as error:
        Design(**raw)
    told = [problem.path for problem in error.value.problems]
    assert told == ["calibration.harm"]
    assert "unknown key (did you mean 'shares'?)" in str(error.value)
    raw["calibration"] = {"type_one_eror": 1.5}
    with pytest.raises(DesignError) as error:
        Design(**raw)
    assert {problem.path for problem in error.value.problems} == {"calibration.type_one_eror"}
    assert "found 1.5" in str(error.value), "what stands under a misspelt key is read"


def test_an_average_that_is_out_of_range_is_not_taken_for_missing() -> None:
    raw = tables("direct")
    raw["rules"][0]["at_least"] = "calibrate"
    raw["design_prior"] = {"neutral": {}}
    averages = {"false_discovery": 1.0, "correct_decision": 0.0}
    raw["calibration"] = {"design_prior": "neutral", **averages}
    with pytest.raises(DesignError) as error:
        Design(**raw)
    told = {problem.path for problem in error.value.problems}
    assert told == {f"calibration.{name}" for name in averages}


def test_a_list_of_problems_has_an_end(tmp_path: Path) -> None:
    scenarios = {f"s{number}": {"dfr": {"soc": 2.0, "cart": 0.1}} for number in range(200)}
    raw = {**tables("direct"), "scenarios": scenarios, "x" * 10_000: 1}
    with pytest.raises(DesignError) as error:
        Design(**raw)
    lines = str(error.value).splitlines()
    assert len(lines) == 101
    assert lines[-1] == f"and {len(error.value.problems) - 100} more"
    assert max(map(len, lines)) < 1_000
    path = tmp_path / "deep.toml"
    path.write_text(".".join(["a"] * 50_000) + " = 1\n", encoding="utf-8")
    with pytest.raises(DesignError, match="nested too deeply"):
        load_design(path)


def test_a_table_that_is_wanted_is_told_as_it_is_written() -> None:
    raw = tables("course")
    raw["endpoints"]["relapse"] = {"type": "time_to_relapse", "horizon": 36}
    raw["analysis"]["relapse"] = {"model": "weibull_cure", "prior": {"cured": 0.5}}
    with pytest.raises(DesignError) as error:
        Design(**raw)
    told = {p.path: p.message for p in error.value.problems}
    wanted = 'found 0.5; a table { dist = "beta", a = …, b = … } is expected'
    assert told["analysis.relapse.prior.cured"] == wanted
    median = told["analysis.relapse.prior.median_months"]
    assert median.startswith('missing; a table { dist = "lognormal", median = …, sigma = … }')
    raw["analysis"]["relapse"]["prior"] = 3
    with pytest.raises(DesignError, match=r"found 3; a table \{ cured = …, median_months = …, s"):
        Design(**raw)
