"""Simulation-based calibration of every analysis model, both faces.

    python sims/validation/calibration_of_posteriors.py [MODEL ...] [--datasets 2000] [--pymc 250]

Draw parameters from the prior, data from the parameters, and ask the posterior of these data for
the probability that a quantity lies below its own true value. Over many such data sets these
probabilities are uniform if, and by and large only if, the posterior is right (Cook, Gelman and
Rubin 2006; Talts, Betancourt, Simpson, Vehtari and Gelman 2018, arXiv:1804.06788). Both the
parameters and the data are drawn here, from the statement of the model, by NumPy.

- The fast face answers with a probability and needs no draws.
- PyMC answers with the rank of the true value among thinned draws.

Uniformity is judged by the simultaneous bands of ``uniformity.py``. What rules ask for with a fixed
value is judged as a forecast as well: the sum of (what is true - its probability) over its standard
deviation, which is nearly standard normal.

``--pymc 0`` leaves PyMC out. Writes a CSV and a figure a model into ``--out``.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import calibration_beyond
import calibration_borrowed
import calibration_by_stratum
import calibration_calendar
import calibration_calendar_events
import calibration_early
import calibration_intervals
import numpy as np
import numpy.typing as npt
import uniformity
from calibration_case import Case, Floats, Generator, Truth, faces

from adaptive_cart.models.base import holds
from adaptive_cart.nouns.questions import ALL, OPEN, Category, Question
from adaptive_cart.nouns.records import Booleans
from adaptive_cart.nouns.summaries import (
    Categories,
    Counts,
    Durations,
    Exposure,
    Means,
    Scores,
    Summary,
)

THIN = 10  # of the draws of each chain, so that those left are nearly independent
CHAINS, DRAWS = 4, 1_000


def _normal(prior: dict[str, Any], generator: Generator, shape: Any) -> Floats:
    return generator.normal(prior["mean"], prior["sd"], shape)


def _counts(generator: Generator, probability: Floats, most: int) -> Counts:
    totals = generator.integers(0, most, probability.shape)
    return Counts(generator.binomial(totals, probability), totals, 0 * totals, totals)


# ── beta_binomial ─────────────────────────────────────────────────────────────────────────────
MIXTURE = [{"weight": 0.7, "a": 3.0, "b": 27.0}, {"weight": 0.3, "a": 1.0, "b": 1.0}]
BETAS = {"soc": {"mixture": MIXTURE}, "cart": {"a": 0.5, "b": 0.5}, "mrna": {"a": 2.0, "b": 3.0}}


def beta_parameters(generator: Generator, number: int) -> Truth:
    second = generator.random(number) < MIXTURE[1]["weight"]
    soc = np.where(second, generator.beta(1.0, 1.0, number), generator.beta(3.0, 27.0, number))
    others = [generator.beta(0.5, 0.5, number), generator.beta(2.0, 3.0, number)]
    return {"probability": np.stack([soc, *others], axis=1)}


# strata share a probability in this model, so that pooling them is right
def beta_data(generator: Generator, truth: Truth) -> Summary:
    return _counts(generator, np.repeat(truth["probability"][..., None], 2, axis=2), 30)


# ── the two that know strata ──────────────────────────────────────────────────────────────────
LOGISTIC = {
    "intercept": {"dist": "normal", "mean": -2.0, "sd": 1.0},
    "treatment": {"dist": "normal", "mean": 0.0, "sd": 1.5},
    "stratum": {"dist": "normal", "mean": 0.0, "sd": 0.7},
    "interaction": {"dist": "normal", "mean": 0.0, "sd": 0.7},
}
HIERARCHICAL = {
    "control_logit": {"dist": "normal", "mean": -2.0, "sd": 1.0},
    "effect_mean": {"dist": "normal", "mean": 0.0, "sd": 1.5},
    "effect_sd": {"dist": "half_normal", "sd": 0.5},
}


def _inverse_logit(control: Floats, effect: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-np.stack([control, control + effect], axis=1)))


def logistic_parameters(generator: Generator, number: int) -> Truth:
    intercept = _normal(LOGISTIC["intercept"], generator, number)
    treatment = _normal(LOGISTIC["treatment"], generator, number)
    shift = _normal(LOGISTIC["stratum"], generator, (number, 2))
    interaction = _normal(LOGISTIC["interaction"], generator, (number, 2))
    probability = _inverse_logit(intercept[:, None] + shift, treatment[:, None] + interaction)
    return {
        "intercept": intercept,
        "treatment": treatment,
        "shift": shift,
        "interaction": interaction,
        "probability": probability,
    }


def hierarchical_parameters(generator: Generator, number: int) -> Truth:
    control = _normal(HIERARCHICAL["control_logit"], generator, (number, 3))
    mean = _normal(HIERARCHICAL["effect_mean"], generator, number)
    sd = np.abs(generator.normal(0.0, HIERARCHICAL["effect_sd"]["sd"], number))
    effect = generator.normal(mean[:, None], sd[:, None], (number, 3))
    return {
        "control_logit": control,
        "effect_mean": mean,
        "effect_sd": sd,
        "effect": effect,
        "probability": _inverse_logit(control, effect),
    }


def strata_data(generator: Generator, truth: Truth) -> Summary:
    return _counts(generator, truth["probability"], 25)


# ── times ─────────────────────────────────────────────────────────────────────────────────────
CUTS = [6.0, 12.0]
BASELINE, LOG_RATIO_SD = {"a": 0.5, "b": 10.0}, 1.0
CURED, MEDIAN, SHAPE = (2.0, 2.0), (12.0, 0.7), (1.2, 0.3)
PARTICIPANTS = 45
STRATA_SHARES = (0.5, 0.3, 0.2)


def _durations(generator: Generator, time_to: Floats, arm: npt.NDArray[np.int8]) -> Durations:
    """Censor at a time of each participant's own; some are not in the analysis."""
    seen = generator.uniform(1.0, 40.0, time_to.shape)
    event = time_to < seen
    included = generator.random(time_to.shape) < 0.8
    nothing = np.zeros((len(time_to), 2, 1), dtype=np.int64)
    months = np.where(event, time_to, seen)
    return Durations(
        months, event, included, arm, np.zeros_like(arm), nothing, nothing, 1.0 * nothing
    )


