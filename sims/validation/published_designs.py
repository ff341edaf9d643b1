"""Designs whose operating characteristics others have published, run here.

    python sims/validation/published_designs.py           # everything, half a minute
    python sims/validation/published_designs.py --fast    # what is enumerated, some seconds

Writes ``published_designs.csv`` beside this file (``--fast`` writes nothing): a row a published
number, with its source, the number as it was printed, what this package finds, the difference that
is allowed, and whether they agree. Where they do not, ``remark`` says why; the command fails if
there is a disagreement without one.

A design of one arm has here a control of the same size, about which no rule asks: it changes
nothing. A published boundary in counts is written as a threshold that lies between two
neighbouring counts. Everything goes through ``simulate`` and the boundaries that ``check`` prints,
enumerated but for the survival design. Single posterior and predictive probabilities come from the
model itself.

Allowed: half of the last printed digit, nothing for a count; where the published number was
simulated, four of its Monte Carlo standard errors; where it is normal theory for what is analysed
here by another posterior, what the studies at the end say.

Numbers printed by R packages are those of their documentation or of their own tests: phase1b
(Genentech), ph2bayes 0.0.2, ph2bye, ppseq 0.2.5, BayesianQDM, clinfun, UnplanSimon, lrstat,
gsDesign 3.11.
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

import adaptive_cart as ac
from adaptive_cart.conduct.predictive import Condition, predictive_probability
from adaptive_cart.models.binary.beta_binomial import BetaBinomial, BetaMixture
from adaptive_cart.nouns.questions import Question
from adaptive_cart.running.boundaries import boundaries

Rule = dict[str, Any]
Beta = tuple[float, float]

COLUMNS = ("source", "quantity", "published", "found", "difference", "allowed", "agrees", "remark")
ALONE = {"endpoint": "response", "arm": "experimental"}
AGAINST = {**ALONE, "minus": "control"}
UNIFORM, JEFFREYS = (1.0, 1.0), (0.5, 0.5)
NONE = -1  # no count at all
NORMAL = NormalDist()
SURVIVAL_TRIALS = 20_000


@dataclass(frozen=True)
class Row:
    """A published number, as it was printed, and the one found here."""

    source: str
    quantity: str
    published: str
    found: float
    allowed: float | None = None  # half of the last printed digit if left out

    @property
    def value(self) -> float:
        """The published number."""
        return NONE if self.published == "none" else float(self.published.lstrip("<>"))

    @property
    def tolerance(self) -> float:
        """How far the two may be apart; rounding of the last bit is no difference."""
        if self.allowed is not None:
            return self.allowed
        return 0.5 * 10.0 ** -len(self.published.partition(".")[2]) + 1e-12

    @property
    def agrees(self) -> bool:
        """Whether they are as near as is allowed, or on the side that was printed."""
        if self.published[0] in "<>":
            return (self.found < self.value) == (self.published[0] == "<")
        return abs(self.found - self.value) <= self.tolerance

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as it is written."""
        one_sided = self.published[0] in "<>"
        found = "none" if self.published == "none" and self.agrees else f"{self.found:.9g}"
        difference = "" if one_sided else f"{self.found - self.value:.2g}"
        allowed = "" if one_sided else f"{self.tolerance:.2g}"
        agrees = "yes" if self.agrees else "no"
        remark = "" if self.agrees else REMARKS.get((self.source, self.quantity), "")
        return (self.source, self.quantity, self.published, found, difference, allowed, agrees,
                remark)  # fmt: skip


# ── designs ───────────────────────────────────────────────────────────────────────────────────
def binary(
    looks: Sequence[int],
    rules: list[Rule],
    rates: Mapping[str, float | Beta],
    control: Beta = UNIFORM,
    experimental: Beta = UNIFORM,
    ratio: tuple[int, int] = (1, 1),
) -> ac.Design:
    """Two arms; pairs are control first; ``looks`` in blocks of the ratio, so 1:1 by arm."""
    pairs = {name: rate if isinstance(rate, tuple) else (0.5, rate) for name, rate in rates.items()}
    priors = {"control": control, "experimental": experimental}
    return ac.Design(
        name="published",
        arms={
            "control": {"control": True, "allocation": ratio[0]},
            "experimental": {"allocation": ratio[1]},
        },
        endpoints={"response": {"type": "landmark", "month": 1}},
        analysis={
            "response": {
                "model": "beta_binomial",
                "prior": {arm: {"a": a, "b": b} for arm, (a, b) in priors.items()},
            }
        },
        enrolment={"max_n": sum(ratio) * looks[-1], "per_month": 10},
        looks={"observed": [sum(ratio) * number for number in looks]},
        rules=rules,
        scenarios={
            name: {"response": dict(zip(priors, pair, strict=True))} for name, pair in pairs.items()
        },
    )


