"""Events that come again and again, at rates that differ widely from one trial to the next.

A vague prior of a yearly rate has a long tail: among thousands of trials drawn from it one may have
hundreds of events a participant where most have none. These are the same events as those of
:class:`adaptive_cart.nouns.recurrent_events.RecurrentEvents`, gap by gap from the same uniforms;
but each is worked out only in the trials that still have one, and none is kept.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.records import Floats, Integers
from adaptive_cart.nouns.recurrent_events import RecurrentEvents
from adaptive_cart.nouns.streams import uniforms

_FEW = 8  # trials of a block that are left: one in so many is drawn by itself


class DrawnEvents(RecurrentEvents):
    """A Poisson process for every participant of a block, a few of its trials busier by far."""

    def count(self, months: Floats) -> npt.NDArray[np.int64]:
        """Events up to each participant's month, ``(trial, participant)``."""
        number = np.zeros(months.shape, dtype=np.int64)
        rows = np.arange(len(months))
        last, left, gap = np.zeros(months.shape), months, self._mean_gap
        event = 0
        while len(rows):
            last = last + self._wait(event, rows) * gap
            happened = last <= left
            number[rows] += happened
            going = happened.any(axis=1)
            if not going.all():
                rows, last, left, gap = rows[going], last[going], left[going], gap[going]
            event += 1
        return number

    def _wait(self, event: int, rows: Integers) -> Floats:
        """Wait for an event in units of its mean, ``(row, participant)``; never exactly zero."""
        latents, purpose = self._latents, f"rate:{self._endpoint}:{event}"
        width = latents.participants
        if len(rows) * _FEW > latents.trials:
            u = uniforms(latents.seed, purpose, latents.first_trial, latents.trials, width)[rows]
        else:
            drawn = [
                uniforms(latents.seed, purpose, latents.first_trial + int(row), 1, width)
                for row in rows
            ]
            u = np.concatenate(drawn)
        # a zero wait at a zero rate would be no number
        return np.maximum(-np.log(1.0 - u), 1e-300)
