"""Mean changes with effects of periods, in PyMC.

Statement::

    change_i ~ Normal(mean_k + period_s + slope * (baseline_i - centre), sd)    arm k, period s
    mean, period, slope, log(sd) flat                                 first period 0
    level_k  = mean_k + sum over s of share_s period_s                periods of the comparison

With a walk, periods are those of the calendar, counted back from the latest, and their effects the
drift of ``time_machine_reference.py``, in points of the score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from adaptive_cart.models.periods.adjustment import arms_of
from adaptive_cart.models.periods.periods_reference import OverPeriods
from adaptive_cart.models.periods.time_machine_reference import around, drift
from adaptive_cart.models.periods.walk import Walk
from adaptive_cart.models.reference import Data, Draws, OneTrial
from adaptive_cart.nouns.questions import Quantity
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import ByPeriod, OverCalendar, Scores


@dataclass(frozen=True)
class NormalPeriodsReference(OverPeriods):
    """Changes from baseline by arm and period, in PyMC."""

    arms: tuple[str, ...]

    @property
    def statement(self) -> str:
        """Likelihood and prior."""
        return (
            "in each arm and period: change ~ Normal(mean of the arm + effect of the period + "
            "slope x (baseline - mean baseline of all), sd)\n"
            "the effect of the first period is 0; means, other periods, slope and log(sd) flat\n"
            "the mean change of an arm: with the effects of the periods of the comparison, by "
            "their shares of those analysed"
        )

    def data_of(self, one: OneTrial) -> Data:
        """Sums by arm and period, and the share of each period in what is asked."""
        summary = one.summary
        assert isinstance(summary, ByPeriod)
        apart = summary.split()
        assert isinstance(apart, Scores)
        sums = self.of_periods(summary, apart.products[one.trial, ..., -1, :, :], one.trial)
        shares = summary.shares(arms_of(one.question))[one.trial]
        number, b, y = sums[..., 0, 0], sums[..., 0, 1], sums[..., 0, -1]
        bb, by, yy = sums[..., 1, 1], sums[..., 1, -1], sums[..., -1, -1]
        centre = b.sum() / max(number.sum(), 1.0)
        return {
            "number": number,
            "baseline": b - centre * number,
            "change": y - b,
            "baselines_squared": (bb - 2.0 * centre * b + centre**2 * number).sum(),
            "both": ((by - bb) - centre * (y - b)).sum(),
            "changes_squared": (yy - 2.0 * by + bb).sum(),
            "shares": shares[: sums.shape[1]],
        }

    def form(self, data: Data) -> object:
        """How many periods there are."""
        return data["number"].shape

    def model(self, data: Data) -> Any:
        """A new model of these data; their likelihood depends on the sums alone."""
        import pymc as pm
        from pytensor import tensor as pt

        periods = data["number"].shape[1]
        with pm.Model(coords={"arm": list(self.arms)}) as model:
            given = {
                name: pm.Data(name, values)
                for name, values in data.items()
                if name not in self.asked_with
            }
            mean, slope, log_sd = pm.Flat("mean", dims="arm"), pm.Flat("slope"), pm.Flat("log_sd")
            effect = np.zeros(1)
            if periods > 1:
                effect = pt.concatenate([effect, self.later(periods - 1)])
            middle = mean[:, None] + effect[None, :]
            squares = (
                given["changes_squared"]
                - 2.0 * (middle * given["change"]).sum()
                - 2.0 * slope * given["both"]
                + (given["number"] * middle**2).sum()
                + 2.0 * slope * (middle * given["baseline"]).sum()
                + slope**2 * given["baselines_squared"]
            )
            likelihood = -given["number"].sum() * log_sd - 0.5 * squares / pt.exp(2.0 * log_sd)
            pm.Potential("changes", likelihood)
            # of whom nobody is seen: flat, it has no posterior to draw from
            none = pt.eq(given["number"].sum(axis=1), 0.0), pt.eq(given["number"].sum(axis=0), 0.0)
            pm.Potential(
                "of_nobody", -0.5 * (none[0] * mean**2).sum() - 0.5 * (none[1] * effect**2).sum()
            )
            pm.Deterministic("over_time", pt.as_tensor(effect))
        return model

    def of_periods(self, summary: ByPeriod, sums: Floats, trial: int) -> Floats:
        """Sums of one trial by arm and period, ``(arm, period, value, value)``."""
        return sums

    def later(self, number: int) -> Any:
        """Effects of all periods but the first, as the model being made draws them."""
        import pymc as pm

        return pm.Flat("of_period", shape=number)

    def of(self, draws: Draws, quantity: Quantity, open_strata: Booleans | None = None) -> Floats:
        """Mean change of an arm over the periods of the comparison."""
        over_time: Floats = (draws["over_time"] * draws["shares"]).sum(axis=-1)
        return draws["mean"][..., quantity.arm] + over_time


@dataclass(frozen=True)
class NormalMachineReference(NormalPeriodsReference):
    """Changes from baseline by arm and calendar period, with a random walk, in PyMC."""

    walk: Walk

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        return (
            f"in each arm and calendar period of {self.walk.period_months:g} months: change ~ "
            "Normal(mean of the arm + drift of the calendar period + slope x (baseline - mean "
            "baseline of all), sd)\n"
            "the drift of the latest period is 0; each earlier one ~ "
            f"Normal({around(self.walk)}, tau)\n"
            f"tau ~ Half-normal({self.walk.step_scale:g}) in points; means, slope, log(sd) flat\n"
            "the mean change of an arm: with the drift of the calendar periods of the comparison, "
            "by their shares of those analysed"
        )

    def of_periods(self, summary: ByPeriod, sums: Floats, trial: int) -> Floats:
        """Sums by calendar period, counted back from the latest."""
        assert isinstance(summary, OverCalendar)
        latest, calendar = int(summary.latest[trial]), summary.calendar[trial]
        back = [sums[:, calendar == latest - place].sum(axis=1) for place in range(latest + 1)]
        return np.stack(back, axis=1)

    def later(self, number: int) -> Any:
        """The drift of all calendar periods before the latest."""
        return drift(self.walk, number)