def by_predictive_probability(
    looks: Sequence[int],
    final: Rule,
    futility: float | None,
    efficacy: float | None,
    rates: Mapping[str, float | Beta],
    control: Beta = UNIFORM,
    experimental: Beta = UNIFORM,
) -> ac.Design:
    """Success by ``final`` at the last look; until then the predictive probability of it."""
    early = list(range(1, len(looks)))
    rules: list[Rule] = [
        {"name": "final", "then": "declare_success", "looks": [len(looks)], **final}
    ]
    if futility is not None:
        rules.append({"name": "futility", "then": "declare_futility", "looks": early,
                      "predictive": {"rule": "final"}, "below": futility})  # fmt: skip
    if efficacy is not None:
        rules.append({"name": "efficacy", "then": "declare_success", "looks": early,
                      "predictive": {"rule": "final"}, "at_least": efficacy})  # fmt: skip
    return binary(looks, rules, rates, control, experimental)


def above(prior: BetaMixture, successes: int, total: int, value: float) -> float:
    """P(rate > value) in one arm."""
    model = BetaBinomial((prior,))
    return float(model.above(0, np.array([[successes]]), np.array([[total]]), value)[0])


def difference(priors: Sequence[BetaMixture], counts: Sequence[int], margin: float) -> float:
    """P(experimental - control > margin); ``counts`` are successes and totals, control first."""
    model = BetaBinomial(tuple(priors))
    successes, totals = np.array([counts[0::2]]), np.array([counts[1::2]])
    return float(model.difference_above(1, 0, successes, totals, margin)[0])


def predicted(
    prior: BetaMixture, seen: tuple[int, int], last: int, value: float, wanted: float
) -> float:
    """Probability that P(rate > value) >= ``wanted`` once ``last`` have been observed."""
    condition = Condition(Question("response", 0, value=value), True, wanted)
    arrays = (np.array([[number]], dtype=np.int64) for number in (*seen, last))
    return float(predictive_probability(BetaBinomial((prior,)), condition, *arrays)[0])


def between(successes: int, total: int, value: float) -> float:
    """A threshold on P(rate > value) that tells ``successes`` from one more."""
    uniform = BetaMixture.single(*UNIFORM)
    low, high = (above(uniform, number, total, value) for number in (successes, successes + 1))
    return (low + high) / 2.0


# ── reading off ───────────────────────────────────────────────────────────────────────────────
def enumerated(design: ac.Design) -> Callable[..., float]:
    """Exact operating characteristics: ``figure(scenario, measure, look=...)``."""
    result = ac.simulate(design, engine="exact")

    def figure(scenario: str, measure: str, **where: Any) -> float:
        return result.figure(scenario, measure, **where).estimate

    return figure


def in_arm(figure: Callable[..., float], scenario: str, measure: str = "n_analysed_mean") -> float:
    """Participants of one arm, of two that are equal."""
    return figure(scenario, measure) / 2.0


def edges(design: ac.Design, rule: str, largest: bool) -> dict[int, int]:
    """Largest (or smallest) number of responders at which a rule holds, by number analysed."""
    found = {}
    for boundary in boundaries(design):
        if boundary.rule == rule:
            held = np.flatnonzero(boundary.holds[0])
            found[boundary.analysed[0]] = int(held[-1 if largest else 0]) if len(held) else NONE
    return found


def count_rows(source: str, what: str, printed: Mapping[int, int], found: Mapping[int, int]) -> Any:
    """Rows of a boundary in counts, by number analysed."""
    for total, count in printed.items():
        text = "none" if count == NONE else str(count)
        yield Row(source, f"{what}, {total} observed", text, found[total], 0.0)


SAVILLE = "Saville et al. 2014, Clin Trials 11:485, section 2"
FINAL_POSTERIOR = "P(p > 0.5), 59 of 100"