def _arms(number: int) -> npt.NDArray[np.int8]:
    return np.tile((np.arange(PARTICIPANTS) % 3 > 0).astype(np.int8), (number, 1))


def piecewise_parameters(generator: Generator, number: int) -> Truth:
    log_ratio = generator.normal(0.0, LOG_RATIO_SD, number)
    baseline = generator.gamma(BASELINE["a"], 1.0 / BASELINE["b"], (number, len(CUTS) + 1))
    return {
        "baseline_hazard": baseline,
        "log_hazard_ratio": log_ratio[:, None],
        "hazard_ratio": np.exp(log_ratio),
    }


def piecewise_data(
    generator: Generator, truth: Truth, seen: Callable[..., Summary] = _durations
) -> Summary:
    number = len(truth["hazard_ratio"])
    arm = _arms(number)
    ratio = np.where(arm == 1, truth["hazard_ratio"][:, None], 1.0)
    left = generator.exponential(1.0, arm.shape)  # cumulative hazard still to be used up
    time_to = np.full(arm.shape, np.inf)
    edges = [0.0, *CUTS, np.inf]
    for interval, (start, end) in enumerate(itertools.pairwise(edges)):
        hazard = truth["baseline_hazard"][:, interval, None] * ratio
        here = np.isinf(time_to) & (left < hazard * (end - start))
        time_to[here] = start + (left / hazard)[here]
        left = left - hazard * (end - start)
    return seen(generator, time_to, arm)


def borrowed_data(generator: Generator, truth: Truth) -> Summary:
    """The same with one hazard, which does not change at the cuts."""
    hazard = np.repeat(truth["baseline_hazard"], len(CUTS) + 1, axis=1)
    return piecewise_data(generator, {**truth, "baseline_hazard": hazard})


def stratified_parameters(own: bool) -> Callable[[Generator, int], Truth]:
    """Baselines of every stratum, and one log hazard ratio or one a stratum."""

    def drawn(generator: Generator, number: int) -> Truth:
        strata = len(STRATA_SHARES)
        shape = (number, strata, 1) if own else (number, 1)
        baseline = (number, strata, len(CUTS) + 1)
        return {
            "baseline_hazard": generator.gamma(BASELINE["a"], 1.0 / BASELINE["b"], baseline),
            "log_hazard_ratio": generator.normal(0.0, LOG_RATIO_SD, shape),
        }

    return drawn


def stratified_data(
    generator: Generator, truth: Truth, seen: Callable[..., Summary] = _durations
) -> Summary:
    """Each stratum by itself, as if there were no others, and then all of them side by side."""
    parts = []
    for stratum in range(len(STRATA_SHARES)):
        log_ratio = truth["log_hazard_ratio"][..., 0]
        ratio = np.exp(log_ratio if log_ratio.ndim == 1 else log_ratio[:, stratum])
        own = {"baseline_hazard": truth["baseline_hazard"][:, stratum], "hazard_ratio": ratio}
        found = piecewise_data(generator, own, seen)
        assert isinstance(found, Durations)
        parts.append(replace(found, stratum=np.full_like(found.stratum, stratum)))
    nothing = np.zeros((len(truth["baseline_hazard"]), 2, len(STRATA_SHARES)), dtype=np.int64)
    numbers = ("participants", "events", "exposure")
    people = [name for name in vars(parts[0]) if name not in numbers]
    together = {k: np.concatenate([getattr(part, k) for part in parts], axis=1) for k in people}
    return type(parts[0])(
        **together, participants=nothing, events=nothing, exposure=nothing.astype(np.float64)
    )


