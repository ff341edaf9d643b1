"""One design many times over, with keys of it set otherwise: what hangs on what nobody knows.

    keys and values ─► variants ─► a results folder each ─► differences to the design as written

Every variant is simulated by ``simulate`` itself with one seed, and so on the same participants:
differences are taken trial by trial, which makes them far surer than those of independent runs.
What is finished is not run again.

>>> import adaptive_cart as ac
>>> ac.sweep(design, {"rules.efficacy.at_least": [0.975, 0.985]}).table
"""

from __future__ import annotations

from adaptive_cart.sweeps.run import sweep
from adaptive_cart.sweeps.swept import Sweep

__all__ = ["Sweep", "sweep"]