# ── one arm ───────────────────────────────────────────────────────────────────────────────────
def single_probabilities() -> Iterable[Row]:
    """Posterior and predictive probabilities that documentation works out."""
    lee_liu = BetaMixture.single(0.6, 0.4)
    uniform = BetaMixture.single(*UNIFORM)
    source = "Lee and Liu 2008, Clin Trials 5:93, p. 97"
    example = predicted(lee_liu, (16, 23), 40, 0.6, 0.9)
    yield Row(source, "predictive probability, 16 of 23, 40 planned", "0.5656", example)
    source = "R package ph2bayes, example of predprob"
    yield Row(source, "predictive probability, 16 of 23, 40 planned", "0.5655589", example)
    source = "R package ph2bye, example of PredP"
    found = predicted(uniform, (16, 23), 40, 0.5, 0.9)
    yield Row(source, "predictive probability, 16 of 23, uniform prior", "0.8871897", found)
    source = "R package phase1b, tests"
    mixed = BetaMixture((0.75, 0.25), (1.0, 25.0), (1.0, 15.0))
    found = predicted(mixed, (20, 23), 40, 0.6, 0.9)
    yield Row(source, "predprob, 20 of 23, mixture", "0.9874431", found)
    found = above(lee_liu, 16, 23, 0.6)
    yield Row(source, "postprob, 16 of 23", "0.8359808", found)
    halves = BetaMixture((0.5, 0.5), (0.6, 1.0), (0.4, 1.0))
    found = above(halves, 10, 23, 0.6)
    yield Row(source, "postprob, 10 of 23, mixture", "0.05559802", found)
    found = difference((lee_liu, lee_liu), (0, 0, 16, 23), 0.1)
    yield Row(source, "postprobDist, 16 of 23, margin 0.1", "0.4431067", found)
    found = difference((halves, halves), (0, 0, 10, 23), 0.1)
    yield Row(source, "postprobDist, 10 of 23, mixtures", "0.3143941", found)
    control = BetaMixture((0.3, 0.7), (0.6, 1.0), (0.4, 1.0))
    found = difference((control, halves), (0, 0, 10, 23), 0.1)
    yield Row(source, "postprobDist, 10 of 23, weighted mixtures", "0.3248885", found)
    found = above(uniform, 59, 100, 0.5)
    yield Row(SAVILLE, FINAL_POSTERIOR, "0.963", found)
    design = binary([100], [{"name": "final", "then": "declare_success", "at_least": 0.95,
                             "posterior": {**ALONE, "above": 0.5}}], {"null": 0.5})  # fmt: skip
    found = enumerated(design)("null", "success")
    yield Row(SAVILLE, "type I error of P(p > 0.5) >= 0.95 at 100", "0.044", found)
    smallest = edges(design, "final", largest=False)
    yield from count_rows(SAVILLE, "smallest success", {100: 59}, smallest)
    source = "BayesianQDM, vignette single-binary"
    jeffreys = BetaMixture.single(*JEFFREYS)
    for margin, printed, below in ((0.2, "0.8517", False), (0.05, "0.0347", True)):
        found = difference((jeffreys, jeffreys), (3, 12, 8, 12), margin)
        side = "<=" if below else ">"
        found = 1.0 - found if below else found
        yield Row(source, f"P(difference {side} {margin}), 8 of 12 v 3 of 12", printed, found)


def bayesian_boundaries() -> Iterable[Row]:
    """Boundaries of posterior and predictive rules, in counts."""
    above_02 = {"posterior": {**ALONE, "above": 0.2}, "at_least": 0.8}
    looks = (10, 20, 30, 40)
    design = by_predictive_probability(looks, above_02, 0.1, 0.9, {"null": 0.2})
    source = "R package phase1b, test of boundsPredprob"
    low, high = {10: 0, 20: 2, 30: 5}, {10: 4, 20: 7, 30: 9}
    yield from count_rows(source, "largest futility", low, edges(design, "futility", True))
    yield from count_rows(source, "smallest efficacy", high, edges(design, "efficacy", False))
    yield from count_rows(source, "smallest success", {40: 10}, edges(design, "final", False))
    posteriors = {(0, 10): "0.0859", (2, 20): "0.1787", (5, 30): "0.3931", (9, 40): "0.704",
                  (4, 10): "0.9496", (7, 20): "0.9569", (9, 30): "0.9254",
                  (10, 40): "0.8177"}  # fmt: skip
    uniform = BetaMixture.single(*UNIFORM)
    for (successes, total), printed in posteriors.items():
        # rounded to four decimals, a last 0 not shown
        found = above(uniform, successes, total, 0.2)
        yield Row(source, f"P(p > 0.2), {successes} of {total}", printed, found, 5e-5 + 1e-12)

    rules: list[Rule] = [
        {"name": "efficacy", "then": "declare_success", **above_02, "at_least": 0.6},
        {"name": "futility", "then": "declare_futility", "posterior": {**ALONE, "below": 0.2},
         "at_least": 0.6},
    ]  # fmt: skip
    design = binary(looks, rules, {"null": 0.2})
    source = "R package phase1b, test of boundsPostprob"
    low, high = {10: 1, 20: 3, 30: 5, 40: 6}, {10: 2, 20: 5, 30: 7, 40: 9}
    yield from count_rows(source, "largest futility", low, edges(design, "futility", True))
    yield from count_rows(source, "smallest efficacy", high, edges(design, "efficacy", False))

    source = "R package ph2bayes, example of stopbound_pred"
    final = {"posterior": {**ALONE, "above": 0.3}, "at_least": 0.85}
    design = by_predictive_probability(
        range(1, 41), final, 0.05, None, {"null": 0.3}, experimental=(0.6, 1.4)
    )
    steps = {1: NONE, 4: 0, 8: 1, 11: 2, 14: 3, 17: 4, 20: 5, 22: 6, 25: 7, 27: 8, 29: 9}
    held = edges(design, "futility", True)
    yield from count_rows(source, "largest futility", steps, held)
    # a step is printed where it begins, so that one participant fewer is on the step before
    before = {total - 1: bound - 1 for total, bound in steps.items() if total > 1}
    yield from count_rows(source, "largest futility", before, held)


