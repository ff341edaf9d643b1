"""Mixtures of betas or of gammas: what they have in common, whatever their components are.

One whose weights the arm's own data set is self-adapting (Yang, Zhao, Nie, Vallejo and Yuan 2023,
Biometrics 79:2857, doi:10.1111/biom.13927): its informative part, from external data, has the
weight R / (1 + R) and a vague last part the rest, where R is how much likelier the arm's own data
are at the external rate than at one that differs by what matters clinically, above or below,
whichever of the two is the likelier.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from scipy import special

from adaptive_cart.nouns.records import Floats


@dataclass(frozen=True)
class TwoNumberMixture:
    """A mixture of distributions that have two parameters each.

    Parameters
    ----------
    weights
        Of the components; they add up to 1.
    a, b
        Parameters of each component.

    Class attributes
    ----------------
    law
        What a component is called.
    adapts
        Whether the arm's own data set the weights.
    """

    weights: tuple[float, ...]
    a: tuple[float, ...]
    b: tuple[float, ...]

    law: ClassVar[str]
    adapts: ClassVar[bool] = False

    @classmethod
    def single(cls, a: float, b: float) -> Self:
        """One component alone."""
        return cls((1.0,), (float(a),), (float(b),))

    @property
    def words(self) -> str:
        """As a protocol writes it: ``0.8 Beta(4, 16) + 0.2 Beta(1, 1)``."""
        parts = zip(self.weights, self.a, self.b, strict=True)
        named = [(weight, f"{self.law}({a:g}, {b:g})") for weight, a, b in parts]
        if len(named) == 1:
            return named[0][1]
        return " + ".join(f"{weight:g} {name}" for weight, name in named)

    def log_weights(self, seen: Any, of: Any) -> Floats:
        """Logarithms of the weights before the data, ``(component,)`` or ``(table, component)``.

        Parameters
        ----------
        seen, of
            ``(table,)`` of the arm's own data, which set the weights where the prior adapts:
            responders and participants, or events and years.
        """
        with np.errstate(divide="ignore"):  # a component may have weight 0
            return np.log(self.weights)

    def with_part(self, place: int, a: float, b: float) -> Self:
        """The same with other parameters of one component."""

        def put(values: tuple[float, ...], value: float) -> tuple[float, ...]:
            return (*values[:place], value, *values[place + 1 :])

        return replace(self, a=put(self.a, a), b=put(self.b, b))


class Adapting(TwoNumberMixture):
    """A mixture whose last part is vague, and has the less weight the better the others fit.

    Before there are data nothing speaks for or against, and the vague part has one half.
    """

    adapts: ClassVar[bool] = True
    plain: ClassVar[type[TwoNumberMixture]]  # such a mixture with weights that stay

    @property
    def apart(self) -> str:
        """What differs clinically, in words."""
        raise NotImplementedError  # abstract: each of them says it

    def log_likelihood_ratio(self, seen: Any, of: Any) -> Floats:
        """Logarithm of R, ``(table,)``; parameters as for :meth:`log_weights`."""
        raise NotImplementedError  # abstract: each of them has its likelihood

    @property
    def words(self) -> str:
        """As a protocol writes it."""
        inner = self.most.words
        inner = inner if len(self.weights) == 2 else f"({inner})"
        vague = self.plain.single(self.a[-1], self.b[-1]).words
        return (
            f"w {inner} + (1 − w) {vague}, w by the arm's own data at {self.apart}, one half "
            "before any"
        )

    @property
    def most(self) -> Any:
        """The informative part: the prior where the arm's own data let it say the most."""
        return self.plain(self._shares, self.a[:-1], self.b[:-1])

    @property
    def _shares(self) -> tuple[float, ...]:
        """Weights of the components of the informative part."""
        return tuple(2.0 * weight for weight in self.weights[:-1])

    def log_weights(self, seen: Any, of: Any) -> Floats:
        """Logarithms of the weights that the arm's own data give, ``(table, component)``."""
        ratio = self.log_likelihood_ratio(seen, of)[..., None]
        informative, vague = special.log_expit(ratio), special.log_expit(-ratio)
        return np.concatenate([informative + np.log(self._shares), vague], axis=-1)