def stratified_case(own: bool) -> Case:
    return Case(
        {
            "model": "stratified_piecewise_exponential",
            "hazard_ratios": "own" if own else "shared",
            "cuts": CUTS,
            "prior": {
                "baseline": BASELINE,
                "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": LOG_RATIO_SD},
            },
        },
        ("soc", "cart"),
        ("sle", "ssc", "iim"),
        STRATA_SHARES,
        stratified_parameters(own),
        stratified_data,
        {
            label: Question("e", 1, 0, value=0.8, above=False, kind="hazard_ratio", stratum=stratum)
            for label, stratum in (
                ("hazard ratio", ALL),
                ("hazard ratio, second stratum", 1),
                ("hazard ratio, open strata", OPEN),
            )
        },
    )


def cure_parameters(generator: Generator, number: int) -> Truth:
    return {
        "cured": generator.beta(*CURED, (number, 2)),
        "median_months": generator.lognormal(np.log(MEDIAN[0]), MEDIAN[1], (number, 2)),
        "shape": generator.lognormal(np.log(SHAPE[0]), SHAPE[1], (number, 2)),
    }


def cure_data(
    generator: Generator, truth: Truth, seen: Callable[..., Summary] = _durations
) -> Summary:
    number = len(truth["cured"])
    arm = _arms(number)
    cured, median, shape = (
        np.take_along_axis(truth[name], arm.astype(np.int64), axis=1)
        for name in ("cured", "median_months", "shape")
    )
    hazard = generator.exponential(1.0, arm.shape)
    time_to = median * (hazard / np.log(2.0)) ** (1.0 / shape)
    never = generator.random(arm.shape) < cured
    return seen(generator, np.where(never, np.inf, time_to), arm)


# ── events ────────────────────────────────────────────────────────────────────────────────────
RATE = {"a": 0.5, "b": 5.0}


def rate_parameters(generator: Generator, number: int) -> Truth:
    return {"rate": generator.gamma(RATE["a"], 1.0 / RATE["b"], (number, 2))}


def rate_data(generator: Generator, truth: Truth) -> Summary:
    years = generator.uniform(0.0, 40.0, (*truth["rate"].shape, 1))
    return Exposure(generator.poisson(truth["rate"][..., None] * years), years, np.ones_like(years))


# ── dirichlet ─────────────────────────────────────────────────────────────────────────────────
CATEGORIES, SCORES = ("dead", "bad", "fair", "good"), (0.0, 20.0, 60.0, 100.0)
SHARES = {"soc": {"dead": 0.5, "each": 1.0}, "cart": {"each": 2.0}}


def share_parameters(generator: Generator, number: int) -> Truth:
    arms = ([0.5, 1.0, 1.0, 1.0], [2.0] * 4)
    share = np.stack([generator.dirichlet(own, number) for own in arms], axis=1)
    return {"share": share, "score": share @ np.array(SCORES)}


def share_data(generator: Generator, truth: Truth) -> Summary:
    share = truth["share"][:, :, None, :]
    totals = generator.integers(0, 40, share.shape[:3])
    counts = generator.multinomial(totals, share)
    return Categories(counts, np.zeros_like(totals), totals, CATEGORIES, SCORES)


# ── proportional odds ─────────────────────────────────────────────────────────────────────────
ODDS = {
    "control": {"dead": 0.5, "each": 1.0},
    "log_odds_ratio": {"dist": "normal", "mean": 0.3, "sd": 1.2},
}


def odds_parameters(generator: Generator, number: int) -> Truth:
    share = generator.dirichlet([0.5, 1.0, 1.0, 1.0], number)
    ratio = generator.normal(0.3, 1.2, (number, 1))
    worse = np.add.accumulate(share, axis=1)[:, None, :-1]
    odds = worse / (1.0 - worse) * np.exp(-np.pad(ratio, [(0, 0), (1, 0)]))[:, :, None]
    ends = np.pad(
        odds / (1.0 + odds), [(0, 0), (0, 0), (1, 1)], constant_values=((0, 0), (0, 0), (0, 1))
    )
    chance = np.diff(ends, axis=2)
    score = chance @ np.array(SCORES)
    return {"share": share, "log_odds_ratio": ratio, "probability": chance, "score": score}