def ppseq_one_arm() -> Iterable[Row]:
    """Sequential predictive probability in one arm: 95 participants, a look every 5."""
    source = "Zabore et al. 2023, R Journal, RJ-2023-017 (ppseq): one-sample vignette"
    looks = range(5, 96, 5)
    # threshold: participants, success and futility under the null, then under the alternative
    printed = {0.05: ("50.580", "0.081", "0.866", "89.925", "0.874", "0.095"),
               0.1: ("38.780", "0.073", "0.887", "81.770", "0.793", "0.183")}  # fmt: skip
    final = {"posterior": {**ALONE, "above": 0.1}, "at_least": 0.92}
    for threshold, numbers in printed.items():
        design = by_predictive_probability(
            looks, final, threshold, None, {"null": 0.1, "alternative": 0.2}, experimental=JEFFREYS
        )
        yield from ppseq_rows(f"{source}, ppp {threshold}", design, numbers)
    bounds = (NONE, 0, 0, 1, 1, 2, 2, 3, 4, 4, 5, 6, 7, 8, 8, 9, 10, 11)
    steps = dict(zip(looks, bounds, strict=False))
    found = edges(design, "futility", True)
    source = f"{source}, ppp 0.1"
    yield from count_rows(source, "largest futility", steps, found)
    yield from count_rows(source, "smallest success", {95: 14}, edges(design, "final", False))


def ppseq_rows(source: str, design: ac.Design, printed: Sequence[str]) -> Iterable[Row]:
    """Operating characteristics from 1,000 simulated trials in each scenario."""
    figure = enumerated(design)
    for scenario, numbers in (("null", printed[:3]), ("alternative", printed[3:])):
        spread = in_arm(figure, scenario, "n_analysed_sd")
        mean, success, futility = numbers
        allowed = 4.0 * spread / math.sqrt(1000.0)
        yield Row(source, f"{scenario}: participants", mean, in_arm(figure, scenario), allowed)
        for measure, text in (("success", success), ("stop_futility", futility)):
            found = figure(scenario, measure)
            allowed = 4.0 * math.sqrt(found * (1.0 - found) / 1000.0)
            yield Row(source, f"{scenario}: {measure}", text, found, allowed)


def chen_futility() -> Iterable[Row]:
    """Futility by predictive probability; the printed reports round to percent."""
    # looks: largest futility; success and futility at 0.30 and at 0.50
    printed = {
        "two": ((25, 50), (8,), ("0.04", "0.68", "0.88", "0.05")),
        "three": ((15, 30, 50), (4, 10), ("0.04", "0.77", "0.85", "0.09")),
        "multi": ((10, 20, 30, 40, 50), (2, 6, 10, 15), ("0.04", "0.91", "0.83", "0.14")),
    }
    final = {"posterior": {**ALONE, "above": 0.3}, "at_least": 0.95}
    for stages, (looks, bounds, numbers) in printed.items():
        source = f"Chen 2019, Bayesian predictive futility, {stages}-stage demonstration"
        design = by_predictive_probability(looks, final, 0.2, None, {"0.3": 0.3, "0.5": 0.5})
        steps = dict(zip(looks, bounds, strict=False))
        yield from count_rows(source, "largest futility", steps, edges(design, "futility", True))
        yield from count_rows(source, "smallest success", {50: 21}, edges(design, "final", False))
        figure = enumerated(design)
        asked = [(rate, measure) for rate in ("0.3", "0.5")
                 for measure in ("success", "stop_futility")]  # fmt: skip
        for (rate, measure), text in zip(asked, numbers, strict=True):
            yield Row(source, f"{measure} at {rate}", text, figure(rate, measure))


# p0, p1, r1, n1, r, n; then what is printed of: expected number at p0, early stopping at p0,
# success at p0, success at p1
CLINFUN = "R package clinfun, ph2simon (designs of Simon 1989, Control Clin Trials 10:1)"
UNPLANNED = "R package UnplanSimon, documentation (Liu and Pan)"
TWO_STAGES: tuple[tuple[str, float, float, tuple[int, ...], tuple[str, ...]], ...] = (
    (CLINFUN, 0.2, 0.4, (3, 19, 10, 36), ("28.26", "0.4551")),
    (CLINFUN, 0.2, 0.4, (3, 17, 10, 37), ("26.02", "0.5489")),
    (CLINFUN, 0.2, 0.4, (3, 13, 12, 43), ("20.58", "0.7473")),
    (CLINFUN, 0.2, 0.4, (4, 18, 10, 33), ("22.25", "0.7164")),
    (CLINFUN, 0.2, 0.35, (15, 68, 25, 95), ("75.44", "0.7244")),
    (CLINFUN, 0.2, 0.35, (11, 53, 26, 99), ("69.88", "0.6330")),
    (CLINFUN, 0.2, 0.35, (11, 51, 27, 104), ("67.68", "0.6852")),
    (CLINFUN, 0.2, 0.35, (11, 50, 28, 109), ("67.07", "0.7107")),
    (CLINFUN, 0.25, 0.45, (5, 23, 13, 39), ("31.50", "0.4685")),
    (CLINFUN, 0.25, 0.45, (3, 15, 13, 40), ("28.47", "0.4613")),
    (CLINFUN, 0.25, 0.45, (3, 14, 14, 44), ("28.36", "0.5213")),
    (UNPLANNED, 0.2, 0.4, (3, 17, 10, 34), ("24.669", "0.549", "0.059", "0.847")),
    (UNPLANNED, 0.25, 0.45, (2, 11, 14, 41), ("27.344", "0.455", "0.060", "0.854")),
    (UNPLANNED, 0.05, 0.2, (1, 20, 3, 35), ("23.962", "0.736", "0.080", "0.901")),
    (UNPLANNED, 0.05, 0.2, (1, 20, 3, 33), ("23.434", "0.736", "0.070", "0.888")),
    (UNPLANNED, 0.1, 0.3, (2, 18, 4, 26), ("20.130", "0.734", "0.099", "0.904")),
    (UNPLANNED, 0.1, 0.3, (2, 18, 4, 24), ("19.597", "0.734", "0.080", "0.876")),
)  # fmt: skip


