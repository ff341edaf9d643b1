"""Trials simulated at truths, and what each was shown of the outcomes whose rates move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.revealed import run_revealing
from adaptive_cart.conduct.standing import Standing
from adaptive_cart.conduct.trial import run_looks
from adaptive_cart.decisions import SUCCESS, Ending
from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.records import Booleans, Integers
from adaptive_cart.nouns.streams import Latents
from adaptive_cart.participants.population import latents_for
from adaptive_cart.running.grounds import Counted
from adaptive_cart.running.simulated_error import blocks
from adaptive_cart.running.weighed import Shown


@dataclass(frozen=True)
class Kinds:
    """What may count of a trial, in columns: a success of each target, or how it ended.

    Attributes
    ----------
    targets
        By position of a success rule: its name and how many targets it has.
    ending
        How trials end of which so many count, where no success is looked for.
    lacking
        Whether those count that do not end so.
    """

    targets: tuple[tuple[int, str, int], ...]
    ending: Ending | None = None
    lacking: bool = False

    @staticmethod
    def of(design: Design, counted: Counted) -> Kinds:
        """What has to be told of trials so that it is known of each whether it counts."""
        if counted.false is None:
            return Kinds((), counted.ending, counted.lacking)
        rules = enumerate(Plan.of(design).rules)
        return Kinds(
            tuple(
                (k, rule.name, len(rule.targets))
                for k, rule in rules
                if rule.decision.ends == SUCCESS
            )
        )

    def columns(self, counted: Counted) -> list[int]:
        """The columns of which one has to hold for a trial to count."""
        if counted.false is None:
            return [0]
        found, first = [], 0
        for _, name, many in self.targets:
            found += [first + place for place in counted.false[name]]
            first += many
        return found

    def told(self, ended: Standing) -> Booleans:
        """What counted of trials that have ended, ``(trial, column)``."""
        if self.ending is not None:
            return np.asarray((ended.reason == self.ending) != self.lacking)[:, None]
        found = []
        for position, _, many in self.targets:
            looks = ended.won.get(position)
            none = np.zeros((len(ended.reason), many), dtype=np.bool_)
            found.append(none if looks is None else looks > 0)
        return np.concatenate(found, axis=1)


@dataclass(frozen=True)
class Numbered:
    """A truth, and which trials are simulated there: no two truths have any in common.

    Attributes
    ----------
    alone
        Whether they are weighed for no other truth, so that what they were shown is not asked: it
        may be what a course leads to, and have no rate.
    """

    truth: Truth
    first: int
    trials: int
    alone: bool = False


def shown_at(design: Design, where: Numbered, *, endpoint: str, kinds: Kinds, seed: int) -> Shown:
    """The trials at a truth in which anything may count, with what they were shown."""
    plan, found = Plan.of(design), []
    for start, many in blocks(design, where.trials):
        latents = latents_for(design, seed, where.first + start, many)
        ended, seen = _ended_and_seen(plan, where, latents, endpoint)
        found.append(Shown.of(kinds.told(ended), seen, np.ones(many, dtype=np.int64)))
    return Shown.together(found)


def _ended_and_seen(
    plan: Plan, where: Numbered, latents: Latents, endpoint: str
) -> tuple[Standing, Integers]:
    """How trials ended, and ``(trial, 2 cells)`` who responded by then and who did not."""
    many = latents.trials
    if where.alone:
        return run_looks(plan, where.truth, latents), np.zeros((many, 0), dtype=np.int64)
    ended, ones, others = run_revealing(plan, where.truth, latents, endpoint)
    return ended, np.concatenate([ones.reshape(many, -1), others.reshape(many, -1)], axis=1)


def numbered(truths: Sequence[Truth], trials: int, before: int = 0) -> list[Numbered]:
    """Trials for several truths, after ``before`` trials that are taken."""
    return [Numbered(one, before + place * trials, trials) for place, one in enumerate(truths)]
