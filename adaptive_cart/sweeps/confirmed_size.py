"""A size that was simulated, confirmed on fresh trials.

The smallest size whose estimate has the power is more often too small than too large: it was chosen
for a large estimate. So it is run on trials that the search did not use, and taken if the one-sided
lower bound of its power (Clopper and Pearson) is at least the one wanted; else the next larger one
is, five in all. Few trials often settle it: a tenth of them are run first, then a third, then all,
until the bound is there, or the estimate lacks the power, so that the size is given up. All bounds
of all sizes share the doubt, so that with 95% confidence none is taken that lacks the power
(Bonferroni).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from adaptive_cart.results.bounds import at_least
from adaptive_cart.results.operating import Figure
from adaptive_cart.running.stated_certificate import lower_bound

TRIED = 5  # sizes that may be run on fresh trials
SHARES = (10, 3, 1)  # of the trials, one in so many, after which a size is looked at
CONFIDENCE = 0.95  # of what is said of the one that is taken
FRESH = 100_000  # trials


@dataclass(frozen=True)
class Afresh:
    """A size on fresh trials.

    Attributes
    ----------
    success
        By scenario in which power is wanted.
    lower
        By scenario, the lower bound of its power.
    holds
        Whether each is at least the power wanted.
    """

    size: int
    success: Mapping[str, Figure]
    lower: Mapping[str, float]
    holds: bool

    @property
    def trials(self) -> int:
        """Fresh trials that were run of it."""
        return min(figure.n or 0 for figure in self.success.values())

    def words(self) -> str:
        """Say it."""
        bounds = " and ".join(
            f"{at_least(value, 4)} in {name}" for name, value in self.lower.items()
        )
        does = "is taken" if self.holds else "is not shown to have the power"
        return (
            f"{self.size} on {self.trials:,} fresh trials: power at least {bounds}, with "
            f"{100.0 * (1.0 - doubt()):.1f}% confidence; it {does}"
        )


def doubt() -> float:
    """What one bound leaves open, so that those of all sizes, whenever looked at, leave open 5%."""
    return (1.0 - CONFIDENCE) / (TRIED * len(SHARES))


def confirmed(
    sizes: Sequence[int],
    wanted: float,
    fresh: int,
    run: Callable[[int, int], Mapping[str, Figure]],
) -> tuple[Afresh, ...]:
    """Sizes that were run on fresh trials, up to the first that is shown to have the power.

    Parameters
    ----------
    sizes
        From the smallest that promises the power.
    fresh
        Most trials of a size.
    run
        Success by scenario in which it is wanted, on so many fresh trials of a size; more go on
        from fewer.
    """
    found: list[Afresh] = []
    for size in sizes[:TRIED]:
        for share in SHARES:
            one = _shown(size, wanted, run(size, max(fresh // share, 1)))
            if one.holds or any(figure.estimate < wanted for figure in one.success.values()):
                break
        found.append(one)
        if one.holds:
            break
    return tuple(found)


def _shown(size: int, wanted: float, success: Mapping[str, Figure]) -> Afresh:
    """A size after some fresh trials."""
    lower = {
        name: lower_bound(round(figure.estimate * figure.n), figure.n, doubt())
        for name, figure in success.items()
        if figure.n is not None
    }
    return Afresh(size, success, lower, all(one >= wanted for one in lower.values()))
