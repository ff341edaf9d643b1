"""Controls that borrow: parameters are drawn from the hierarchy that the documents state.

The fast posterior and PyMC have a mixture of gammas, betas or normals in its place, so that these
studies show what the mixture is off by, too. No study is of the self-adapting mixture: its weights
depend on the data, so that there is no prior to draw from. Pooled data and the power prior are the
conjugate prior with other numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from calibration_case import Case, Floats, Generator, Truth

from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import Counts, Exposure, Summary

OWN = {"a": 0.5, "b": 5.0}
SD = 0.4  # of the half-normal prior of the spread between logarithms
COHORT = External(source="a cohort", endpoint="e", events=60, months=900.0)
TRIAL = External(source="a trial", endpoint="e", events=9, months=240.0)
RATIO = {"dist": "normal", "mean": 0.0, "sd": 1.0}


def commensurate_parameters(generator: Generator, number: int) -> Truth:
    """The control's hazard about that of the cohort, and the ratio of the other arm."""
    external = generator.gamma(OWN["a"] + 60.0, 1.0 / (OWN["b"] + 900.0), number)
    between = np.abs(generator.normal(0.0, SD, number))
    hazard = external * np.exp(between * generator.normal(0.0, 1.0, number))
    log_ratio = generator.normal(0.0, RATIO["sd"], number)
    return {
        "baseline_hazard": hazard[:, None],
        "log_hazard_ratio": log_ratio[:, None],
        "hazard_ratio": np.exp(log_ratio),
    }


def map_parameters(generator: Generator, number: int) -> Truth:
    """Rates of two arms; that of the control by a meta-analysis of two sources, or vague.

    Centre and spread are drawn in proportion to the likelihood of both sources, each integrated
    over its own rate by a sum over a lattice.
    """
    candidates = 40_000
    between = np.abs(generator.normal(0.0, SD, candidates))
    centre = generator.uniform(-4.0, 4.0, candidates)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    likely = np.ones(candidates)
    for one in (COHORT, TRIAL):
        log = centre[:, None] + between[:, None] * nodes
        mean = np.exp(log) * one.total("months") / 12.0
        events = one.total("events")
        logs = events * np.log(mean) - mean - math.lgamma(events + 1.0)
        likely *= np.exp(logs) @ weights
    taken = generator.choice(candidates, number, p=likely / likely.sum())
    informative = np.exp(centre[taken] + between[taken] * generator.normal(0.0, 1.0, number))
    vague = generator.gamma(OWN["a"], 1.0 / OWN["b"], number)
    soc = np.where(generator.random(number) < 0.8, informative, vague)
    return {"rate": np.stack([soc, generator.gamma(OWN["a"], 1.0 / OWN["b"], number)], axis=1)}


def few_years(generator: Generator, truth: Truth) -> Summary:
    """Events of arms that are followed for up to 25 years together."""
    years: Floats = generator.uniform(0.1, 25.0, (*truth["rate"].shape, 1))
    return Exposure(generator.poisson(truth["rate"][..., None] * years), years, np.ones_like(years))


BORROWS = {**OWN, "external": ["cohort"], "method": "commensurate", "heterogeneity": SD}
MAP = {**OWN, "external": ["cohort", "trial"], "method": "robust_map", "heterogeneity": SD}
RATES = Case(
    {"model": "gamma_poisson", "prior": {"soc": {**MAP, "weight": 0.8}, "cart": OWN}},
    ("soc", "cart"),
    (),
    (1.0,),
    map_parameters,
    few_years,
    {"soc": Question("e", 0, value=0.7), "cart - soc": Question("e", 1, 0, value=0.0, above=False)},
    external={"cohort": COHORT, "trial": TRIAL},
)
TIMES = {
    "model": "piecewise_exponential",
    "prior": {"baseline": BORROWS, "log_hazard_ratio": RATIO},
}
EXTERNAL = {"cohort": COHORT}


# ── probabilities ─────────────────────────────────────────────────────────────────────────────
REGISTRY = External(source="a registry", endpoint="e", responders=9, participants=80)
SERIES = External(source="a series", endpoint="e", responders=7, participants=30)
LOGIT_SD, CENTRE_SD, INFORMATIVE = 0.5, 2.0, 0.8


