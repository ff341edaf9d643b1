"""A trial that every candidate may have: its design, and the truth of each candidate in it.

A candidate that works starts from a scenario, with its own values in it; one that does not is there
the `same_as` its control (without one: as who is not infused), or has a scenario of its own.

*Selected* participants have the primary endpoint more often. Where its probability is said
directly, it is raised by so much; in a course the probability of remission is raised until that of
the endpoint is higher by so much. The endpoint's probability is linear in that of remission,
whatever else the course says, since one uniform alone decides who remits: raising remission by
``selected / (P(endpoint | everybody may remit) - P(endpoint | nobody))`` is exact. Neither goes
beyond 1.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.design.own_truths import OwnTruths
from adaptive_cart.design.scenario_frame import NOT_INFUSED
from adaptive_cart.design.scenarios import truth_of_table
from adaptive_cart.design.truth import Truth, merged
from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.programmes.planting import Planted, Steps
from adaptive_cart.results.estimand import SobolLatents, true_values

FEW = 2**8  # points by which it is seen whether an endpoint hangs on remission


@dataclass(frozen=True)
class CandidateTrial:
    """A design, and what is true in it of candidates.

    Attributes
    ----------
    arm
        Position of the experimental arm.
    planted
        Truths of candidates that work.
    null
        The truth of every candidate that does not.
    selected
        By how much more likely its participants have the primary endpoint.
    benefit
        Endpoint whose true mean is months in remission; blank where none is asked for.
    """

    design: Design
    scenario: str
    arm: int
    planted: Planted
    null: Truth
    selected: float = 0.0
    benefit: str = ""

    def truths(
        self, works: Booleans, values: Mapping[Steps, Floats], per_remission: Floats | None = None
    ) -> OwnTruths:
        """Truths of candidates, all arrays ``(candidate,)``.

        Parameters
        ----------
        per_remission
            What the probability of remission adds to that of the primary endpoint in a course,
            where participants are selected.
        """
        gain = np.zeros(len(works)) if per_remission is None else per_remission
        distinct: list[Truth] = []
        of_trial = np.zeros(len(works), dtype=np.int64)
        of_kind: dict[bool, int] = {}
        for place in range(len(works)):
            kind = bool(works[place])
            if kind and values:
                own = {steps: float(of[place]) for steps, of in values.items()}
                truth = self.planted.truth(own)
            elif kind in of_kind:
                of_trial[place] = of_kind[kind]
                continue
            else:
                truth = self.planted.base if kind else self.null
                of_kind[kind] = len(distinct)
            of_trial[place] = len(distinct)
            distinct.append(self._selected(truth, float(gain[place])))
        return OwnTruths(tuple(distinct), of_trial)

    def by_remission(self, truth: Truth, points: SobolLatents | None = None) -> float:
        """By how much the primary is more probable where everybody may remit than where nobody."""
        points = points or SobolLatents(points=FEW)
        plan, found = Plan.of(self.design), []
        for probability in (0.0, 1.0):
            moved = self.remitting(truth, all_=probability)
            true = true_values(self.design, moved, points, only_claimed=plan)
            found.append(true.by_arm[self.design.primary][self.arm].value)
        return found[1] - found[0]

    def _selected(self, truth: Truth, gain: float) -> Truth:
        if not self.selected:
            return truth
        primary = self.design.primary
        if primary in truth.direct:
            by_arm = list(truth.direct[primary])
            by_arm[self.arm] = tuple(min(p + self.selected, 1.0) for p in by_arm[self.arm])
            return replace(truth, direct={**truth.direct, primary: tuple(by_arm)})
        more = self.selected / gain if gain > 0.0 else 0.0
        return self.remitting(truth, more=more)

    def remitting(self, truth: Truth, more: float = 0.0, all_: float | None = None) -> Truth:
        """The same truth with another probability of remission in the experimental arm.

        Parameters
        ----------
        more
            By how much it is higher, 1 at most.
        all_
            What it is instead.
        """
        assert truth.courses is not None

        def moved(probability: float) -> float:
            return min(probability + more, 1.0) if all_ is None else all_

        courses = list(truth.courses)
        courses[self.arm] = tuple(
            replace(group, own=replace(group.own, remission=moved(group.own.remission)))
            for group in courses[self.arm]
        )
        return replace(truth, courses=tuple(courses))


def null_truth(design: Design, scenario: str, arm: str) -> Truth:
    """The truth of a scenario in which an arm is as its control.

    Raises
    ------
    DesignError
        Where there is nothing for the arm to be as.
    """
    own: dict[str, Any] = copy.deepcopy(dict(design.scenarios[scenario]))
    whole = merged(design.truth, own)
    if isinstance(whole.get(arm), dict):
        own[arm] = {"same_as": design.control or NOT_INFUSED}
    for name in design.endpoints:
        said = whole.get(name)
        if not isinstance(said, dict) or arm not in said:
            continue
        if design.control is None or design.control not in said:
            raise DesignError(
                [
                    Problem(
                        "does_not_work",
                        f"missing; '{name}' of '{arm}' is said directly and there is no control "
                        f"whose value a product without effect would have: name the scenario in "
                        f"which it does not work",
                    )
                ]
            )
        own[name] = {**own.get(name, {}), arm: said[design.control]}
    own["role"] = "null"
    return truth_of_table(design, "does_not_work", own)