def odds_data(generator: Generator, truth: Truth) -> Summary:
    return share_data(generator, {"share": truth["probability"]})


# ── mean months ───────────────────────────────────────────────────────────────────────────────
MEANS = {"mean": 6.0, "worth": 2.0, "sd": 5.0, "sd_worth": 6.0}


def mean_parameters(generator: Generator, number: int) -> Truth:
    worth = MEANS["sd_worth"]
    variance = worth * MEANS["sd"] ** 2 / generator.chisquare(worth, (number, 2))
    mean = generator.normal(MEANS["mean"], np.sqrt(variance / MEANS["worth"]))
    return {"mean": mean, "variance": variance}


# strata share the mean and the spread in this model, so that pooling them is right
def mean_data(generator: Generator, truth: Truth) -> Summary:
    strata = 2
    shape = (len(truth["mean"]), 2, strata, 25)
    mean, sd = (part[..., None, None] for part in (truth["mean"], np.sqrt(truth["variance"])))
    months = generator.normal(mean, sd, shape)
    number = generator.integers(0, 25, shape[:-1])
    seen = np.arange(25) < number[..., None]
    return Means((months * seen).sum(-1), (months**2 * seen).sum(-1), number)


# ── scores ────────────────────────────────────────────────────────────────────────────────────
CHANGES = {"soc": {"mean": -1.0, "worth": 3.0}, "cart": {"mean": -2.0, "worth": 1.0},
         "mrna": {"mean": -2.0, "worth": 0.5}}  # fmt: skip
SPREAD = {"sd": 2.0, "worth": 4.0}


def score_parameters(generator: Generator, number: int) -> Truth:
    spread = SPREAD["worth"] / generator.chisquare(SPREAD["worth"], number)
    sd = SPREAD["sd"] * np.sqrt(spread)
    of_mean = [(prior["mean"], 1.0 / np.sqrt(prior["worth"])) for prior in CHANGES.values()]
    mean = np.stack([generator.normal(m, sd * away) for m, away in of_mean], axis=1)
    # the slope has a flat prior, of which nothing can be drawn; the others do not depend on it
    return {"mean": mean, "log_sd": np.log(sd), "slope": generator.normal(-0.3, 0.5, number)}


def score_data(generator: Generator, truth: Truth) -> Summary:
    number, arms = truth["mean"].shape
    products = np.zeros((number, arms, 1, 1, 3, 3))
    for row in range(number):
        arm = np.repeat(np.arange(arms), generator.integers(0, 12, arms))
        baseline = generator.normal(9.0, 3.0, len(arm))
        away = baseline - baseline.mean() if len(arm) else baseline
        change = truth["mean"][row, arm] + truth["slope"][row] * away
        change = change + generator.normal(0.0, np.exp(truth["log_sd"][row]), len(arm))
        vector = np.stack([np.ones(len(arm)), baseline, baseline + change], axis=1)
        for k in range(arms):
            products[row, k, 0, 0] = vector[arm == k].T @ vector[arm == k]
    return Scores(products, np.zeros((number, arms, 1), dtype=np.int64))


# ── scores at visits ──────────────────────────────────────────────────────────────────────────
# The priors are flat, of which nothing can be drawn. So parameters are drawn from the posterior of
# some first participants, by least squares, and the data are those and new ones: a posterior of
# all of them is then as calibrated as under a proper prior. Baselines and who is seen are the same
# in every data set; it is the scores that are drawn.
VISITS, FIRST, NEW = 3, (7, 7, 6), ((9, 8), (6, 5), (3, 4))  # of each arm; (soc, cart) by visit


def _visit_people() -> tuple[npt.NDArray[np.int64], Floats, npt.NDArray[np.int64]]:
    """Arm, baseline less its mean, and visits seen, of the first and then of the new ones."""
    generator = np.random.default_rng(5)
    arm, seen = [], []
    for k in (0, 1):
        arm += [k] * FIRST[0]
        seen += [sum(place < number for number in FIRST) for place in range(FIRST[0])]
    for k in (0, 1):
        arm += [k] * NEW[0][k]
        seen += [sum(place < number[k] for number in NEW) for place in range(NEW[0][k])]
    baseline = generator.normal(9.0, 3.0, len(arm))
    return np.array(arm), baseline - baseline.mean(), np.array(seen)


VISIT_ARM, VISIT_BASELINE, VISIT_SEEN = _visit_people()
FIRST_ONES = np.arange(len(VISIT_ARM)) < 2 * FIRST[0]
FIRST_CHANGES: Floats = np.random.default_rng(6).multivariate_normal(
    [-1.0, -2.0, -2.5], 4.0 * (0.4 * np.eye(VISITS) + 0.6), len(VISIT_ARM)
)


