"""A real trial at a look: the rules that were simulated, judged on real participants.

    participants ─► replay of the looks ─► rules at this look ─► decision ─► folder, figures, page
                                              │
                          posteriors: fast, and by PyMC; what would have changed the decision

A statistician on a monitoring committee asks what the design says about the data at hand, how sure
that is, and how near to another answer. :mod:`.replay` conducts the trial with the very code that
conducts simulated ones; the rest says what came of it.
"""

from __future__ import annotations

from adaptive_cart.analysis.flow import Analysis, analyze

__all__ = ["Analysis", "analyze"]
