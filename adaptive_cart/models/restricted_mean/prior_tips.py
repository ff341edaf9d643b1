"""How far the prior of mean months may be moved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from adaptive_cart.models.prior_numbers import FOLDS, ratio_tip
from adaptive_cart.models.prior_tip import EVERY_ARM, PriorTip

if TYPE_CHECKING:
    from adaptive_cart.models.restricted_mean.restricted_mean_analysis import RestrictedMeanPrior

WORTH: Final = (0.01, 10_000.0)  # participants between which what a prior is worth is moved
SD_WORTH: Final = (1.0, 10_000.0)
MONTHS: Final = 100.0  # up to which a mean is moved, or twice its own value


def tips_of(prior: RestrictedMeanPrior) -> Iterator[PriorTip]:
    """The mean, the standard deviation of one participant, and how much either is worth."""

    def put(key: str) -> Any:
        return lambda value: prior.model_copy(update={key: value})

    yield PriorTip(
        EVERY_ARM, "mean", "mean months of the prior", prior.mean,
        (0.0, max(MONTHS, 2.0 * prior.mean)), False, put("mean"),
    )  # fmt: skip
    yield ratio_tip(
        "participants that the prior of the mean is worth", prior.worth, WORTH, put("worth"),
        what="worth",
    )  # fmt: skip
    yield ratio_tip(
        "standard deviation of the prior, in months", prior.sd,
        (prior.sd / FOLDS, prior.sd * FOLDS), put("sd"), what="sd",
    )  # fmt: skip
    yield ratio_tip(
        "participants that the prior of the standard deviation is worth", prior.sd_worth, SD_WORTH,
        put("sd_worth"), what="sd_worth",
    )  # fmt: skip