def visit_parameters(generator: Generator, number: int) -> Truth:
    """Draw one regression after the other from its posterior after the first participants."""
    mean, slope = np.zeros((number, 2, VISITS)), np.zeros((number, VISITS))
    log_sd, carried = np.zeros((number, VISITS)), []
    for visit in range(VISITS):
        who = FIRST_ONES & (visit < VISIT_SEEN)
        before = FIRST_CHANGES[who, :visit]
        x = np.column_stack([np.eye(2)[VISIT_ARM[who]], VISIT_BASELINE[who], before])
        y = FIRST_CHANGES[who, visit]
        inverse = np.linalg.inv(x.T @ x)
        centre = inverse @ x.T @ y
        left = ((y - x @ centre) ** 2).sum()
        sd = np.sqrt(left / generator.chisquare(len(y) - x.shape[1], number))
        away = generator.multivariate_normal(np.zeros(len(centre)), inverse, number)
        own = centre + sd[:, None] * away
        log_sd[:, visit] = np.log(sd)
        carried += list(own[:, 3:].T)
        mean[:, :, visit] = own[:, :2] + np.einsum("nj,nkj->nk", own[:, 3:], mean[..., :visit])
        slope[:, visit] = own[:, 2] + (own[:, 3:] * slope[:, :visit]).sum(axis=1)
    return {
        "mean": mean,
        "slope": slope,
        "log_sd": log_sd,
        "carried": np.stack(carried, axis=1),
    }


def visit_data(generator: Generator, truth: Truth) -> Summary:
    """The first participants as they were, and new ones from the multivariate normal."""
    number = len(truth["slope"])
    products = np.zeros((number, 2, 1, VISITS, VISITS + 2, VISITS + 2))
    baseline = VISIT_BASELINE + 9.0
    for row in range(number):
        triangle = np.eye(VISITS)
        triangle[np.tril_indices(VISITS, -1)] = -truth["carried"][row]
        spread = np.linalg.inv(triangle) * np.exp(truth["log_sd"][row])
        changes = truth["mean"][row][VISIT_ARM] + np.outer(VISIT_BASELINE, truth["slope"][row])
        changes = changes + generator.normal(size=changes.shape) @ spread.T
        changes[FIRST_ONES] = FIRST_CHANGES[FIRST_ONES]
        scores = np.column_stack([np.ones(len(baseline)), baseline, baseline[:, None] + changes])
        for k, visit in itertools.product((0, 1), range(VISITS)):
            own = scores[(k == VISIT_ARM) & (visit < VISIT_SEEN), : visit + 3]
            products[row, k, 0, visit, : visit + 3, : visit + 3] = own.T @ own
    return Scores(products, np.zeros((number, 2, 1), dtype=np.int64))