def two_stages() -> Iterable[Row]:
    """Two stages: stop with r1 of n1 or fewer, succeed with more than r of n."""
    for source, low, high, (r1, n1, r, n), printed in TWO_STAGES:
        question = {**ALONE, "above": low}
        rules: list[Rule] = [
            {"name": "first", "then": "declare_futility", "looks": [1], "posterior": question,
             "below": between(r1, n1, low)},
            {"name": "second", "then": "declare_success", "looks": [2], "posterior": question,
             "at_least": between(r, n, low)},
        ]  # fmt: skip
        figure = enumerated(binary((n1, n), rules, {"p0": low, "p1": high}))
        found = (in_arm(figure, "p0"), figure("p0", "stop_futility"), figure("p0", "success"),
                 figure("p1", "success"))  # fmt: skip
        words = ("expected number at p0", "early stopping at p0", "success at p0", "success at p1")
        what = f"{r1}/{n1}, {r}/{n} for {low} v {high}"
        for word, text, number in zip(words, printed, found, strict=False):
            yield Row(source, f"{what}: {word}", text, number)


def fixed_size() -> Iterable[Row]:
    """One look: reject with b responses of n or more, for 0.15 against 0.25."""
    source = "R package gsDesign, nBinomial1Sample, article One-Sample Binomial Problems"
    printed = {173: (36, "0.02454081", "0.9154285"), 175: (37, "0.01816144", "0.8989629"),
               180: (38, "0.01725049", "0.9035219")}  # fmt: skip
    for n, (b, alpha, power) in printed.items():
        rule = {"name": "reject", "then": "declare_success", "at_least": between(b - 1, n, 0.2),
                "posterior": {**ALONE, "above": 0.2}}  # fmt: skip
        figure = enumerated(binary([n], [rule], {"p0": 0.15, "p1": 0.25}))
        yield Row(source, f"{b} of {n}: type I error", alpha, figure("p0", "success"))
        yield Row(source, f"{b} of {n}: power", power, figure("p1", "success"))


def three_looks() -> Iterable[Row]:
    """A group-sequential design in counts: both boundaries, nine true rates."""
    source = "R package gsDesign, example of gsBinomialExact"
    # upper boundary by look, any, expected number; lower boundary at looks 2 and 3, any
    printed = """
        0.0043 0.0002 0.0001 0.0045 34.9 0.0798 0.9157 0.9955
        0.0726 0.0155 0.0168 0.1048 34.0 0.0047 0.8905 0.8952
        0.2763 0.0993 0.1164 0.4921 28.2 0.0002 0.5077 0.5079
        0.5618 0.1782 0.1362 0.8762 20.4 0.0000 0.1238 0.1238
        0.8062 0.1372 0.0463 0.9896 15.0 0.0000 0.0104 0.0104
        0.9427 0.0519 0.0052 0.9998 12.8 0.0000 0.0002 0.0002
        0.9905 0.0093 0.0002 1.0000 12.1 0.0000 0.0000 0.0000
        0.9994 0.0006 0.0000 1.0000 12.0 0.0000 0.0000 0.0000
        1.0000 0.0000 0.0000 1.0000 12.0 0.0000 0.0000 0.0000"""
    lines = [line.split() for line in printed.split("\n")[1:]]
    question = {**ALONE, "above": 0.3}
    upper = [between(bound - 1, n, 0.3) for bound, n in ((5, 12), (9, 24), (12, 36))]
    lower = [between(bound, n, 0.3) for bound, n in ((0, 24), (11, 36))]
    rules: list[Rule] = [
        {"name": "upper", "then": "declare_success", "posterior": question, "at_least": upper},
        {"name": "lower", "then": "declare_futility", "posterior": question, "below": lower,
         "looks": [2, 3]},
    ]  # fmt: skip
    rates = {f"{tenths / 10}": tenths / 10 for tenths in range(1, 10)}
    figure = enumerated(binary((12, 24, 36), rules, rates))
    for name, numbers in zip(rates, lines, strict=True):
        found = {f"upper, look {look}": figure(name, "stop_success", look=look)
                 for look in (1, 2, 3)}  # fmt: skip
        found |= {"upper": figure(name, "success"), "expected number": in_arm(figure, name)}
        found |= {f"lower, look {look}": figure(name, "stop_futility", look=look)
                  for look in (2, 3)}  # fmt: skip
        found |= {"lower": figure(name, "stop_futility")}
        for (what, number), text in zip(found.items(), numbers, strict=True):
            yield Row(source, f"rate {name}: {what}", text, number)


