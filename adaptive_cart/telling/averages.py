"""Design priors in words."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from adaptive_cart.design.design import Design
from adaptive_cart.design.design_prior import READY_MADE, draws_of, weighed_by
from adaptive_cart.design.validation import shown

LARGEST = 1_000  # denominator of a weight that is told as a fraction
ROUNDING = 1e-12  # weights this near are the same


def told_design_priors(design: Design) -> Iterator[str]:
    """What each design prior weighs, a line each."""
    yield "Design priors (averages are taken over them; the analysis knows nothing of them)"
    for name, prior in design.design_prior.items():
        ready = " (ready made)" if name in READY_MADE and prior.weights is None else ""
        yield f"  {name}{ready}: {weights_in_words(design, name)}"
        for path, dist in prior.draw.items():
            yield f"    {path} drawn from {shown(dist.plain())}"
        if prior.early_data is not None:
            drawn = prior.early_data.drawn()
            yield f"    by early data, drawn from a beta with a = {drawn.a:g}, b = {drawn.b:g}"


def weights_in_words(design: Design, name: str) -> str:
    """Say the weights of a design prior: ``null 0.3, expected 0.7``, or ``null 0.5, mild 1/6``."""
    return ", ".join(f"{one.scenario} {_share(one.weight)}" for one in weighed_by(design, name))


def _share(weight: float) -> str:
    """A weight as it was typed; one that was shared out, and has no end, as a fraction."""
    said = f"{weight:.6g}"
    near = Fraction(weight).limit_denominator(LARGEST)
    if abs(float(said) - weight) < ROUNDING or abs(float(near) - weight) > ROUNDING:
        return said
    return f"{near.numerator}/{near.denominator}"


def draws_in_words(design: Design, name: str) -> dict[str, str]:
    """By path: the distribution that a design prior draws a value of the truth from, and where."""
    prior = design.design_prior[name]
    found = {}
    for draw in draws_of(prior, design.truths, design.primary, design.experimental_names):
        numbers = {key: value for key, value in draw.dist.plain().items() if key != "dist"}
        said = ", ".join(f"{key} {value:g}" for key, value in numbers.items())
        where = "" if draw.scenario is not None else " in every scenario that is no null"
        path = ".".join(draw.steps if draw.path == "early_data" else (draw.path,))
        found[path] = f"a {draw.dist.dist} distribution ({said}){where}"
        if draw.path == "early_data":
            found[path] += ", by early data"
    return found
