"""Designs side by side: what they achieve in the same scenarios, and what one costs more.

    results ─► candidates (and a fixed-size and a classical design made from the first)
            ─► measures, trial by trial ─► differences with their standard errors ─► table, figures

The first design is what the others are compared with. Designs of one seed and size are simulated on
the same participants; such a difference is taken within trials, which makes it far surer than the
difference of two independent runs.

>>> import adaptive_cart as ac
>>> ac.compare([result, other])
"""

from __future__ import annotations

from adaptive_cart.comparison.build import compare
from adaptive_cart.comparison.changes import changes
from adaptive_cart.comparison.side_by_side import Comparison

__all__ = ["Comparison", "changes", "compare"]
