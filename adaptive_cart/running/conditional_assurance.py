"""Conditional assurance: the probability of success at the end, given what is seen at a look.

Where tables of counts are enumerated and truths are weighed by a design prior: given a table, each
truth weighs in proportion to its weight before and to the probability of the table, and the
probability of success from there on is averaged over them (O'Hagan, Stevens & Campbell 2005, Pharm
Stat 4:187, before a trial; Spiegelhalter, Abrams & Myles 2004, Bayesian Approaches to Clinical
Trials, section 6.6, during one). How a trial came to its table tells nothing more of the rates.
From each look on, what is to come is summed backwards from the last look.

The same sweep over tables gives the mean posterior probability of the claim of those that succeed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.averages import AHEAD
from adaptive_cart.results.figure import Figure, exact
from adaptive_cart.running.carrying import binomials, step
from adaptive_cart.running.exact import JudgedLook, judged_look
from adaptive_cart.running.exact_rows import percentile
from adaptive_cart.running.stagewise import RUNS_ON, STOPS_WITHOUT, SUCCEEDS, StageWise

PERCENTS = (5, 50, 95)
WeighedRates = tuple[float, tuple[float, ...]]  # a truth: its weight, and the rate of each arm


@dataclass(frozen=True)
class Ahead:
    """Looks of a design on counts with every table judged."""

    plan: Plan
    looks: tuple[JudgedLook, ...]

    @staticmethod
    def of(plan: Plan, numbers: Sequence[tuple[int, tuple[int, ...]]]) -> Ahead:
        """Judge every table of some looks, each with its number and the numbers analysed."""
        return Ahead(plan, tuple(judged_look(plan, look, n) for look, n in numbers))

    @cached_property
    def stages(self) -> StageWise:
        """The looks as stages; at the last one all who have not succeeded have stopped."""
        last, staged = self.looks[-1], []
        for look in self.looks:
            side = look.sides
            if look is last:
                side[side == RUNS_ON] = STOPS_WITHOUT
            staged.append((look.number, look.analysed, look.successes, look.estimate, side))
        return StageWise.of(staged)

    def success_from(self, rates: Sequence[float]) -> list[Floats]:
        """By look: probability of success at a later one, of each table as if it ran on."""
        following = np.zeros([n + 1 for n in self.looks[-1].analysed])
        found = [following.ravel()]
        for place in range(len(self.looks) - 1, 0, -1):
            now, later = self.looks[place - 1].analysed, self.stages.stages[place]
            wins = (later.side == SUCCEEDS) + (later.side == RUNS_ON) * found[0]
            found.insert(0, backwards(later.as_table(wins), now, later.analysed, rates))
        return found

    def measures(self, truths: Sequence[WeighedRates]) -> dict[str, Figure]:
        """Distribution of the conditional assurance over the trials that go on after each look.

        And the mean posterior probability of the claim of those that succeed, where it is one.
        """
        stages = self.stages.stages
        joint = [np.zeros(len(stage.reached)) for stage in stages[:-1]]
        masses = [np.zeros(len(stage.reached)) for stage in stages]
        for weight, rates in truths:
            ahead = self.success_from(rates)
            for place, stage in enumerate(stages):
                mass = weight * stage.masses(np.array([rates]))[0]
                masses[place] += mass
                if place < len(joint):
                    joint[place] += mass * ahead[place]
        found: dict[str, Figure] = {}
        for stage, mass, part in zip(stages, masses, joint, strict=False):
            runs = (stage.side == RUNS_ON) & (mass > 0.0)
            share = mass[runs]
            given = part[runs] / share
            name = f"{AHEAD}{stage.number}"
            mean = math.fsum(part[runs]) / math.fsum(share) if runs.any() else math.nan
            found[f"{name}_mean"] = exact(mean)
            for percent in PERCENTS:
                found[f"{name}_p{percent:02d}"] = exact(percentile(given, share, percent))
        if (claimed := self._claimed(masses)) is not None:
            found["claimed_at_success"] = exact(claimed)
        return found

    def _claimed(self, masses: Sequence[Floats]) -> float | None:
        """Mean posterior probability of the claim where a trial succeeds; nothing where several."""
        rules = {rule.name: rule for rule in self.plan.rules if rule.decision.ends == SUCCESS}
        if any(rule.only is None or rule.only.prediction is not None for rule in rules.values()):
            return None
        above, below, primary = [], [], self.plan.design.primary
        for look, mass in zip(self.looks, masses, strict=True):
            totals = np.broadcast_to(np.array(look.analysed, dtype=np.int64), look.successes.shape)
            seen = LookAnalysis.of_tables(self.plan, primary, look.successes, totals)
            for name, wins in look.wins.items():
                part = rules[name].only
                assert part is not None
                answer = seen.probability(part, part.question)
                claimed = answer if part.affirms else 1.0 - answer
                above.append(math.fsum(mass[wins] * claimed[wins]))
                below.append(math.fsum(mass[wins]))
        total = math.fsum(below)
        return math.fsum(above) / total if total > 0.0 else math.nan


def backwards(
    value: Floats, now: Sequence[int], then: Sequence[int], rates: Sequence[float]
) -> Floats:
    """Mean of what a table is worth at a later look, of each table now, ``(table now,)``."""
    steps = [step(b, a, p) for b, a, p in zip(now, then, rates, strict=True)]
    first = steps[0] @ value
    return (first if len(steps) == 1 else first @ steps[1].T).ravel()


def given_table(
    ahead: Ahead, analysed: tuple[int, ...], table: tuple[int, ...], truths: Sequence[WeighedRates]
) -> tuple[float, Floats]:
    """Conditional assurance of one table before some looks, and how probable each truth is then.

    Parameters
    ----------
    ahead
        The looks to come.
    analysed, table
        Participants and responders by arm now.
    """
    likelihood = np.array(
        [
            weight
            * math.prod(
                binomials(n, np.array([p]))[0, x]
                for x, n, p in zip(table, analysed, rates, strict=True)
            )
            for weight, rates in truths
        ]
    )
    place = int(np.ravel_multi_index(table, [n + 1 for n in analysed]))
    first = ahead.stages.stages[0]
    success = []
    for _, rates in truths:
        later = ahead.success_from(rates)[0]
        wins = first.as_table((first.side == SUCCEEDS) + (first.side == RUNS_ON) * later)
        success.append(backwards(wins, analysed, first.analysed, rates)[place])
    total = likelihood.sum()
    probable = likelihood / total if total > 0.0 else np.full(len(truths), math.nan)
    return float(probable @ np.array(success)), probable
