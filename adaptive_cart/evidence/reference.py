"""The model of early series in PyMC: the reference for the integrals.

Written from the statement in :mod:`adaptive_cart.evidence.outcomes`, non-centred: it shares nothing
with the integrals but the priors' numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from adaptive_cart.evidence.groups import Grouped
from adaptive_cart.evidence.outcomes import Outcome


@dataclass(frozen=True)
class SeriesReference:
    """Series in groups within groups, and a new series of a new group."""

    outcome: Outcome
    made_of: ClassVar[tuple[str, ...]] = ()
    asked_with: ClassVar[tuple[str, ...]] = ()

    def data(self, grouped: Grouped) -> dict[str, npt.NDArray[Any]]:
        """Counts and groups, series by series."""
        return {
            "events": grouped.events.astype(np.int64),
            "size": self.outcome.law.counted(grouped.size),
            "member": grouped.member,
        }

    def model(self, data: Mapping[str, npt.NDArray[Any]]) -> Any:
        """Return a new model of these data; ``sd`` is by level, ``group`` of the first one."""
        import pymc as pm

        outcome = self.outcome
        with pm.Model() as model:
            events = pm.Data("events", data["events"])
            size = pm.Data("size", data["size"])
            member = pm.Data("member", data["member"])
            centre = pm.Normal("centre", *outcome.centre)
            scales = np.array([level.scale for level in outcome.levels])
            sd = pm.HalfNormal("sd", scales, shape=len(scales))
            value: Any = centre
            for level, part in enumerate(outcome.levels):
                groups = int(data["member"][:, level].max()) + 1
                away = pm.Normal(f"{part.name}_away", 0.0, 1.0, shape=groups)
                if level == 0:
                    pm.Deterministic("group", centre + sd[0] * away)
                value = value + sd[level] * away[member[:, level]]
            outcome.law.observe(size, value, events)
            ahead = pm.Normal("ahead", 0.0, 1.0, shape=len(scales))
            pm.Deterministic("new", centre + (sd * ahead).sum())
        return model