CASES = {
    "dirichlet": Case(
        {"prior": SHARES},
        ("soc", "cart"),
        (),
        (1.0,),
        share_parameters,
        share_data,
        {
            "cart better than soc": Question("e", 1, 0, value=0.5, kind="better"),
            "cart, mean score": Question("e", 1, value=50.0),
            "cart - soc, fair or better": Question(
                "e", 1, 0, value=0.1, kind="reaches", category=Category(2, "fair")
            ),
        },
    ),
    "proportional_odds": Case(
        {"prior": ODDS},
        ("soc", "cart"),
        (),
        (1.0,),
        odds_parameters,
        odds_data,
        {
            "cart / soc, common odds ratio": Question(
                "e", 1, 0, value=1.0, kind="common_odds_ratio"
            ),
            "cart better than soc": Question("e", 1, 0, value=0.5, kind="better"),
            "cart - soc, fair or better": Question(
                "e", 1, 0, value=0.1, kind="reaches", category=Category(2, "fair")
            ),
        },
    ),
    "beta_binomial": Case(
        {"prior": BETAS},
        ("soc", "cart", "mrna"),
        ("sle", "ssc"),
        (0.6, 0.4),
        beta_parameters,
        beta_data,
        {
            "soc": Question("e", 0, value=0.1),
            "cart": Question("e", 1, value=0.3),
            "cart - soc": Question("e", 1, 0, value=0.1),
            "mrna - cart, first stratum": Question("e", 2, 1, value=0.0, stratum=0),
            "mrna best": Question("e", 2, kind="best"),
        },
    ),
    "logistic": Case(
        {"prior": LOGISTIC},
        ("soc", "cart"),
        ("high", "low"),
        (0.6, 0.4),
        logistic_parameters,
        strata_data,
        {
            "cart - soc": Question("e", 1, 0, value=0.1),
            "cart - soc, first stratum": Question("e", 1, 0, value=0.1, stratum=0),
            "cart - soc, second stratum": Question("e", 1, 0, value=0.0, stratum=1),
            "cart, open strata": Question("e", 1, value=0.3, stratum=OPEN),
        },
    ),
    "hierarchical_logistic": Case(
        {"prior": HIERARCHICAL},
        ("soc", "cart"),
        ("sle", "ssc", "iim"),
        (0.5, 0.3, 0.2),
        hierarchical_parameters,
        strata_data,
        {
            "cart - soc": Question("e", 1, 0, value=0.1),
            "cart - soc, first stratum": Question("e", 1, 0, value=0.1, stratum=0),
            "cart - soc, third stratum": Question("e", 1, 0, value=0.0, stratum=2),
            "soc, second stratum": Question("e", 0, value=0.1, stratum=1),
        },
    ),
    "piecewise_exponential": Case(
        {
            "cuts": CUTS,
            "prior": {
                "baseline": BASELINE,
                "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": LOG_RATIO_SD},
            },
        },
        ("soc", "cart"),
        (),
        (1.0,),
        piecewise_parameters,
        piecewise_data,
        {
            "hazard ratio": Question("e", 1, 0, value=1.0, above=False, kind="hazard_ratio"),
        },
        beside=("hazard_ratio",),
    ),
    "piecewise_exponential_commensurate": Case(
        calibration_borrowed.TIMES,
        ("soc", "cart"),
        (),
        (1.0,),
        calibration_borrowed.commensurate_parameters,
        borrowed_data,
        {"hazard ratio": Question("e", 1, 0, value=1.0, above=False, kind="hazard_ratio")},
        beside=("hazard_ratio",),
        external=calibration_borrowed.EXTERNAL,
    ),
    "gamma_poisson_robust_map": calibration_borrowed.RATES,
    "beta_binomial_robust_map": calibration_borrowed.PROBABILITIES,
    "normal_robust_map": Case(
        calibration_borrowed.MEANS,
        ("soc", "cart"),
        (),
        (1.0,),
        calibration_borrowed.mean_map_parameters,
        score_data,
        {
            "soc": Question("e", 0, value=-1.0),
            "cart - soc": Question("e", 1, 0, value=-1.0, above=False),
        },
        external=calibration_borrowed.SCORES,
    ),
    "stratified_piecewise_exponential": stratified_case(own=False),
    "stratified_piecewise_exponential_own": stratified_case(own=True),
    "weibull_cure": Case(
        {
            "prior": {
                "cured": {"dist": "beta", "a": CURED[0], "b": CURED[1]},
                "median_months": {"dist": "lognormal", "median": MEDIAN[0], "sigma": MEDIAN[1]},
                "shape": {"dist": "lognormal", "median": SHAPE[0], "sigma": SHAPE[1]},
            }
        },
        ("soc", "cart"),
        (),
        (1.0,),
        cure_parameters,
        cure_data,
        {
            "cart cured": Question("e", 1, value=0.5),
            "cart at 24 months": Question("e", 1, value=0.6, kind="remaining", month=24.0),
            "cart - soc at 12 months": Question("e", 1, 0, value=0.1, kind="remaining", month=12.0),
            "cart - soc cured": Question("e", 1, 0, value=0.0),
        },
    ),
    "restricted_mean": Case(
        {"prior": MEANS},
        ("soc", "cart"),
        ("sle", "ssc"),
        (0.6, 0.4),
        mean_parameters,
        mean_data,
        {
            "cart": Question("e", 1, value=6.0),
            "cart - soc": Question("e", 1, 0, value=1.0),
            "cart - soc, first stratum": Question("e", 1, 0, value=0.0, stratum=0),
        },
    ),
    "normal": Case(
        {"prior": CHANGES, "spread": SPREAD},
        ("soc", "cart", "mrna"),
        (),
        (1.0,),
        score_parameters,
        score_data,
        {
            "cart": Question("e", 1, value=-2.0),
            "cart - soc": Question("e", 1, 0, value=-1.0, above=False),
            "mrna - cart": Question("e", 2, 1, value=0.0),
        },
    ),
    "normal_visits": Case(
        {},
        ("soc", "cart"),
        (),
        (1.0,),
        visit_parameters,
        visit_data,
        {
            "cart": Question("e", 1, value=-2.0),
            "cart - soc": Question("e", 1, 0, value=-0.5, above=False),
        },
    ),
    "gamma_poisson": Case(
        {"prior": RATE},
        ("soc", "cart"),
        (),
        (1.0,),
        rate_parameters,
        rate_data,
        {"cart": Question("e", 1, value=0.1), "cart - soc": Question("e", 1, 0, value=0.02)},
    ),
    "beta_binomial_early": calibration_early.CASE,
    "beta_binomial_time_machine": calibration_calendar.case(2),
    "beta_binomial_time_machine_first_order": calibration_calendar.case(1),
    "beta_binomial_periods": calibration_calendar.PERIODS_CASE,
    **{
        f"{model}_{name}": calibration_calendar_events.case(model, walks)
        for model in ("gamma_poisson", "piecewise_exponential")
        for name, walks in (("periods", False), ("time_machine", True))
    },
    **calibration_by_stratum.CASES,
    "normal_beyond": calibration_beyond.NORMAL,
    "normal_visits_beyond": calibration_beyond.VISITS,
}

