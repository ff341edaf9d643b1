"""The type I error of a small design on counts with strata, without Monte Carlo error.

The numbers by stratum and arm differ from trial to trial (:mod:`adaptive_cart.running.
strata_numbers`). Given the numbers at a look, every table of responders by arm and stratum is
judged by the posterior that simulated trials use; and given a table, whether the trial is still
running does not depend on the rates, since those who responded are any of those analysed in their
arm and stratum. So the rules are followed once through the looks, each table carrying the
probability that a trial which comes to it has not ended before: hypergeometric in every cell, and
mixed over the numbers that the look before may have seen.

The error at some rates is the sum over looks, numbers and tables of that probability with binomial
masses. As a polynomial it is written in the urns of a trial in which every cell has as many
participants as any can have: those who are seen are any of them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.running.carrying import binomials
from adaptive_cart.running.engine import analysed_at, obstacles
from adaptive_cart.running.exact import holds_of_tables
from adaptive_cart.running.strata_numbers import Numbers, NumbersByStratum

MOST_TABLES = 1_500_000  # of all looks and numbers, where nobody asked for enumeration
EVER_TABLES = 20_000_000  # and where somebody did
CHUNK = 64  # truths whose masses are held at once


def why_not_by_stratum(design: Design, base: str) -> list[str]:
    """Why the error by stratum is not a matter of tables alone; nothing where it is."""
    found = obstacles(design, {base: design.truths[base]}, strata=True)
    plan = Plan.of(design)
    for rule in plan.rules:
        if len(rule.targets) > 1:
            found.append(f"rule '{rule.name}' asks about several targets")
        if any(part.prediction is not None for part in rule.parts):
            found.append(f"rule '{rule.name}' predicts, which is not enumerated by stratum")
    return found


def tables_by_stratum(design: Design) -> int:
    """How many tables the looks of a design have, over all numbers by stratum and arm, about."""
    total, arms = sum(design.allocation), len(design.arms)
    found = 0
    for seen in analysed_at(design):
        found += sum(
            math.prod(
                number * ratio // total + 1 for number in numbers for ratio in design.allocation
            )
            for numbers in _splits(seen, len(design.shares))
        ) * (2 ** len(design.shares) if arms > 1 else 1)
    return found


def _splits(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    if parts == 1:
        yield (total,)
        return
    for first in range(total + 1):
        yield from ((first, *rest) for rest in _splits(total - first, parts - 1))


@dataclass(frozen=True)
class _Seen:
    """The tables of one choice of numbers at a look, ``(responders, …)`` by stratum and arm.

    Attributes
    ----------
    chance
        Of these numbers.
    wins
        By rule for success: probability that a trial which comes to a table has not ended before,
        where the rule declares success; 0 elsewhere.
    """

    numbers: Numbers
    chance: float
    wins: Mapping[str, Floats]


class StrataError:
    """Probability of success by arm's rates in every stratum, enumerated."""

    def __init__(self, design: Design) -> None:
        self.design = design
        self.plan = Plan.of(design)
        self.success = [rule for rule in self.plan.rules if rule.decision.ends == SUCCESS]
        self.looks = [*self._followed()]
        cells = np.array([_cells(one.numbers) for look in self.looks for one in look])
        self.most = tuple(int(number) for number in cells.max(axis=0))
        self.longest = max(
            math.prod(n + 1 for n in _cells(one.numbers)) for look in self.looks for one in look
        ) + max(len(look) for look in self.looks)

    def _followed(self) -> Iterator[list[_Seen]]:
        law = NumbersByStratum(self.design)
        running: dict[Numbers, tuple[float, Floats]] = {
            law.nobody: (1.0, np.ones((1,) * len(_cells(law.nobody))))
        }
        before = 0
        for number, seen in enumerate(analysed_at(self.design), start=1):
            chances: dict[Numbers, float] = {}
            reached: dict[Numbers, Floats] = {}
            for old, (chance, still) in running.items():
                for new, moves in law.onward(old, seen - before):
                    both = chance * moves
                    chances[new] = chances.get(new, 0.0) + both
                    came = both * _carried(still, _cells(old), _cells(new))
                    reached[new] = reached[new] + came if new in reached else came
            running, found = {}, []
            for numbers, mass in reached.items():
                given = mass / chances[numbers]
                wins, open_ = self._judged(number, numbers)
                won = {name: np.where(held, given, 0.0) for name, held in wins.items()}
                found.append(_Seen(numbers, chances[numbers], won))
                running[numbers] = chances[numbers], np.where(open_, given, 0.0)
            before = seen
            yield found

    def _judged(self, look: int, numbers: Numbers) -> tuple[dict[str, Booleans], Booleans]:
        """By rule for success, the tables on which it declares it; and where the trial runs on."""
        shape = tuple(n + 1 for n in _cells(numbers))
        flat = np.stack(np.unravel_index(np.arange(math.prod(shape)), shape), axis=1)
        successes = np.swapaxes(flat.reshape(len(flat), len(numbers), -1), 1, 2)
        totals = np.broadcast_to(np.array(numbers, dtype=np.int64).T, successes.shape)
        seen = LookAnalysis.of_strata(self.plan, self.design.primary, successes, totals)
        by_arm = [int(n) for n in np.array(numbers).sum(axis=0)]
        open_, wins = np.ones(len(flat), dtype=np.bool_), {}
        for rule in self.plan.rules:
            if look not in rule.looks or rule.silent(by_arm):
                continue
            holds = open_ & holds_of_tables(seen, rule, look)[0]
            if rule.decision.ends == SUCCESS:
                wins[rule.name] = holds.reshape(shape)
            open_ &= ~holds
        return wins, open_.reshape(shape)

    # ── the error ─────────────────────────────────────────────────────────────────────────
    def at(self, rates: Floats, names: Collection[str]) -> Floats:
        """Probability that one of some rules declares success, ``(truth,)``.

        Parameters
        ----------
        rates
            ``(truth, stratum, arm)``.
        """
        flat = rates.reshape(len(rates), -1)
        found = np.zeros(len(flat))
        for first in range(0, len(flat), CHUNK):
            part = slice(first, first + CHUNK)
            masses: dict[tuple[int, int], Floats] = {}
            for one in (one for look in self.looks for one in look):
                event = _summed(one.wins, names)
                if event is None:
                    continue
                told: Floats = event[None]
                for cell, number in enumerate(_cells(one.numbers)):
                    key = cell, number
                    if key not in masses:
                        masses[key] = binomials(number, flat[part, cell])
                    told = np.einsum("ti,ti...->t...", masses[key], np.broadcast_to(
                        told, (len(masses[key]), *told.shape[1:])
                    ))  # fmt: skip
                found[part] += one.chance * told
        return np.minimum(found, 1.0)

    def event(self, names: Collection[str]) -> Floats:
        """Probability that one of some rules declares success, by the responders of every urn.

        As if every cell, by stratum and arm, had as many participants as any trial can have there,
        and those who are seen were any of them: ``(responders, …)``.
        """
        found = np.zeros(tuple(number + 1 for number in self.most))
        for one in (one for look in self.looks for one in look):
            event = _summed(one.wins, names)
            if event is not None:
                found += one.chance * _carried(event, _cells(one.numbers), self.most)
        return found


