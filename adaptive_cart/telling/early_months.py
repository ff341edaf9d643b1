"""Which months tell before the one that is analysed, in words."""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cart.conduct.rules import listed
from adaptive_cart.design.design import Design
from adaptive_cart.nouns import early_law_loops


def told_early(design: Design) -> Iterator[str]:
    """Which months tell before the one that is analysed."""
    for name, early in design.prediction.items():
        months = listed([f"{month:g}" for month in early.from_])
        last = " the last of" if len(early.from_) > 1 else ""
        several = "s" if len(early.from_) > 1 else ""
        posterior = ", and its posterior" if early.in_posterior else ""
        yield (
            f"Predictions about {name}{posterior}: who has not reached month "
            f"{design.endpoints[name].known_after():g} counts by the state at{last} month{several} "
            f"{months} that has been reached (a chain with Dirichlet rows by arm, each state worth "
            f"{early.prior:g} beforehand)"
        )
        if len(early.from_) > 1 and not early_law_loops.THERE:
            yield (
                f"What {len(early.from_)} months tell of {name} is added up without numba, which "
                'takes longer: python -m pip install "adaptive_cart[compiled]"'
            )
