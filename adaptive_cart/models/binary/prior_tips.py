"""How far the prior of an arm's probability may be moved: its size, its mean, its vague part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from adaptive_cart.models.binary.beta_binomial import BetaBinomial
from adaptive_cart.models.binary.beta_mixture import BetaMixture
from adaptive_cart.models.prior_tip import PriorTip

LEAST_SIZE, MOST_SIZE = 0.1, 10_000.0
EDGE = 0.001  # a mean is moved between this and one less it
VAGUE = (1.0, 1.0)


def tips_of(model: BetaBinomial, arms: tuple[str, ...]) -> Iterator[PriorTip]:
    """What of each arm's prior may be moved; nothing of one whose weights the data set."""
    for place, name in enumerate(arms):
        prior = model.priors[place]
        if prior.adapts:
            continue
        main = _main(prior)
        a, b = prior.a[main], prior.b[main]
        which = "" if len(prior.weights) == 1 else f" (its Beta({a:g}, {b:g}))"

        def put(own: BetaMixture, place: int = place) -> BetaBinomial:
            priors = (*model.priors[:place], own, *model.priors[place + 1 :])
            return replace(model, priors=priors)

        def sized(size: float, prior: BetaMixture = prior, main: int = main) -> BetaBinomial:
            own, whole = prior.a[main], prior.a[main] + prior.b[main]
            return put(prior.with_part(main, own / whole * size, (1.0 - own / whole) * size))

        def centred(mean: float, prior: BetaMixture = prior, main: int = main) -> BetaBinomial:
            whole = prior.a[main] + prior.b[main]
            return put(prior.with_part(main, mean * whole, (1.0 - mean) * whole))

        def mixed(weight: float, prior: BetaMixture = prior) -> BetaBinomial:
            return put(_vague(prior, weight))

        size = a + b
        yield PriorTip(
            name, "size", f"effective size of the prior of {name}{which}", size,
            (min(LEAST_SIZE, size), max(MOST_SIZE, size)), True, sized,
        )  # fmt: skip
        mean = a / size
        yield PriorTip(
            name, "mean", f"mean of the prior of {name}{which}", mean,
            (min(EDGE, mean), max(1.0 - EDGE, mean)), False, centred,
        )  # fmt: skip
        if set(zip(prior.a, prior.b, strict=True)) != {VAGUE}:
            yield PriorTip(
                name, "vague_weight", f"weight of Beta(1, 1) in the prior of {name}",
                _weight_of_vague(prior), (0.0, 1.0), False, mixed,
            )  # fmt: skip


def _main(prior: BetaMixture) -> int:
    """The heaviest component that is not Beta(1, 1), where there is another."""
    weights = [
        weight if (a, b) != VAGUE else -1.0
        for weight, a, b in zip(prior.weights, prior.a, prior.b, strict=True)
    ]
    return int(np.argmax(weights))


def _weight_of_vague(prior: BetaMixture) -> float:
    parts = zip(prior.weights, prior.a, prior.b, strict=True)
    return float(sum(weight for weight, a, b in parts if (a, b) == VAGUE))


def _vague(prior: BetaMixture, weight: float) -> BetaMixture:
    """The same with another weight of Beta(1, 1); all else keeps its proportions."""
    kept = [
        (own, a, b)
        for own, a, b in zip(prior.weights, prior.a, prior.b, strict=True)
        if (a, b) != VAGUE
    ]
    rest = sum(own for own, _, _ in kept)
    parts = [(own / rest * (1.0 - weight), a, b) for own, a, b in kept] + [(weight, *VAGUE)]
    weights, first, second = zip(*parts, strict=True)
    return BetaMixture(weights, first, second)
