"""False discovery, correct decisions and loss at every threshold, with their Monte Carlo errors.

Of each trial of each scenario the largest probability that the rule ever asked for is known (it was
simulated with success switched off): it is a success at every threshold up to that. Trial i has the
same participants in every scenario, so that the error of a weighted sum needs how often a trial is
a success in two scenarios at once, which the smaller of its two probabilities tells. Where truths
are drawn, the claim is true in some trials of a scenario and false in others: these are two kinds
of trials, each of which is never a success where the other may be.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.results.figure import Z95
from adaptive_cart.running.calibrating.averaged_thresholds import Wanted
from adaptive_cart.running.simulated_error import ALWAYS, NEVER, TIE

FEWEST = 5  # false successes without which a false discovery is not shown to be small


@dataclass(frozen=True)
class OfScenario:
    """Trials of one scenario.

    Attributes
    ----------
    true
        Whether the claim is true there; ``(trial,)`` where each has a truth of its own.
    largest
        ``(trial,)`` the largest probability that was asked for; below 0 where none was.
    """

    name: str
    weight: float
    true: bool | Booleans
    largest: Floats

    @property
    def share_true(self) -> float:
        """In which part of the trials the claim is true."""
        return float(np.mean(self.true))

    def parts(self) -> Iterator[_Part]:
        """The trials in which the claim is false, and those in which it is true."""
        for true in (False, True):
            here = np.broadcast_to(np.asarray(self.true) == true, self.largest.shape)
            if here.any():
                yield _Part(self.weight, true, np.where(here, self.largest, NEVER))


@dataclass(frozen=True)
class _Part:
    """Trials that are all true or all false successes, those of the other kind never one."""

    weight: float
    true: bool
    largest: Floats


class Curves:
    """What is wanted, at every threshold that trials can tell apart.

    Attributes
    ----------
    values
        ``(threshold,)`` the probabilities that came up, rising: a threshold between two of them
        counts the larger and not the smaller.
    """

    def __init__(self, members: Sequence[OfScenario], wanted: Wanted) -> None:
        self.members = [part for one in members for part in one.parts()]
        self.wanted = wanted
        asked = np.concatenate([one.largest for one in members])
        pooled = np.unique(asked[asked > NEVER] if (asked > NEVER).any() else np.ones(1))
        self.values = pooled[np.concatenate([[True], np.diff(pooled) > TIE])]
        self.trials = min(len(one.largest) for one in members)
        self._reached = np.array([self._share(one.largest) for one in self.members])
        self.weights = np.array([one.weight for one in self.members])
        self.claims = np.array([one.true for one in self.members])
        self.false = (self.weights * ~self.claims) @ self._reached
        self.true = (self.weights * self.claims) @ self._reached
        self._drawn = [one for one in members if 0.0 < one.share_true < 1.0]

    def _share(self, largest: Floats) -> Floats:
        """How many trials reach each threshold, of all."""
        ordered = np.sort(largest)
        below = np.searchsorted(ordered, self.values - TIE / 2.0)
        return np.asarray(1.0 - below / len(ordered))

    def kept(self, upper: bool) -> Booleans:
        """Thresholds that keep what is wanted, by the 95% bound of it or by its estimate."""
        wanted, held = self.wanted, np.ones(len(self.values), dtype=np.bool_)
        slack = Z95 if upper else 0.0
        if wanted.false_discovery is not None:
            share = self.discovery()
            bound = share + slack * self._error_of_discovery(share)
            held &= bound <= wanted.false_discovery + 1e-12
        if wanted.correct_decision is not None:
            bound = self.correct() - slack * self._error_of_correct()
            held &= bound >= wanted.correct_decision - 1e-12
        return held

    def shown(self) -> Booleans:
        """Thresholds at which enough successes are false to say how often they are."""
        seen = (self._reached[~self.claims] * self.trials).sum(axis=0)
        return np.asarray(seen >= FEWEST)

    def discovery(self) -> Floats:
        """P(the claim is false | success) at each threshold."""
        return self.false / (self.false + self.true)

    def correct(self) -> Floats:
        """P(a correct decision) at each threshold."""
        return self.true + 1.0 - self.wanted.true - self.false

    def loss(self) -> Floats:
        """Expected loss at each threshold; 0 where none is asked for."""
        if self.wanted.false_success is None or self.wanted.missed is None:
            return np.zeros(len(self.values))
        missed = self.wanted.missed * (self.wanted.true - self.true)
        return self.wanted.false_success * self.false + missed

    def _error_of_discovery(self, share: Floats) -> Floats:
        """Standard error of the ratio, by the delta method."""
        whole = self.false + self.true
        parts = self.weights[:, None] * ((~self.claims)[:, None] - share[None, :]) / whole
        return self._error(parts)

    def _error_of_correct(self) -> Floats:
        """Standard error of a correct decision.

        Where truths are drawn, trials in which the claim is false count for it as well until they
        are a success: that is a part which is always there.
        """
        signs = np.where(self.claims, 1.0, -1.0) * self.weights
        always = [
            _Part(one.weight, False, np.where(np.asarray(one.true), NEVER, ALWAYS))
            for one in self._drawn
        ]
        every = [*signs, *(part.weight for part in always)]
        return self._error(np.array(every)[:, None] * np.ones(len(self.values)), always)

    def _error(self, parts: Floats, further: Sequence[_Part] = ()) -> Floats:
        """Standard error of a sum over kinds of trials of ``parts`` times success.

        Parameters
        ----------
        parts
            ``(kind, threshold)``, first those of the members.
        further
            The kinds after them.
        """
        kinds = [*self.members, *further]
        reached = [*self._reached, *(self._share(one.largest) for one in further)]
        variance = np.zeros(len(self.values))
        for one, other in itertools.combinations_with_replacement(range(len(kinds)), 2):
            both = reached[one]
            if one != other:
                both = self._share(np.minimum(kinds[one].largest, kinds[other].largest))
            covariance = both - reached[one] * reached[other]
            variance += (1.0 if one == other else 2.0) * parts[one] * parts[other] * covariance
        return np.asarray(np.sqrt(np.maximum(variance, 0.0) / self.trials))