VACCINE = "Protocol C4591001 (BNT162b2; N Engl J Med 2020;383:2603), tables 6 to 8"
# vaccine efficacy in percent: success and futility at looks of 32, 62 and 92 cases, success at 120
# and at 164, success at any look
VACCINE_TABLE = {
    30: "0.006 0.315 0.003 0.231 0.002 0.239 0.002 0.007 0.021",
    50: "0.054 0.078 0.051 0.056 0.063 0.103 0.075 0.196 0.439",
    60: "0.150 0.021 0.160 0.010 0.175 0.019 0.160 0.220 0.866",
    70: "0.368 0.003 0.310 <0.001 0.195 0.001 0.085 0.036 >0.999",
    80: "0.722 <0.001 0.238 <0.001 0.037 <0.001 0.003 <0.001 >0.999",
}
ANY_LOOK = "success at any look"


def vaccine() -> Iterable[Row]:
    """A vaccine trial: a participant is a case, a response is a case in the vaccine arm.

    With as many participants in either arm a case is a vaccinated one with probability
    (1 - VE) / (2 - VE); its prior is Beta(0.700102, 1). Success is P(VE > 30%) > 0.995, at the end
    0.986; futility a predictive probability of the latter below 0.05 (every threshold from 0.048 to
    0.052 gives the printed boundaries).
    """
    share = {efficacy: (1.0 - efficacy / 100.0) / (2.0 - efficacy / 100.0)
             for efficacy in VACCINE_TABLE}  # fmt: skip
    rules: list[Rule] = [
        {"name": "success", "then": "declare_success", "at_least": [0.995] * 4 + [0.986],
         "posterior": {**ALONE, "below": share[30]}},
        {"name": "futility", "then": "declare_futility", "looks": [1, 2, 3], "below": 0.05,
         "predictive": {"rule": "success"}},
    ]  # fmt: skip
    rates = {f"{efficacy}": rate for efficacy, rate in share.items()}
    design = binary((32, 62, 92, 120, 164), rules, rates, experimental=(0.700102, 1.0))
    bounds = {32: 6, 62: 15, 92: 25, 120: 35, 164: 53}
    yield from count_rows(VACCINE, "most cases for success", bounds, edges(design, "success", True))
    bounds = {32: 15, 62: 26, 92: 35}
    found = edges(design, "futility", False)
    yield from count_rows(VACCINE, "fewest cases for futility", bounds, found)
    figure = enumerated(design)
    for efficacy, line in VACCINE_TABLE.items():
        name, numbers = f"{efficacy}", {}
        for look in range(1, 6):
            numbers[f"success at look {look}"] = figure(name, "stop_success", look=look)
            if look <= 3:
                numbers[f"futility at look {look}"] = figure(name, "stop_futility", look=look)
        numbers[ANY_LOOK] = figure(name, "success")
        for (what, number), text in zip(numbers.items(), line.split(), strict=True):
            yield Row(VACCINE, f"VE {efficacy}%: {what}", text, number)


# ── two arms ──────────────────────────────────────────────────────────────────────────────────
def go_and_no_go() -> Iterable[Row]:
    """Go if P(difference > target) >= 0.8, NoGo if P(difference <= minimum) >= 0.2."""
    small = {0.10: "0.0014 0.1056 0.8930", 0.20: "0.0287 0.2718 0.6994",
             0.30: "0.1322 0.3919 0.4760", 0.40: "0.3264 0.4037 0.2700",
             0.55: "0.6795 0.2457 0.0748", 0.70: "0.9180 0.0721 0.0100"}  # fmt: skip
    borrowed = {0.20: "0.0070 0.2122 0.7809", 0.30: "0.0482 0.4210 0.5308",
                0.40: "0.1579 0.5367 0.3054", 0.55: "0.4419 0.4578 0.1003",
                0.70: "0.7405 0.2384 0.0211"}  # fmt: skip
    larger = {0.2: "0.0003372479 0.09184133 0.90782142", 0.3: "0.0116417787 0.32750590 0.66085232",
              0.4: "0.0957743162 0.57605430 0.32817138", 0.5: "0.3378026160 0.56181307 0.10038431",
              0.6: "0.6725094551 0.31034897 0.01714158"}  # fmt: skip
    # a power prior at one half: 4 of 15 earlier controls, 5 of 15 earlier treated
    halved = ((0.5 + 0.5 * 4, 0.5 + 0.5 * 11), (0.5 + 0.5 * 5, 0.5 + 0.5 * 10))
    tables = (
        ("vignette single-binary, controlled", 12, 0.20, 0.1, (JEFFREYS, JEFFREYS), small),
        ("vignette single-binary, external", 12, 0.20, 0.1, halved, borrowed),
        ("vignette binary-endpoints", 30, 0.25, 0.2, (JEFFREYS, JEFFREYS), larger),
    )
    for name, n, target, control, (before, treated), printed in tables:
        rules: list[Rule] = [
            {"name": "go", "then": "declare_success", "at_least": 0.8,
             "posterior": {**AGAINST, "above": target}},
            {"name": "no_go", "then": "declare_futility", "at_least": 0.2,
             "posterior": {**AGAINST, "below": 0.05}},
        ]  # fmt: skip
        rates = {f"{rate}": (control, rate) for rate in printed}
        figure = enumerated(binary([n], rules, rates, control=before, experimental=treated))
        words = {"Go": "success", "Gray": "no_success", "NoGo": "stop_futility"}
        for rate, line in printed.items():
            for (word, measure), text in zip(words.items(), line.split(), strict=True):
                what = f"{rate} v {control}: {word}"
                yield Row(f"BayesianQDM, {name}", what, text, figure(f"{rate}", measure))


