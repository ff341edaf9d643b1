"""What the event times say about the hazard ratio, for many trials at once.

The model of a time to relapse, death or second event in two arms (0 control, 1 experimental):
proportional hazards over a baseline hazard that is constant between the cuts. The data of a
table are the events and the months at risk by arm and interval, which are sufficient.

Statement
---------
For interval j and arm k, with D_kj events in T_kj months at risk::

    baseline hazard_j   ~ Gamma(a, rate b)                per month, independent over intervals
    log hazard ratio    ~ Normal(mean, sd)                beta, experimental over control
    D_kj                ~ Poisson(hazard_j exp(beta k) T_kj)

The Poisson form has the likelihood of the event times themselves (Holford 1980,
doi:10.2307/2529982; Friedman 1982, doi:10.1214/aos/1176345693).

Each baseline hazard is integrated out in closed form (gamma against Poisson), and what is left,
the posterior of beta, by quadrature (``log_ratio_posterior.py``, which says how near that is).

Not symmetric
-------------
The gamma prior speaks of the control arm's hazard alone. So exchanging the arms turns the hazard
ratio over exactly only as (a, b) goes to 0, even where the prior mean of beta is 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.draws import DRAWS, KNOTS, spread
from adaptive_cart.models.hazards.log_ratio_density import Density
from adaptive_cart.models.hazards.log_ratio_panels import chunks
from adaptive_cart.models.hazards.log_ratio_posterior import Posterior
from adaptive_cart.models.rates.gamma_mixture import GammaMixture
from adaptive_cart.models.rates.gamma_poisson import log_quantiles
from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.records import Booleans, Floats


@dataclass(frozen=True)
class PiecewiseExponential:
    """Proportional hazards over a baseline hazard constant between cuts.

    Parameters
    ----------
    cuts
        months at which the baseline hazard may change, increasing; none for one constant hazard
    baseline
        shape and rate (months) of the gamma prior of every baseline hazard per month
    log_hazard_ratio
        mean and standard deviation of the normal prior of the log hazard ratio
    strata
        each with baseline hazards of its own, and all with one hazard ratio: what is said of
        intervals holds of the intervals of every stratum, those of the first stratum first
    """

    cuts: tuple[float, ...]
    baseline: tuple[float, float]
    log_hazard_ratio: tuple[float, float]
    strata: int = 1

    def __post_init__(self) -> None:
        """Refuse a prior or cuts that do not make a model."""
        edges = (0.0, *self.cuts)
        if not all(math.isfinite(cut) for cut in edges) or any(
            late <= early for early, late in itertools.pairwise(edges)
        ):
            raise ValueError(f"cuts: {self.cuts} found, months above 0 that increase allowed")
        if not all(math.isfinite(value) and value > 0.0 for value in self.baseline):
            raise ValueError(f"baseline: {self.baseline} found, a shape and a rate above 0 allowed")
        mean, sd = self.log_hazard_ratio
        if not (math.isfinite(mean) and math.isfinite(sd) and sd > 0.0):
            raise ValueError(
                f"log_hazard_ratio: {self.log_hazard_ratio} found, a mean and an sd above 0 allowed"
            )

    def split(
        self, durations: npt.ArrayLike, events: npt.ArrayLike, included: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.int64], Floats]:
        """Count the events and the months at risk of the included participants by interval.

        Follow-up that ends exactly at a cut, with an event or without, ends in the earlier
        interval.

        Parameters
        ----------
        durations
            (table, participant) months from the start of the clock to event or censoring; whatever
            stands where a participant is not included is ignored
        events
            (table, participant) whether the follow-up ended with the event
        included
            (table, participant) who is counted, such as one arm's participants at a look

        Returns
        -------
        events, time
            (table, interval) each; the time in months

        Raises
        ------
        ValueError
            If shapes differ or an included participant has a negative or unknown duration.
        """
        (count,), (time,) = self.split_among(durations, events, [included])
        return count, time

    def split_among(
        self,
        durations: npt.ArrayLike,
        events: npt.ArrayLike,
        groups: Sequence[npt.ArrayLike],
    ) -> tuple[npt.NDArray[np.int64], Floats]:
        """Count the events and the months at risk of several groups, as :meth:`split` does of one.

        What does not depend on the group is worked out once.

        Parameters
        ----------
        durations, events
            as for :meth:`split`
        groups
            (table, participant) who is in the group; nobody is in two

        Returns
        -------
        events, time
            (group, table, interval) each
        """
        follow_up = np.asarray(durations, dtype=np.float64)
        ended = np.asarray(events, dtype=np.bool_)
        members = [np.asarray(group, dtype=np.bool_) for group in groups]
        shapes = [follow_up.shape, ended.shape, *(group.shape for group in members)]
        if follow_up.ndim != 2 or len(set(shapes)) > 1:
            raise ValueError(
                f"durations, events, included: shapes {', '.join(map(str, shapes))} found, "
                "one common (table, participant) allowed"
            )
        tables, participants = follow_up.shape
        shape = (len(members), tables, len(self.cuts) + 1)
        count, time = np.empty(shape, dtype=np.int64), np.empty(shape)
        known = bool(np.isfinite(follow_up).all())
        for rows in chunks(tables, participants // 4):
            here = [np.ascontiguousarray(group[rows]) for group in members]
            counted = here[0] if len(here) == 1 else np.logical_or.reduce(here)
            # C order, so that a row is always summed in the same way
            if known:  # a product has no branches; it may be a nought with a sign
                remaining = np.multiply(follow_up[rows], counted, order="C")
            else:
                remaining = np.ascontiguousarray(np.where(counted, follow_up[rows], 0.0))
            if not (remaining.min(initial=0.0) >= 0.0 and remaining.max(initial=0.0) < np.inf):
                raise ValueError(
                    "durations: a negative or unknown one found among the included participants, "
                    "months from 0 allowed"
                )
            self._spend(remaining, ended[rows], here, count[:, rows], time[:, rows])
        return count, time

    def _spend(
        self,
        remaining: Floats,
        ended: Booleans,
        groups: list[Booleans],
        count: npt.NDArray[np.int64],
        time: Floats,
    ) -> None:
        """Spend the months of some tables interval by interval, and write down whose they are."""
        months = remaining.copy() if self.cuts else remaining
        sets = [ParticipantSet.where(group) for group in groups]
        alone, spent, own = len(groups) == 1, np.empty_like(months), np.empty_like(months)
        parts = [own if alone else group.astype(np.float64) for group in groups]
        last = len(self.cuts)
        for interval, end in enumerate((*self.cuts, np.inf)):
            late = interval == last
            if not late:  # a row for the limit: a single number takes three times as long
                start = self.cuts[interval - 1] if interval else 0.0
                np.minimum(remaining, np.full(remaining.shape[1], end - start), out=spent)
                remaining -= spent
            here = remaining if late else spent
            event = ParticipantSet.where(ended if late else (months <= end) & ended)
            for place, (part, inside) in enumerate(zip(parts, sets, strict=True)):
                mine = here if alone else np.multiply(here, part, out=own)
                time[place, :, interval] = mine.sum(axis=-1) + 0.0
                count[place, :, interval] = (event & inside).count()
        count[:, :, 1:] -= count[:, :, :-1].copy()

    def split_intervals(
        self, middles: Floats, halves: Floats, events: Booleans, included: Booleans
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Count events that happened within so much of a month, and the months at risk until it.

        The chance of an event between l and r is that of none until l, times 1 - exp(-x), with x
        the cumulative hazard from l to r, and ``1 - exp(-x) = x exp(-x/2) sinh(x/2) / (x/2)``: so
        it is an event that is at risk for half of x, and a factor that is 1 but for the square of
        x. Where an interval goes over a cut each part of it counts for its share, and for half of
        its months.

        Parameters
        ----------
        middles, halves, events, included
            (table, participant) as for :meth:`split`; the middle of the interval, and half of its
            months: 0 for an event that is dated, or for none

        Returns
        -------
        events, time, squares, between
            (table, interval) each; parts of events, months at risk, and of the events that lie
            between two months the sum of the squares of these and their number, by which the
            factor is worked out
        """
        had = included & events
        first, last = middles - halves, middles + halves
        _, time = self.split(np.where(events, first, middles), events, included)
        count, squares, between = (np.empty_like(time) for _ in range(3))
        width = np.where(halves > 0.0, 2.0 * halves, 1.0)
        for place, (start, end) in enumerate(itertools.pairwise((0.0, *self.cuts, np.inf))):
            here = np.clip(np.minimum(last, end) - np.maximum(first, start), 0.0, None)
            dated = (middles <= end) & ((middles > start) | (place == 0))
            share = np.where(halves > 0.0, here / width, dated)
            count[:, place] = np.where(had, share, 0.0).sum(axis=-1)
            wide = had & (halves > 0.0)
            time[:, place] += np.where(wide, here, 0.0).sum(axis=-1) / 2.0
            squares[:, place] = np.where(wide, here**2, 0.0).sum(axis=-1)
            between[:, place] = np.where(wide, share, 0.0).sum(axis=-1)
        return count, time, squares, between

    def baseline_given(
        self, events: Floats, time: Floats, ratio: Floats, uniform: Floats
    ) -> Floats:
        """Draws of the baseline hazards given hazard ratios, which leave gamma posteriors.

        Parameters
        ----------
        events, time
            (table, arm, interval)
        ratio
            (table, arm, draw) hazard ratios to the control
        uniform
            (draw, interval)

        Returns
        -------
        (table, draw, interval), a month
        """
        risk = np.einsum("tad,taj->tdj", ratio, time)
        return self.baseline_quantiles(events, time, risk, np.broadcast_to(uniform, risk.shape))

    def baseline_quantiles(
        self, events: Floats, time: Floats, risk: Floats, uniform: Floats
    ) -> Floats:
        """Draws of the baseline hazards given the hazard ratios.

        Parameters
        ----------
        events, time
            (table, arm, interval)
        risk, uniform
            (table, draw, interval) months at risk, each times its hazard ratio; what is drawn

        Returns
        -------
        (table, draw, interval), a month
        """
        shape, rate = self.baseline
        drawn: Floats = special.gammaincinv(shape + events.sum(axis=1)[:, None], uniform)
        drawn /= rate + risk
        return drawn

    def log_joint(self, events: Floats, time: Floats, others: Floats) -> Floats:
        """Logarithm of what is left of the baseline of one table at draws, up to a constant.

        Parameters
        ----------
        events, time
            (arm, interval)
        others
            (interval, draw) months at risk of the other arms, each times its drawn hazard ratio
        """
        shape, rate = self.baseline
        risk = rate + time[0][:, None] + others
        found: Floats = -((shape + events.sum(axis=0)) @ np.log(risk))
        return found

    def drawn_hazards(
        self, events: Floats, time: Floats, ratios: Floats, ranks: npt.NDArray[np.int64]
    ) -> Floats:
        """Draws of the control's hazard a month in each interval, (table, interval, draw).

        Given the log hazard ratios the baseline hazards are independent gammas (``joint_ratios.py``
        integrates them out)::

            baseline hazard_j ~ Gamma(a + D_j, rate b + T_0j + sum_k exp(beta_k) T_kj)

        so each is the draw of a standard gamma, divided by what the drawn ratios make of the months
        at risk. The hazard of arm k is exp(beta_k) times it.

        Parameters
        ----------
        events, time
            (table, arm, interval), control first
        ratios
            (table, experimental arm, draw) drawn log hazard ratios to the control
        ranks
            (interval, draw)
        """
        shape, rate = self.baseline
        found = np.empty((len(events), len(ranks), DRAWS))
        for interval, rank in enumerate(ranks):
            own = events[:, :, interval].sum(axis=1)
            log = log_quantiles(shape + own, np.ones(len(own)), KNOTS)
            risk = np.repeat((rate + time[:, 0, interval])[:, None], DRAWS, axis=1)
            for k in range(ratios.shape[1]):
                risk += np.exp(ratios[:, k]) * time[:, k + 1, interval][:, None]
            found[:, interval] = np.exp(spread(log, KNOTS, rank)) / risk
        return found

    @property
    def of_baseline(self) -> GammaMixture:
        """Prior of a baseline hazard a month."""
        return GammaMixture.single(*self.baseline)

    def next_event(self, hazards: Floats, since: Floats, burden: Floats) -> Floats:
        """Month of the event of who has had none until a month, and can bear so much hazard.

        Parameters
        ----------
        hazards
            (…, interval), a month
        since, burden
            (…) months without the event; cumulative hazard from there to the event

        Returns
        -------
        (…) months from the start of the clock
        """
        edges = (0.0, *self.cuts, np.inf)
        month, left = since.copy(), burden.copy()
        found = np.full(since.shape, np.inf)
        with np.errstate(divide="ignore"):
            for place, (start, end) in enumerate(itertools.pairwise(edges)):
                inside = np.maximum(month, start)
                hazard = hazards[..., place]
                here = np.isinf(found) & (inside < end)
                event = inside + left / hazard
                found = np.where(here & (event <= end), event, found)
                if np.isfinite(end):
                    left = np.where(here, left - hazard * (end - inside), left)
        return found

    def posterior(
        self,
        events: npt.ArrayLike,
        time: npt.ArrayLike,
        squares: Floats | None = None,
        between: Floats | None = None,
    ) -> Posterior:
        """Posterior of the log hazard ratio, experimental over control.

        Parameters
        ----------
        events
            (table, 2, interval) events, control first
        time
            (table, 2, interval) months at risk
        squares, between
            (table, 2, interval) sums of squared months of the intervals in which events happened,
            and how many did; nothing where they are dated

        Raises
        ------
        ValueError
            If the shapes do not fit the cuts, or a number is negative or not finite.
        """
        counts = np.asarray(events, dtype=np.float64)
        months = np.asarray(time, dtype=np.float64)
        intervals = self.strata * (len(self.cuts) + 1)
        for name, found in (("events", counts), ("time", months)):
            if found.ndim != 3 or found.shape[1:] != (2, intervals):
                raise ValueError(
                    f"{name}: shape {found.shape} found, (table, 2, {intervals}) allowed"
                )
            if not np.all((found >= 0.0) & (found < np.inf)):
                raise ValueError(f"{name}: a negative or unknown number found, 0 or more allowed")
        if len(counts) != len(months):
            raise ValueError(f"{len(counts)} tables of events found, {len(months)} of time")
        shape, rate = self.baseline
        mean, sd = self.log_hazard_ratio
        experimental_events = np.zeros(len(counts))
        for interval in range(intervals):  # in a fixed order, one table like many
            experimental_events += counts[:, 1, interval]
        return Posterior(
            Density(
                slope=experimental_events,
                exponent=np.ascontiguousarray((shape + counts[:, 0] + counts[:, 1]).T),
                control=np.ascontiguousarray((rate + months[:, 0]).T),
                experimental=np.ascontiguousarray(months[:, 1].T),
                mean=mean,
                sd=sd,
                between=None
                if squares is None or between is None
                else np.ascontiguousarray(np.stack([squares, between]).transpose(0, 2, 3, 1)),
            )
        )
