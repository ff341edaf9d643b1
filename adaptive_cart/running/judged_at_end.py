"""One question of a rule at the look that ended each trial of a block, to be judged once more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, TypeVar

import numpy as np

from adaptive_cart.conduct.block import Block
from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.nouns.records import Booleans, Floats, Snapshot

EDGE: Final = 1e-12  # probabilities are told apart down to here
Judged = TypeVar("Judged", bound="JudgedAtEnd")
OfTrials = TypeVar("OfTrials", bound=Any)  # a dataclass


def joined(parts: Sequence[OfTrials]) -> OfTrials:
    """What was found of several blocks of trials, in their order: its arrays, ``(trial,)`` each."""
    arrays = [name for name, value in vars(parts[0]).items() if isinstance(value, np.ndarray)]
    return replace(
        parts[0],
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays},
    )


@dataclass(frozen=True)
class JudgedAtEnd:
    """One question at the look that ended each trial.

    Attributes
    ----------
    thresholds
        ``(trial,)`` what it is compared with; not a number where it was not judged.
    """

    seen: LookAnalysis
    part: Comparison
    thresholds: Floats

    @cached_property
    def probability(self) -> Floats:
        """As the trials stand, ``(trial,)``."""
        return self.seen.probability(self.part, self.part.question)

    @cached_property
    def holds(self) -> Booleans:
        """Whether it holds; never where it was not judged."""
        return self.part.compared(self.probability, self.thresholds)

    @property
    def known(self) -> Booleans:
        """Where it was judged and could be."""
        return ~np.isnan(self.thresholds) & ~np.isnan(self.probability)

    def with_model(self, model: Any) -> Floats:
        """The probability with another fitted model of the endpoint, ``(trial,)``."""
        again = self.seen.with_model(self.part.question.endpoint, model)
        return again.probability(self.part, self.part.question)

    def first_turn(self, answers: Sequence[Floats]) -> tuple[Floats, Booleans]:
        """Where along a line of probabilities the verdict first differs, by step.

        Between two steps the normal quantile of the probability is taken as straight.

        Parameters
        ----------
        answers
            ``(trial,)`` each, from how the trials stand on.

        Returns
        -------
        ``(trial,)`` the step, a fraction between two; and whether there is one.
        """
        from scipy.special import ndtri  # slow to import

        held = np.stack([self.part.compared(one, self.thresholds) for one in answers])
        other = (held != held[0]) & ~np.isnan(np.stack(answers))
        first = other.argmax(axis=0)
        lines = ndtri(np.clip(np.stack(answers), EDGE, 1.0 - EDGE))
        wanted, every = ndtri(self.thresholds), np.arange(held.shape[1])
        near, far = lines[np.maximum(first - 1, 0), every], lines[first, every]
        with np.errstate(divide="ignore", invalid="ignore"):
            part_way = np.clip(np.nan_to_num((wanted - near) / (far - near), nan=1.0), 0.0, 1.0)
        return np.maximum(first - 1, 0) + part_way, other.any(axis=0)


def seen_at_end(plan: Plan, block: Block) -> LookAnalysis:
    """What was seen at the look that ended each trial.

    Parameters
    ----------
    plan
        That under the truth of the block.
    block
        With its participants.
    """
    assert block.population is not None
    population, standing = block.population, block.standing
    snapshot = Snapshot(block.months, block.randomised.sum(axis=1), population)
    prepared = {
        name: kind.prepare(name, population) for name, kind in plan.design.endpoints.items()
    }
    return LookAnalysis(
        plan, snapshot, prepared, np.arange(len(block.months)), standing.compared,
        standing.open_strata, standing.closed_at,
    )  # fmt: skip


def thresholds_at_end(part: Comparison, block: Block) -> Floats:
    """What a question was compared with, ``(trial,)``; not a number between looks."""
    return np.array([
        np.nan if between else part.threshold_at(int(look))
        for look, between in zip(block.look, block.between, strict=True)
    ])  # fmt: skip


def others_hold(judged: Mapping[str, JudgedAtEnd], part: Comparison, trials: int) -> Booleans:
    """Whether all else that a rule asks holds, ``(trial,)``."""
    others = [one.holds for name, one in judged.items() if name != part.name]
    found: Booleans = np.logical_and.reduce([np.ones(trials, dtype=np.bool_), *others])
    return found


def parts_at_end(
    kind: type[Judged], plan: Plan, rule: ResolvedRule, block: Block
) -> dict[str, Judged]:
    """Every question of a rule by its name, as a kind of :class:`JudgedAtEnd`."""
    seen = seen_at_end(plan, block)
    return {part.name: kind(seen, part, thresholds_at_end(part, block)) for part in rule.parts}
