"""Thresholds of sizes that were not calibrated, foretold by those of sizes that were.

The threshold that holds an error hardly changes with the size, and smoothly: its probit is all but
a straight line in one over the square root of the size. So a few sizes foretell it, each by as much
as its trials tell. Fewer trials hold the error by a stricter threshold, since its upper bound lies
higher: those that drew the line of power tell the slope, and sizes with all trials the level. What
is foretold is never an answer: the sizes on which the answer hangs are
calibrated (:mod:`adaptive_cart.sweeps.sizing`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from adaptive_cart.nouns.records import Floats

FEWEST = 3  # sizes that foretell the others, one of them with all trials
EDGE = 1e-9  # of a probability, so that its probit is a number


@dataclass
class ForetoldThresholds:
    """Thresholds by size, with the trials that each was found on.

    Attributes
    ----------
    full
        Trials with which sizes are calibrated that may be the answer.
    """

    full: int
    found: dict[int, tuple[float, int]] = field(default_factory=dict)

    def put(self, size: int, threshold: float, trials: int) -> None:
        """Keep what a calibration found; one on more trials takes the place of one on fewer."""
        if size not in self.found or self.found[size][1] <= trials:
            self.found[size] = threshold, trials

    def of(self, size: int) -> float | None:
        """What the threshold of a size will be; nothing where too few sizes are known."""
        fewer = np.array([trials < self.full for _, trials in self.found.values()])
        if len(self.found) < FEWEST or fewer.all():
            return None
        from scipy import special

        roots = 1.0 / np.sqrt(np.array(list(self.found), dtype=np.float64))
        values = np.array([threshold for threshold, _ in self.found.values()])
        weights = np.sqrt(np.array([trials for _, trials in self.found.values()], dtype=np.float64))
        probits: Floats = special.ndtri(np.clip(values, EDGE, 1.0 - EDGE))
        parts = np.stack([np.ones(len(roots)), roots, fewer], axis=1)
        line, *_ = np.linalg.lstsq(parts * weights[:, None], probits * weights, rcond=None)
        return float(special.ndtr(line[0] + line[1] * size**-0.5))
