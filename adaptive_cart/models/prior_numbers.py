"""Numbers of distributions that many models have in their priors, moved until a decision turns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias

from adaptive_cart.models.prior_tip import EVERY_ARM, PriorTip

Limits: TypeAlias = tuple[float, float]
SIZES: Final[Limits] = (0.1, 10_000.0)  # participants that a prior of probabilities is worth
EDGE: Final = 0.001  # a mean of a probability is moved between this and one less it
RATIOS: Final[Limits] = (0.01, 100.0)  # between which the middle of the prior of one is moved
EVENTS: Final[Limits] = (0.001, 1_000.0)  # that the prior of a baseline is worth
SDS: Final[Limits] = (0.05, 10.0)  # of a logit, a log odds ratio, a log hazard ratio
LOGITS: Final = 6.0  # by how much a mean of one is moved either way
MOST_LOGIT: Final = 10.0  # and how far from nought at most, unless it lies there
FOLDS: Final = 100.0  # how many times smaller, or larger, a median becomes


def ratio_tip(
    words: str, now: float, reach: Limits, model: Callable[[float], Any], *, what: str = "size",
    arm: str = EVERY_ARM,
) -> PriorTip:  # fmt: skip
    """A positive number, moved by ratios within limits that hold its own value."""
    ends = min(reach[0], now), max(reach[1], now)
    return PriorTip(arm, what, words, now, ends, True, model)


def normal_tips(
    words: str, prior: Limits, put: Callable[[float, float], Any], part: str
) -> Iterator[PriorTip]:
    """Mean and standard deviation of a normal prior on a scale of log odds.

    Parameters
    ----------
    words
        What is normal: "treatment effect".
    prior
        Mean and standard deviation.
    put
        The model with others.
    part
        Its name in the table.
    """
    mean, sd = prior
    yield PriorTip(
        EVERY_ARM, f"{part}.mean", f"mean of the prior of the {words}", mean,
        (min(mean, max(mean - LOGITS, -MOST_LOGIT)), max(mean, min(mean + LOGITS, MOST_LOGIT))),
        False, lambda value: put(value, sd),
    )  # fmt: skip
    yield ratio_tip(
        f"standard deviation of the prior of the {words}", sd, SDS,
        lambda value: put(mean, value), what=f"{part}.sd",
    )  # fmt: skip


def log_ratio_tips(
    ratio: str, prior: Limits, put: Callable[[float, float], Any]
) -> Iterator[PriorTip]:
    """Median and spread of the prior of a ratio whose logarithm is normal.

    Parameters
    ----------
    ratio
        "hazard ratio".
    prior
        Mean and standard deviation of the logarithm.
    """
    mean, sd = prior
    yield ratio_tip(
        f"median {ratio} of the prior", math.exp(mean), RATIOS,
        lambda value: put(math.log(value), sd), what="mean",
    )  # fmt: skip
    yield ratio_tip(
        f"standard deviation of the prior of the log {ratio}", sd, SDS,
        lambda value: put(mean, value), what="sd",
    )  # fmt: skip


def lognormal_tips(
    words: str, prior: Limits, put: Callable[[float, float], Any], part: str
) -> Iterator[PriorTip]:
    """Median and sigma of a lognormal prior."""
    median, sigma = prior
    yield ratio_tip(
        f"median of the prior of the {words}", median, (median / FOLDS, median * FOLDS),
        lambda value: put(value, sigma), what=f"{part}.median",
    )  # fmt: skip
    yield ratio_tip(
        f"sigma of the prior of the {words}", sigma, SDS,
        lambda value: put(median, value), what=f"{part}.sigma",
    )  # fmt: skip


def vector_tips(
    of: str,
    prior: Sequence[tuple[str, float]],
    put: Callable[[tuple[tuple[str, float], ...]], Any],
    *,
    arm: str = EVERY_ARM,
    part: str = "",
) -> Iterator[PriorTip]:
    """Effective size of a Dirichlet prior, and its mean of the best category.

    Parameters
    ----------
    of
        Whose it is: "of cells".
    prior
        Parameter of each category, the worst first.
    put
        The model with others.
    part
        Its name in the table, with a full stop; blank where it is all of it.
    """
    names, numbers = [name for name, _ in prior], [number for _, number in prior]
    whole = math.fsum(numbers)
    best = numbers[-1] / whole

    def sized(size: float) -> Any:
        return put(tuple((name, own / whole * size) for name, own in prior))

    def centred(mean: float) -> Any:
        left = (1.0 - mean) / (1.0 - best)  # the others keep their proportions
        moved = [own * left for own in numbers[:-1]] + [mean * whole]
        return put(tuple(zip(names, moved, strict=True)))

    yield ratio_tip(
        f"effective size of the prior {of}", whole, SIZES, sized, what=f"{part}size", arm=arm
    )
    yield PriorTip(
        arm, f"{part}mean", f"mean of the prior {of}, of {names[-1]}", best,
        (min(EDGE, best), max(1.0 - EDGE, best)), False, centred,
    )  # fmt: skip
