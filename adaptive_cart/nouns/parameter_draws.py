"""How a parameter of the truth is distributed, before anybody knows it.

The distributions are quantile functions of one uniform, and have nodes and weights by which a
function of the parameter is integrated. With as many nodes as asked for, the whole of a `beta` or a
`uniform` integrates polynomials of twice that degree, less one, without error (Gauss-Jacobi and
Gauss-Legendre; Davis & Rabinowitz 1984, Methods of Numerical Integration, section 2.7).
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from pydantic import Discriminator, Field, Tag, model_validator

from adaptive_cart.nouns.distributions import Floats
from adaptive_cart.nouns.parts import Finite, Part, Positive, Worth, worth_something

Nodes: TypeAlias = tuple[Floats, Floats]  # values, and weights that sum to the probability


def _legendre(number: int, low: float, high: float) -> Nodes:
    nodes, weights = np.polynomial.legendre.leggauss(number)
    half = (high - low) / 2.0
    return low + half * (nodes + 1.0), half * weights


class BetaDraw(Part):
    """A probability, beta by its two parameters."""

    dist: Literal["beta"] = Field(description="a probability")
    a: Worth = Field(description="what it counts for, such as responders")
    b: Worth = Field(description="what it counts against")

    @model_validator(mode="after")
    def _worth(self) -> BetaDraw:
        worth_something(self)
        return self

    @property
    def reach(self) -> tuple[float, float]:
        """The smallest value and the largest."""
        return 0.0, 1.0

    def quantile(self, u: Floats) -> Floats:
        """Values at uniforms."""
        from scipy import special

        return np.asarray(special.betaincinv(self.a, self.b, u))

    def nodes(self, number: int, low: float, high: float) -> Nodes:
        """Values between two others with their weights."""
        from scipy import special

        # what is singular at an end is the rule's own weight there, and the rest is smooth
        at_0 = self.a - 1.0 if low == 0.0 else 0.0
        at_1 = self.b - 1.0 if high == 1.0 else 0.0
        x, w = special.roots_jacobi(number, at_1, at_0)
        half = (high - low) / 2.0
        p = low + half * (x + 1.0)
        rest = np.exp(
            (self.a - 1.0 - at_0) * np.log(p) + (self.b - 1.0 - at_1) * np.log1p(-p)
            - special.betaln(self.a, self.b)
            + (1.0 + at_0 + at_1) * math.log(half)
        )  # fmt: skip
        return p, w * rest


class UniformDraw(Part):
    """Any value between two others, each as probable as the next."""

    dist: Literal["uniform"] = Field(description="any value between two others")
    low: Finite = Field(description="smallest value")
    high: Finite = Field(description="largest value")

    @model_validator(mode="after")
    def _rising(self) -> UniformDraw:
        if not self.low < self.high:
            raise ValueError(f"'low' is {self.low:g}; less than high, {self.high:g}, is expected")
        return self

    @property
    def reach(self) -> tuple[float, float]:
        """The smallest value and the largest."""
        return self.low, self.high

    def quantile(self, u: Floats) -> Floats:
        """Values at uniforms."""
        return self.low + (self.high - self.low) * u

    def nodes(self, number: int, low: float, high: float) -> Nodes:
        """Values between two others with their weights."""
        values, weights = _legendre(number, low, high)
        return values, weights / (self.high - self.low)


class LognormalDraw(Part):
    """A positive value by its median and the standard deviation of its logarithm."""

    dist: Literal["lognormal"] = Field(description="a positive value")
    median: Positive = Field(description="half of the values are above it")
    sigma: Positive = Field(description="standard deviation of the logarithm")

    @property
    def reach(self) -> tuple[float, float]:
        """The smallest value and the largest; it has no bound above."""
        return 1e-9, 1e9

    def quantile(self, u: Floats) -> Floats:
        """Values at uniforms."""
        from scipy import special

        return np.asarray(self.median * np.exp(self.sigma * special.ndtri(u)))

    def nodes(self, number: int, low: float, high: float) -> Nodes:
        """Values between two others with their weights."""
        ends = [(math.log(end / self.median)) / self.sigma for end in (low, high)]
        z, w = _legendre(number, max(ends[0], -9.0), min(ends[1], 9.0))
        return self.median * np.exp(self.sigma * z), w * np.exp(-z * z / 2.0) / math.sqrt(math.tau)


def _dist_of(value: Any) -> Any:
    return value.get("dist") if isinstance(value, dict) else getattr(value, "dist", None)


ParameterDraw = Annotated[
    Annotated[BetaDraw, Tag("beta")]
    | Annotated[UniformDraw, Tag("uniform")]
    | Annotated[LognormalDraw, Tag("lognormal")],
    Discriminator(_dist_of),
]
AnyDraw: TypeAlias = BetaDraw | UniformDraw | LognormalDraw