def fishers_test() -> Iterable[Row]:
    """Fisher's exact test as a posterior probability (Altham 1969, J R Stat Soc B 31:261).

    Its one-sided p is P(X <= Y), X ~ Beta(a, b + 1), Y ~ Beta(c + 1, d): the posterior under
    Beta(0, 1) and Beta(1, 0) priors, here nearly. Of two equal arms the two-sided p is twice that.
    """
    rule = {"name": "reject", "then": "declare_success", "at_least": 0.975,
            "posterior": {**AGAINST, "above": 0.0}}  # fmt: skip
    design = binary(
        [68], [rule], {"alternative": (0.05, 0.25)}, control=(1.0, 1e-6), experimental=(1e-6, 1.0)
    )
    found = enumerated(design)("alternative", "success")
    source = "R package lrstat, example of powerFisherExact"
    yield Row(source, "power, 68 v 68, 0.25 v 0.05", "0.8979826", found)


def ppseq_two_arms() -> Iterable[Row]:
    """Sequential predictive probability in two arms of 50, a look every 10 in each."""
    source = "Zabore et al. 2023, R Journal, RJ-2023-017 (ppseq): two-sample vignette"
    printed = {(0.90, 0.05): ("29.91", "0.083", "0.733", "46.18", "0.738", "0.144"),
               (0.90, 0.10): ("27.32", "0.078", "0.780", "43.81", "0.705", "0.209"),
               (0.91, 0.05): ("29.01", "0.071", "0.758", "45.71", "0.719", "0.161"),
               (0.92, 0.05): ("28.61", "0.070", "0.770", "45.49", "0.701", "0.167")}  # fmt: skip
    for (wanted, threshold), numbers in printed.items():
        final = {"posterior": {**AGAINST, "above": 0.0}, "at_least": wanted}
        rates = {"null": (0.1, 0.1), "alternative": (0.1, 0.25)}
        design = by_predictive_probability(
            range(10, 51, 10), final, threshold, None, rates, control=JEFFREYS,
            experimental=JEFFREYS,
        )  # fmt: skip
        yield from ppseq_rows(f"{source}, pp {wanted:.2f}, ppp {threshold}", design, numbers)


# ── group-sequential designs of normal theory ─────────────────────────────────────────────────
# gsDesign(): 2.5% one-sided, power 0.9, three looks; what is printed of it
GROUP_SEQUENTIAL = "R package gsDesign, default design of gsDesign(), printed by gsProbability"
UPPER, LOWER, RATIO, DRIFT = (3.01, 2.55, 2.00), (-0.24, 0.94, 2.00), (0.357, 0.713, 1.070), 3.2415
CROSSED = {  # upper boundary by look, any; lower boundary by look; expected number, as a ratio
    "null": "0.0013 0.0049 0.0171 0.0233 0.4057 0.4290 0.1420 0.6249",
    "alternative": "0.1412 0.4403 0.3185 0.9000 0.0148 0.0289 0.0563 0.7913",
}


def by_normal_bounds(question: Rule) -> list[Rule]:
    """Flat priors: the posterior probability of a benefit is the normal one of the statistic."""
    return [
        {"name": "upper", "then": "declare_success", "posterior": question,
         "at_least": [NORMAL.cdf(bound) for bound in UPPER]},
        {"name": "lower", "then": "declare_futility", "posterior": question,
         "below": [NORMAL.cdf(bound) for bound in LOWER]},
    ]  # fmt: skip


def crossing_rows(
    name: str, figure: Callable[..., float], slack: Callable[[float], float]
) -> Iterable[Row]:
    """Crossing probabilities by look, and the expected number that follows from them.

    ``slack(probability)`` is the difference allowed in a probability.
    """
    for scenario, line in CROSSED.items():
        upper, lower = ([figure(scenario, measure, look=look) for look in (1, 2, 3)]
                        for measure in ("stop_success", "stop_futility"))  # fmt: skip
        found = {f"upper, look {look}": p for look, p in enumerate(upper, start=1)}
        found["upper"] = figure(scenario, "success")
        found |= {f"lower, look {look}": p for look, p in enumerate(lower, start=1)}
        texts = line.split()
        for (what, number), text in zip(found.items(), texts, strict=False):
            yield Row(GROUP_SEQUENTIAL, f"{name}, {scenario}: {what}", text, number, slack(number))
        stop = [sum(pair) for pair in zip(upper, lower, strict=True)]
        mean = sum(share * p for share, p in zip(RATIO, stop, strict=True))
        # who goes on costs about another third of the fixed design, once or twice
        allowed = RATIO[0] * (2.0 * slack(stop[0]) + slack(stop[1]))
        what = f"{name}, {scenario}: expected number as a ratio"
        yield Row(GROUP_SEQUENTIAL, what, texts[-1], mean, allowed)