INTERVALS = {  # how times are drawn, and months between visits
    "piecewise_exponential": (piecewise_data, 1.0),
    "stratified_piecewise_exponential": (stratified_data, 1.0),
    "weibull_cure": (cure_data, 3.0),
}
for model, (data, every) in INTERVALS.items():
    named = replace(CASES[model], table={"model": model, **CASES[model].table})
    CASES[f"{model}_intervals"] = calibration_intervals.by_intervals(named, data, every)


# ── the study ─────────────────────────────────────────────────────────────────────────────────
@dataclass
class Study:
    """What came out for one model and face.

    Attributes
    ----------
    ranks
        By quantity, ``(dataset,)``: where in its posterior the true value lies, from 0 to 1.
    scores
        By question: the standardised sum of (what is true - its probability).
    failed
        Data sets whose posterior failed, or whose chains were not to be trusted.
    """

    ranks: dict[str, Floats]
    scores: dict[str, float]
    failed: int

    def rows(self) -> list[dict[str, Any]]:
        """A row a quantity, as they are kept."""
        found = []
        for name in dict.fromkeys([*self.ranks, *self.scores]):
            values = self.ranks.get(name)
            p = None if values is None else uniformity.p_value(values)
            found.append(
                {
                    "quantity": name,
                    "datasets": "" if values is None else len(values),
                    "p_uniform": "" if p is None else f"{p:.4f}",
                    "inside_bands": "" if p is None else str(p >= 0.05).lower(),
                    "score": f"{self.scores[name]:.2f}" if name in self.scores else "",
                    "failed": self.failed,
                }
            )
        return found


def drawn(case: Case, number: int, seed: int) -> tuple[Truth, Summary, Booleans | None]:
    """Parameters from the prior, data given them, and which strata are open."""
    generator = np.random.default_rng(seed)
    truth = case.parameters(generator, number)
    data = case.data(generator, truth)
    if len(case.shares) == 1:
        return truth, data, None
    is_open = generator.random((number, len(case.shares))) < 0.7
    is_open[~is_open.any(axis=1)] = True
    return truth, data, is_open


def true_quantities(
    case: Case, face: Any, truth: Truth, is_open: Booleans | None
) -> dict[str, Floats]:
    """True value of what each question is about, ``(dataset,)``."""
    number = len(next(iter(truth.values())))
    found = {}
    for label, question in case.questions.items():
        if case.true is not None:
            found[label] = case.true(question, truth)
            continue
        values = [
            face.quantity(
                {name: truth[name][None, None, i] for name in case.asked(truth)},
                question,
                None if is_open is None else is_open[i],
            )[0, 0]
            for i in range(number)
        ]
        found[label] = np.array(values)
    return found


def score(true: Floats, probability: Floats) -> float:
    spread = np.sqrt((probability * (1.0 - probability)).sum())
    return float((true - probability).sum() / spread)


def fast_study(name: str, number: int, seed: int) -> Study:
    """Fast face: probability that a quantity lies below its true value."""
    case = CASES[name]
    analysis, fitted, face = faces(case, name)
    truth, data, is_open = drawn(case, number, seed)
    true = true_quantities(case, face, truth, is_open)
    together = analysis.posterior(fitted, data, is_open)
    scores = {
        label: score(holds(question, true[label]), together.probability(question))
        for label, question in case.questions.items()
    }
    failed = 0 if together.failed is None else int(together.failed.sum())
    ranks: dict[str, Floats] = {
        label: np.empty(number) for label, q in case.questions.items() if q.kind != "best"
    }
    for i in range(number):
        one = analysis.posterior(
            fitted, data.rows(np.array([i])), None if is_open is None else is_open[i : i + 1]
        )
        for label in ranks:
            question = case.questions[label].at(float(true[label][i]))
            above = one.probability(question)[0]
            ranks[label][i] = 1.0 - above if question.above else above
    return Study(ranks, scores, failed)


