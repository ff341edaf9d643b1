"""A size that was simulated, confirmed on fresh trials.

The smallest size whose estimate has the power is more often too small than too large: it was chosen
for a large estimate. So it is run on trials that the search did not use, and taken if the one-sided
lower bound of its power (Clopper and Pearson) is at least the one wanted; else the next larger one
is, five in all, each with a bound of 99%. So with 95% confidence none of them is taken that lacks
the power (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from adaptive_cart.results.bounds import at_least
from adaptive_cart.results.operating import Figure
from adaptive_cart.running.stated_certificate import lower_bound

TRIED = 5  # sizes that may be run on fresh trials
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

    def words(self, trials: int) -> str:
        """Say it."""
        bounds = " and ".join(
            f"{at_least(value, 4)} in {name}" for name, value in self.lower.items()
        )
        does = "is taken" if self.holds else "is not shown to have the power"
        return (
            f"{self.size} on {trials:,} fresh trials: power at least {bounds}, with "
            f"{1.0 - doubt():.0%} confidence; it {does}"
        )


def doubt() -> float:
    """What the bound of one size leaves open, so that those of all leave open 5%."""
    return (1.0 - CONFIDENCE) / TRIED


def confirmed(
    sizes: Sequence[int], wanted: float, run: Callable[[int], Mapping[str, Figure]]
) -> tuple[Afresh, ...]:
    """Sizes that were run on fresh trials, up to the first that is shown to have the power.

    Parameters
    ----------
    sizes
        From the smallest that promises the power.
    run
        Success by scenario in which it is wanted, on fresh trials.
    """
    found: list[Afresh] = []
    for size in sizes[:TRIED]:
        success = run(size)
        lower = {
            name: lower_bound(round(figure.estimate * figure.n), figure.n, doubt())
            for name, figure in success.items()
            if figure.n is not None
        }
        found.append(Afresh(size, success, lower, all(one >= wanted for one in lower.values())))
        if found[-1].holds:
            break
    return tuple(found)
