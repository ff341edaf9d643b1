"""Controls that borrow: parameters are drawn from the hierarchy that the documents state.

The fast posterior and PyMC have a mixture of gammas in its place, so that these studies show what
the mixture is off by, too.
"""

from __future__ import annotations

import math

import numpy as np
from calibration_case import Case, Floats, Generator, Truth

from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import Exposure, Summary

OWN = {"a": 0.5, "b": 5.0}
SD = 0.4  # of the half-normal prior of the spread between logarithms
COHORT = External(source="a cohort", endpoint="e", events=60, months=900.0)
TRIAL = External(source="a trial", endpoint="e", events=9, months=240.0)
RATIO = {"dist": "normal", "mean": 0.0, "sd": 1.0}
LATTICE = np.linspace(-6.0, 6.0, 2_401)  # of the logarithm of a yearly rate


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