def pymc_study(name: str, number: int, seed: int) -> Study:
    """PyMC: rank of the true value among thinned draws, of every parameter and quantity."""
    from adaptive_cart.models.sampling import Compiled, fitted_carefully

    case = CASES[name]
    _, _, face = faces(case, name)
    truth, data, is_open = drawn(case, number, seed)
    true = true_quantities(case, face, truth, is_open)
    generator = np.random.default_rng([seed, 1])
    compiled: dict[object, Compiled] = {}
    failed = 0

    def fitted(table: dict[str, Any], at: int) -> tuple[Any, str | None]:
        form = face.form(table)
        if form not in compiled:
            compiled[form] = Compiled(face, table)
        return fitted_carefully(compiled[form], table, seed=at, chains=CHAINS, draws=DRAWS)

    ranks: dict[str, list[float]] = {}
    chances: dict[str, list[float]] = {}
    for i in range(number):
        here = None if is_open is None else is_open[i]
        fits: dict[bytes, Any] = {}
        trouble_here = False
        for label, question in case.questions.items():
            table = face.data(data, i, here, question)
            key = b"|".join(values.tobytes() for values in table.values())
            if key not in fits:
                fits[key], trouble = fitted(table, seed + i)
                trouble_here |= trouble is not None
            quantity = face.quantity(fits[key].draws, question, here)
            chances.setdefault(label, []).append(float(holds(question, quantity).mean()))
            if question.kind != "best":
                ranks.setdefault(label, []).append(_rank(quantity, true[label][i], generator))
        asked = case.asked(truth)
        if asked:
            pooled = face.data(data, i, here, None)
            key = b"|".join(values.tobytes() for values in pooled.values())
            if key not in fits:
                fits[key], trouble = fitted(pooled, seed + i)
                trouble_here |= trouble is not None
        for parameter in asked:
            values = truth[parameter]
            for place in np.ndindex(values.shape[1:]):
                label = parameter + (f"[{', '.join(map(str, place))}]" if place else "")
                draws = fits[key].draws[parameter][(slice(None), slice(None), *place)]
                ranks.setdefault(label, []).append(_rank(draws, values[(i, *place)], generator))
        failed += trouble_here
    scores = {
        label: score(holds(question, true[label]), np.array(chances[label]))
        for label, question in case.questions.items()
    }
    return Study({label: np.array(values) for label, values in ranks.items()}, scores, failed)


def _rank(draws: Floats, true: float, generator: Generator) -> float:
    """Rank among thinned draws, from 0 to 1, the tie with itself broken at random."""
    thinned = draws[:, ::THIN]
    return float(((thinned < true).sum() + generator.random()) / (thinned.size + 1))


# ── what is kept ──────────────────────────────────────────────────────────────────────────────
def figure(name: str, studies: dict[str, Study], path: Path) -> None:
    """Distribution functions of the ranks, less the uniform one, within their 95% bands."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots(
        1, len(studies), figsize=(5.2 * len(studies), 4.2), squeeze=False, layout="constrained"
    )
    for axis, (face, study) in zip(axes[0], studies.items(), strict=True):
        number = len(next(iter(study.ranks.values())))
        at, lower, upper = uniformity.bands(number)
        axis.fill_between(at, lower - at, upper - at, color="0.88", lw=0, label="95%, simultaneous")
        axis.axhline(0.0, color="0.5", lw=0.8)
        asked = CASES[name].questions
        for label, values in study.ranks.items():
            away = np.searchsorted(np.sort(values), at, side="right") / number - at
            if label in asked:
                axis.plot(at, away, lw=1.4, label=label)
            else:
                axis.plot(at, away, lw=0.7, color="0.45")
        if len(study.ranks) > len(asked):
            axis.plot([], [], lw=0.7, color="0.45", label="parameters")
        axis.set_title(f"{name}, {face}: {number:,} data sets", fontsize=10)
        axis.set_xlabel("posterior probability below the true value")
        axis.set_ylabel("distribution function − uniform")
        axis.legend(fontsize=7, frameon=False, loc="upper right")
        top = 1.9 * float((upper - at).max())
        axis.set_ylim(-top, top)
        axis.spines[["top", "right"]].set_visible(False)
    fig.savefig(path, dpi=110)
    plt.close(fig)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", default=list(CASES))
    parser.add_argument("--datasets", type=int, default=2_000, help="for the fast face")
    parser.add_argument("--pymc", type=int, default=250, help="data sets for PyMC; 0 for none")
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.models:
        began = time.perf_counter()
        studies = {"fast": fast_study(name, options.datasets, options.seed)}
        if options.pymc:
            studies["PyMC"] = pymc_study(name, options.pymc, options.seed + 1)
        rows = [
            {"model": name, "face": face, **row}
            for face, study in studies.items()
            for row in study.rows()
        ]
        with (options.out / f"calibration_{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        figure(name, studies, options.out / f"calibration_{name}.png")
        for row in rows:
            print(" ".join(f"{value!s:>14s}" for value in row.values()))
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
