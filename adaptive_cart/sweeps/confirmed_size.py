"""A size that was simulated, confirmed on fresh trials.

The smallest size whose estimate has the power is more often too small than too large: it was chosen
for a large estimate. So it is run on trials that the search did not use, and taken if the one-sided
lower bound of its power (Clopper and Pearson) is at least the one wanted; else the next larger one
is, five in all. Few trials often settle it: a tenth of them are run first, then a third, then all,
until the bound is there, or the estimate lacks the power, so that the size is given up. A scenario
in which the bound is there is not run further. All bounds of all sizes share the doubt, so that
with 95% confidence none is taken that lacks the power (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from adaptive_cart.results.bounds import at_least
from adaptive_cart.results.figure import Figure
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
        """Fresh trials that were run of it, in the scenario that needed most."""
        return max(figure.n or 0 for figure in self.success.values())

    def words(self) -> str:
        """Say it."""
        bounds = " and ".join(
            f"{at_least(value, 4)} in {name}" for name, value in self.lower.items()
        )
        does = "is taken" if self.holds else "is not shown to have the power"
        fewer = any((figure.n or 0) < self.trials for figure in self.success.values())
        many = f"{'up to ' if fewer else ''}{self.trials:,}"
        return (
            f"{self.size} on {many} fresh trials: power at least {bounds}, with "
            f"{100.0 * (1.0 - doubt()):.1f}% confidence; it {does}"
        )


def doubt() -> float:
    """What one bound leaves open, so that those of all sizes, whenever looked at, leave open 5%."""
    return (1.0 - CONFIDENCE) / (TRIED * len(SHARES))


def confirmed(
    sizes: Sequence[int],
    wanted: float,
    fresh: int,
    scenarios: Sequence[str],
    run: Callable[[int, int, Sequence[str]], Mapping[str, Figure]],
) -> tuple[Afresh, ...]:
    """Sizes that were run on fresh trials, up to the first that is shown to have the power.

    Parameters
    ----------
    sizes
        From the smallest that promises the power.
    fresh
        Most trials of a size.
    scenarios
        In which the power is wanted.
    run
        Success of a size on so many fresh trials, by scenario, in some of them; more go on from
        fewer.
    """
    found: list[Afresh] = []
    for size in sizes[:TRIED]:
        success: dict[str, Figure] = {}
        open_ = list(scenarios)
        for share in SHARES:
            success |= run(size, max(fresh // share, 1), open_)
            one = _shown(size, wanted, {name: success[name] for name in scenarios})
            open_ = [name for name in open_ if one.lower[name] < wanted]
            if not open_ or any(success[name].estimate < wanted for name in open_):
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
