"""Priors as the lines that a design file takes, numbers rounded before anything is said of them."""

from __future__ import annotations

from adaptive_cart.models.binary.beta_binomial import BetaMixture
from adaptive_cart.models.mixture_fit import DIGITS
from adaptive_cart.priors.durability_prior import DurabilityPriors


def _number(value: float) -> str:
    text = f"{value:.{DIGITS}g}"
    return text if any(mark in text for mark in ".e") else f"{text}.0"


def beta_lines(prior: BetaMixture, key: str) -> list[str]:
    """A beta or beta mixture: ``prior.soc = { … }``."""
    kept = [
        (weight, a, b)
        for weight, a, b in zip(prior.weights, prior.a, prior.b, strict=True)
        if weight > 0.0
    ]
    if len(kept) == 1:
        return [f"{key} = {{ a = {_number(kept[0][1])}, b = {_number(kept[0][2])} }}"]
    parts = [
        f"    {{ weight = {weight:.{DIGITS}f}, a = {_number(a)}, b = {_number(b)} }},"
        for weight, a, b in kept
    ]
    return [f"{key} = {{ mixture = [", *parts, "] }"]


def durability_lines(priors: DurabilityPriors) -> list[str]:
    """The three priors of ``weibull_cure``."""
    a, b = priors.cured
    lines = [f'prior.cured = {{ dist = "beta", a = {_number(a)}, b = {_number(b)} }}']
    for key, (median, sigma) in (
        ("median_months", priors.median_months),
        ("shape", priors.shape),
    ):
        numbers = f"median = {_number(median)}, sigma = {_number(sigma)}"
        lines.append(f'prior.{key} = {{ dist = "lognormal", {numbers} }}')
    return lines


def comment(text: str) -> list[str]:
    """Put a sentence into comment lines of a design file."""
    import textwrap

    return [f"# {line}" for line in textwrap.wrap(text, 96)]