def beta_map_of(sources: Sequence[External], generator: Generator, number: int) -> Floats:
    """Probabilities of a control, by a meta-analysis of some sources, or vague."""
    candidates = 200_000
    between = np.abs(generator.normal(0.0, LOGIT_SD, candidates))
    centre = generator.normal(0.0, CENTRE_SD, candidates)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    likely = np.ones(candidates)
    for one in sources:
        logit = centre[:, None] + between[:, None] * nodes
        had, without = one.total("responders"), one.total("participants") - one.total("responders")
        logs = -had * np.logaddexp(0.0, -logit) - without * np.logaddexp(0.0, logit)
        likely *= np.exp(logs) @ weights
    taken = generator.choice(candidates, number, p=likely / likely.sum())
    logit = centre[taken] + between[taken] * generator.normal(0.0, 1.0, number)
    vague = generator.beta(1.0, 1.0, number)
    found: Floats = np.where(
        generator.random(number) < INFORMATIVE, 1.0 / (1.0 + np.exp(-logit)), vague
    )
    return found


def beta_map_parameters(generator: Generator, number: int) -> Truth:
    """Probabilities of two arms, of which the control borrows."""
    soc = beta_map_of((REGISTRY, SERIES), generator, number)
    return {"probability": np.stack([soc, generator.beta(1.0, 1.0, number)], axis=1)}


def few_participants(generator: Generator, truth: Truth) -> Summary:
    """Up to 30 participants an arm, one stratum."""
    probability = truth["probability"][..., None]
    totals = generator.integers(0, 31, probability.shape)
    return Counts(generator.binomial(totals, probability), totals, 0 * totals, totals)


PROBABILITIES = Case(
    {
        "model": "beta_binomial",
        "prior": {
            "soc": {
                "external": ["registry", "series"],
                "method": "robust_map",
                "heterogeneity": LOGIT_SD,
                "weight": INFORMATIVE,
            },
            "cart": {"a": 1.0, "b": 1.0},
        },
    },
    ("soc", "cart"),
    (),
    (1.0,),
    beta_map_parameters,
    few_participants,
    {
        "soc": Question("e", 0, value=0.15),
        "cart - soc": Question("e", 1, 0, value=0.0),
    },
    external={"registry": REGISTRY, "series": SERIES},
)


# ── scores ────────────────────────────────────────────────────────────────────────────────────
# The prior of the mean is in units of the standard deviation of changes of the trial, which is
# known well here and about that of the sources, which the meta-analysis takes.
CHANGE_SD, KNOWN_FROM, SCORE_SD = 3.0, 200.0, 0.8
CLINIC = External(source="a clinic", endpoint="e", mean=-1.5, sd=CHANGE_SD, participants=30)
CENTRE = External(source="a centre", endpoint="e", mean=-0.5, sd=CHANGE_SD, participants=20)
OF_CART = {"mean": -2.0, "worth": 1.0}


def mean_map_parameters(generator: Generator, number: int) -> Truth:
    """Mean changes of two arms; that of the control by a meta-analysis of two sources, or vague.

    Of the SD between sources the likelihood is integrated over the centre, which has a flat prior.
    """
    sources = (CLINIC, CENTRE)
    means = np.array([one.total("mean") for one in sources])
    own = np.array([CHANGE_SD**2 / one.total("participants") for one in sources])
    between = np.abs(generator.normal(0.0, SCORE_SD, 200_000))
    weight = 1.0 / (own + between[:, None] ** 2)
    total = weight.sum(axis=1)
    centre = weight @ means / total
    squares = (weight * (means - centre[:, None]) ** 2).sum(axis=1)
    likely = np.exp(0.5 * np.log(weight).sum(axis=1) - 0.5 * np.log(total) - 0.5 * squares)
    taken = generator.choice(len(between), number, p=likely / likely.sum())
    spread = np.sqrt(between[taken] ** 2 + 1.0 / total[taken])
    sd = CHANGE_SD * np.sqrt(KNOWN_FROM / generator.chisquare(KNOWN_FROM, number))
    middle = float((likely * centre).sum() / likely.sum())  # of the vague part, worth one
    soc = np.where(
        generator.random(number) < INFORMATIVE,
        generator.normal(centre[taken], spread),
        generator.normal(middle, sd),
    )
    cart = generator.normal(OF_CART["mean"], sd / math.sqrt(OF_CART["worth"]))
    slope = generator.normal(-0.3, 0.5, number)
    return {"mean": np.stack([soc, cart], axis=1), "log_sd": np.log(sd), "slope": slope}


MEANS = {
    "model": "normal",
    "prior": {
        "soc": {
            "external": ["clinic", "centre"],
            "method": "robust_map",
            "heterogeneity": SCORE_SD,
            "weight": INFORMATIVE,
        },
        "cart": OF_CART,
    },
    "spread": {"sd": CHANGE_SD, "worth": KNOWN_FROM},
}
SCORES = {"clinic": CLINIC, "centre": CENTRE}
