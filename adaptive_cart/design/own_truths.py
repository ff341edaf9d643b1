"""Truths of the trials of a block, each of which may have its own.

What looks, posteriors and rules see of a truth is its participants alone. So trials of different
truths go through them together, as one block, wherever the truths differ only in what participants
follow: their courses, and outcomes that are drawn as arrays. Where they differ in more (how fast
participants come, visits, trends), or in outcomes that are no arrays, a trial is run alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.records import Integers


@dataclass(frozen=True)
class OwnTruths:
    """Truths, and which of them is whose.

    Attributes
    ----------
    distinct
        Every truth that a trial has.
    of_trial
        ``(trial,)`` position of its truth.
    """

    distinct: tuple[Truth, ...]
    of_trial: Integers

    @staticmethod
    def each(truths: Sequence[Truth]) -> OwnTruths:
        """One truth a trial."""
        return OwnTruths(tuple(truths), np.arange(len(truths)))

    @staticmethod
    def alone(truth: Truth, trials: int) -> OwnTruths:
        """The same truth for every trial."""
        return OwnTruths((truth,), np.zeros(trials, dtype=np.int64))

    @property
    def first(self) -> Truth:
        """A truth that says what all of them have in common."""
        return self.distinct[0]

    def rows(self, chosen: Integers) -> OwnTruths:
        """Truths of some of the trials."""
        used, of_trial = np.unique(self.of_trial[chosen], return_inverse=True)
        return OwnTruths(tuple(self.distinct[k] for k in used), of_trial.reshape(-1))

    def parts(self) -> Iterator[tuple[Truth, Integers]]:
        """Each truth with the positions of its trials."""
        for place, truth in enumerate(self.distinct):
            yield truth, np.flatnonzero(self.of_trial == place)

    def together(self, design: Design) -> bool:
        """Whether trials of all these truths go through looks as one block."""
        return all(_follows_as(design, self.first, truth) for truth in self.distinct)


def _follows_as(design: Design, first: Truth, truth: Truth) -> bool:
    """Whether two truths differ in nothing but courses and outcomes that are arrays."""
    if truth is first:
        return True
    blank: dict[str, Any] = {
        "name": "",
        "role": "",
        "courses": None,
        "direct": {},
        "dropout": (),
        "sources": {},
    }
    if replace(truth, **blank) != replace(first, **blank):
        return False
    if truth.infused_arms != first.infused_arms or set(truth.direct) != set(first.direct):
        return False
    if truth.courses is None and truth.dropout != first.dropout:
        return False
    for name, endpoint in design.endpoints.items():
        mine, theirs = (one.said(name, endpoint.named_in) for one in (truth, first))
        if mine == theirs:
            continue
        if mine is None or theirs is None or endpoint.direct is None:
            return False
        if not all(endpoint.direct.in_array(value) for by in (*mine, *theirs) for value in by):
            return False
    return (truth.courses is None) == (first.courses is None)
