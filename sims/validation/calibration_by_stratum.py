"""External data that are told by stratum: what is drawn.

Two strata in which nothing is shared, and each is asked about by itself: of a control that borrows
there by a meta-analysis of two sources, and of an arm that is compared there with external events
and months. External data are fixed numbers; what they are of is drawn from its posterior by them.
"""

from __future__ import annotations

import numpy as np
from calibration_borrowed import INFORMATIVE, LOGIT_SD, RATIO, beta_map_of
from calibration_case import Case, Floats, Generator, Truth

from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import Counts, Durations, Exposure, Summary

STRATA, SHARES = ("active", "quiet"), (0.6, 0.4)

# ── a control that borrows ────────────────────────────────────────────────────────────────────
REGISTRY = External(
    source="a registry", endpoint="e",
    responders={"active": 6, "quiet": 15}, participants={"active": 60, "quiet": 40},
)  # fmt: skip
SERIES = External(
    source="a series", endpoint="e",
    responders={"active": 4, "quiet": 9}, participants={"active": 18, "quiet": 20},
)  # fmt: skip


def probabilities(generator: Generator, number: int) -> Truth:
    """By arm and stratum; the control's by what was seen in that stratum, or vague."""
    soc = [
        beta_map_of([one.in_stratum(name) for one in (REGISTRY, SERIES)], generator, number)
        for name in STRATA
    ]
    cart = generator.beta(1.0, 1.0, (number, len(STRATA)))
    return {"by_stratum": np.stack([np.stack(soc, axis=1), cart], axis=1)}


def responders(generator: Generator, truth: Truth) -> Summary:
    """Up to 25 participants an arm and stratum."""
    totals = generator.integers(0, 26, truth["by_stratum"].shape)
    return Counts(generator.binomial(totals, truth["by_stratum"]), totals, 0 * totals, totals)


def difference(question: Question, truth: Truth) -> Floats:
    """A probability in a stratum, or the difference of both arms."""
    level = truth["by_stratum"][..., question.stratum]
    found: Floats = level[:, question.arm]
    return found if question.minus is None else found - level[:, question.minus]


BORROWED = Case(
    {
        "model": "beta_binomial",
        "prior": {
            "soc": {
                "external": ["registry", "series"], "method": "robust_map",
                "heterogeneity": LOGIT_SD, "weight": INFORMATIVE,
            },
            "cart": {"a": 1.0, "b": 1.0},
        },
    },
    ("soc", "cart"),
    STRATA,
    SHARES,
    probabilities,
    responders,
    {
        "soc, active": Question("e", 0, value=0.15, stratum=0),
        "cart - soc, active": Question("e", 1, 0, value=0.0, stratum=0),
        "soc, quiet": Question("e", 0, value=0.4, stratum=1),
        "cart - soc, quiet": Question("e", 1, 0, value=0.0, stratum=1),
    },
    beside=("by_stratum",),
    true=difference,
    external={"registry": REGISTRY, "series": SERIES},
)  # fmt: skip

# ── an arm that is compared ───────────────────────────────────────────────────────────────────
COHORT = External(
    source="a cohort", endpoint="e",
    events={"active": 25, "quiet": 7}, months={"active": 400.0, "quiet": 300.0},
)  # fmt: skip
OWN = {"a": 0.5, "b": 1.0}  # of a rate a year
BASELINE = {"a": 0.5, "b": 10.0}  # of a hazard a month
EACH = 12  # participants of a stratum


def seen_there(key: str) -> Floats:
    return np.array([COHORT.in_stratum(name).total(key) for name in STRATA])


def rates(generator: Generator, number: int) -> Truth:
    """Yearly rates by stratum: of the arm from the prior, of the cohort given what was seen."""
    shape = number, len(STRATA)
    own = generator.gamma(OWN["a"], 1.0 / OWN["b"], shape)
    years = seen_there("months") / 12.0
    there = generator.gamma(OWN["a"] + seen_there("events"), 1.0 / (OWN["b"] + years), shape)
    return {"by_stratum": np.stack([own, there], axis=1)}


def some_years(generator: Generator, truth: Truth) -> Summary:
    """Events of the arm, which is followed for up to 15 years in each stratum."""
    rate = truth["by_stratum"][:, :1]
    years: Floats = generator.uniform(0.1, 15.0, rate.shape)
    return Exposure(generator.poisson(rate * years), years, np.ones_like(years))


def hazards(generator: Generator, number: int) -> Truth:
    """Hazard of the cohort by stratum, given what was seen, and the arm's ratio to it."""
    shape, months = (number, len(STRATA)), seen_there("months")
    there = generator.gamma(
        BASELINE["a"] + seen_there("events"), 1.0 / (BASELINE["b"] + months), shape
    )
    return {"hazard": there, "ratio": np.exp(generator.normal(0.0, RATIO["sd"], shape))}


def some_months(generator: Generator, truth: Truth) -> Summary:
    """Times of the arm's participants, who are followed for up to two years."""
    number = len(truth["hazard"])
    stratum = np.tile(np.repeat(np.arange(len(STRATA)), EACH), (number, 1)).astype(np.int8)
    hazard = np.take_along_axis(truth["hazard"] * truth["ratio"], stratum.astype(np.intp), axis=1)
    months = generator.exponential(1.0, hazard.shape) / hazard
    until = generator.uniform(1.0, 24.0, hazard.shape)
    included = generator.random(hazard.shape) < 0.9
    shape = 1, len(STRATA)
    return Durations.of(
        np.minimum(months, until), months < until, included, 0 * stratum, stratum, shape
    )


def ratio(question: Question, truth: Truth) -> Floats:
    """The arm's hazard ratio to the cohort in a stratum."""
    found: Floats = truth["ratio"][:, question.stratum]
    return found


RATES = Case(
    {"model": "gamma_poisson", "prior": OWN},
    ("cart",),
    STRATA,
    SHARES,
    rates,
    some_years,
    {
        "cart - cohort, active": Question("e", 0, 1, value=0.0, above=False, stratum=0),
        "cart - cohort, quiet": Question("e", 0, 1, value=0.1, stratum=1),
        "cohort, quiet": Question("e", 1, value=0.3, stratum=1),
    },
    beside=("by_stratum",),
    true=difference,
    compared={"cohort": COHORT},
)
TIMES = Case(
    {
        "model": "piecewise_exponential",
        "prior": {"baseline": BASELINE, "log_hazard_ratio": RATIO},
    },
    ("cart",),
    STRATA,
    SHARES,
    hazards,
    some_months,
    {
        f"cart / cohort, {name}": Question(
            "e", 0, 1, value=0.8, above=False, kind="hazard_ratio", stratum=place
        )
        for place, name in enumerate(STRATA)
    },
    beside=("hazard", "ratio"),
    true=ratio,
    compared={"cohort": COHORT},
)
CASES = {
    "beta_binomial_robust_map_by_stratum": BORROWED,
    "gamma_poisson_beside_by_stratum": RATES,
    "piecewise_exponential_beside_by_stratum": TIMES,
}