def group_sequential_binary() -> Iterable[Row]:
    """Normal bounds on two arms of a binary endpoint, 0.44 against 0.56, enumerated.

    Arms of 6 to 7, so that the statistic takes many values (1:1, its steps are coarse). Allowed
    0.005: 0.002 for bounds printed to two decimals, 0.003 for looks at whole blocks.
    """
    control, treated, ratio = 0.44, 0.56, (6, 7)
    variance = control * (1.0 - control) / ratio[0] + treated * (1.0 - treated) / ratio[1]
    fixed = (DRIFT / (treated - control)) ** 2 * variance  # blocks of the fixed design
    looks = [round(share * fixed) for share in RATIO]
    rates = {"null": (0.5, 0.5), "alternative": (control, treated)}
    design = binary(looks, by_normal_bounds({**AGAINST, "above": 0.0}), rates, ratio=ratio)
    yield from crossing_rows("binary", enumerated(design), lambda probability: 0.005)


def group_sequential_survival() -> Iterable[Row]:
    """Normal bounds on a hazard ratio of 0.7, looks by events, simulated.

    Information is a quarter of the events. Allowed: four Monte Carlo standard errors, and 0.005 for
    bounds printed to two decimals (0.002 at most) and a likelihood that is not quite normal.
    """
    ratio = 0.7
    fixed = 4.0 * (DRIFT / math.log(ratio)) ** 2
    events = [round(share * fixed) for share in RATIO]
    question = {"endpoint": "survival", "arm": "experimental", "hazard_ratio_to": "control",
                "below": 1.0}  # fmt: skip
    medians = {"null": 12.0, "alternative": 12.0 / ratio}
    design = ac.Design(
        name="published",
        arms={"control": {"control": True}, "experimental": {}},
        endpoints={"survival": {"type": "time_to_event", "horizon": 120}},
        analysis={
            "survival": {
                "model": "piecewise_exponential",
                "cuts": [],
                "prior": {
                    "baseline": {"a": 0.001, "b": 0.001},
                    "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 10.0},
                },
            }
        },
        enrolment={"max_n": 500, "per_month": 20},
        looks={"events": events},
        rules=by_normal_bounds(question),
        scenarios={
            name: {
                "survival": {
                    "control": {"dist": "exponential", "median": 12.0},
                    "experimental": {"dist": "exponential", "median": median},
                }
            }
            for name, median in medians.items()
        },
    )
    result = ac.simulate(design, trials=SURVIVAL_TRIALS, seed=1, jobs=1)

    def figure(scenario: str, measure: str, **where: Any) -> float:
        return result.figure(scenario, measure, **where).estimate

    def slack(probability: float) -> float:
        return 4.0 * math.sqrt(probability * (1.0 - probability) / SURVIVAL_TRIALS) + 0.005

    yield from crossing_rows("survival", figure, slack)


FAST = (single_probabilities, bayesian_boundaries, ppseq_one_arm, chen_futility, two_stages,
        fixed_size, three_looks, vaccine, go_and_no_go, fishers_test, ppseq_two_arms,
        group_sequential_binary)  # fmt: skip
SLOW = (group_sequential_survival,)
REMARKS = {
    (VACCINE, f"VE 70%: {ANY_LOOK}"): "misprinted: its own five looks add up to 0.994",
    (SAVILLE, FINAL_POSTERIOR): "it is 0.9636: cut off rather than rounded",
}


def rows_of(studies: Iterable[Callable[[], Iterable[Row]]]) -> list[Row]:
    """All rows of some studies, in order."""
    return [row for study in studies for row in study()]


def main() -> int:
    """Compare, write the table, and say whether everything that disagrees is explained."""
    fast = "--fast" in sys.argv
    rows = rows_of(FAST if fast else (*FAST, *SLOW))
    if not fast:
        file = Path(__file__).with_suffix(".csv")
        with file.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(row.cells for row in rows)
    for row in rows:
        source, quantity, published, found, _, allowed, agrees, remark = row.cells
        mark = " " if agrees == "yes" else "!"
        print(f"{mark} {source[:44]:44s} {quantity[:52]:52s} {published:>12s} {found:>12s}"
              f" {allowed:>8s} {remark}")  # fmt: skip
    apart = [row for row in rows if not row.agrees]
    print(f"{len(rows)} published numbers, {len(apart)} disagree")
    return 1 if any(not row.cells[-1] for row in apart) else 0


if __name__ == "__main__":
    sys.exit(main())