def _summed(wins: Mapping[str, Floats], names: Collection[str]) -> Floats | None:
    some = [mass for name, mass in wins.items() if name in names]
    return np.asarray(sum(some[1:], some[0])) if some else None


def _cells(numbers: Numbers) -> tuple[int, ...]:
    """Stratum by stratum, arm by arm."""
    return tuple(number for by_arm in numbers for number in by_arm)


def _carried(event: Floats, few: Sequence[int], many: Sequence[int]) -> Floats:
    """An event by those seen, by the responders among more of whom these are any."""
    for axis, (seen, every) in enumerate(zip(few, many, strict=True)):
        if seen != every:
            moved = np.tensordot(event, drawn_from(seen, every), axes=(axis, 0))
            event = np.moveaxis(moved, -1, axis)
    return event


@functools.lru_cache(maxsize=4_000)
def drawn_from(seen: int, every: int) -> Floats:
    """Probability of the responders among those seen, given those among all, each rounded once."""
    found = np.zeros((seen + 1, every + 1))
    for all_ in range(every + 1):
        ways = math.comb(every, all_)
        for k in range(max(0, all_ - (every - seen)), min(seen, all_) + 1):
            found[k, all_] = float(
                Fraction(math.comb(seen, k) * math.comb(every - seen, all_ - k), ways)
            )
    return found
