"""The law of candidates: which of them work, in which class they are, and with which parameters.

Every number is the quantile of a uniform that belongs to the seed, the portfolio, the candidate and
a purpose, so that a longer run extends a shorter one. Whatever gives :class:`Drawn` for portfolios
may stand in the place of what the file says, such as draws of a posterior.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from adaptive_cart.nouns.parameter_draws import AnyDraw
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.streams import uniforms
from adaptive_cart.programmes.planting import Steps

EDGE = 1e-16  # of a uniform: no quantile is asked for beyond


@dataclass(frozen=True)
class Drawn:
    """Candidates of some portfolios; arrays are ``(portfolio, candidate)``.

    Attributes
    ----------
    works
        Whether the candidate has parameters of its own; if not, it is as its control.
    of_class
        Position of its class.
    values
        By steps in a scenario: its parameters, of no meaning where it does not work.
    """

    works: Booleans
    of_class: Integers
    values: Mapping[Steps, Floats]


class CandidateLaw(Protocol):
    """What draws candidates."""

    @property
    def count(self) -> int:
        """Candidates of a portfolio."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""

    @property
    def reaches(self) -> Mapping[Steps, tuple[float, float]]:
        """By steps of a parameter: the smallest value and the largest."""

    def draw(self, seed: int, first: int, portfolios: int) -> Drawn:
        """Draw candidates of portfolios, from number ``first`` on."""


@dataclass(frozen=True)
class LawOfFile:
    """Candidates as a programme file says.

    Attributes
    ----------
    share
        Probability that a candidate works, or what it is drawn from for every portfolio.
    draws
        By steps: what a working candidate draws.
    effect_on
        Steps of the parameter to whose logit the effects of class and product add.
    between_classes, between_products
        Standard deviations of these effects.
    sizes
        By class: how many candidates it has.
    """

    share: float | AnyDraw
    draws: Mapping[Steps, AnyDraw]
    effect_on: Steps | None
    between_classes: float
    between_products: float
    sizes: Mapping[str, int]

    @property
    def count(self) -> int:
        """Candidates of a portfolio."""
        return sum(self.sizes.values())

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(self.sizes)

    @property
    def reaches(self) -> Mapping[Steps, tuple[float, float]]:
        """By steps of a parameter: the smallest value and the largest."""
        spread = self.between_classes > 0.0 or self.between_products > 0.0
        return {
            steps: (0.0, 1.0) if spread and steps == self.effect_on else dist.reach
            for steps, dist in self.draws.items()
        }

    def draw(self, seed: int, first: int, portfolios: int) -> Drawn:
        """Draw candidates of portfolios, from number ``first`` on."""
        from scipy import special

        def u(purpose: str, width: int) -> Floats:
            found = uniforms(seed, f"programme:{purpose}", first, portfolios, width)[:, :width]
            return np.clip(found, EDGE, 1.0 - EDGE)

        share: float | Floats
        if isinstance(self.share, float | int):
            share = float(self.share)
        else:
            share = self.share.quantile(u("share", 1))
        works = u("works", self.count) < share
        of_class = np.repeat(np.arange(len(self.sizes)), list(self.sizes.values()))
        values = {}
        for steps, dist in self.draws.items():
            drawn = dist.quantile(u(f"draw:{'.'.join(steps)}", self.count))
            if steps == self.effect_on:
                effect = np.zeros_like(drawn)
                if self.between_classes:
                    by_class = special.ndtri(u("class", len(self.sizes)))
                    effect += self.between_classes * by_class[:, of_class]
                if self.between_products:
                    effect += self.between_products * special.ndtri(u("product", self.count))
                if self.between_classes or self.between_products:
                    drawn = special.expit(special.logit(drawn) + effect)
            values[steps] = drawn
        return Drawn(works, np.broadcast_to(of_class, works.shape), values)
