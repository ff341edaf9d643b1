"""True hazard ratios, of any two arms in any strata.

A hazard ratio is that of the event times themselves where they are exponential, also where both
drift alike with the month of randomisation; otherwise hazards
are not proportional, and the true value is what the analysis model's hazard ratio tends to: the
root of its score (Struthers & Kalbfleisch 1986, Biometrika 73:363) in the data of many trials run
to their last look without stopping, those of the strata asked about pooled. To external data, which
have one hazard in a stratum, it is that of the arm's events to those expected at such hazards.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from adaptive_cart.conduct.looks import Schedule, snapshot_at
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.drifting_times import AveragedTime
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.summaries import Durations, Summary
from adaptive_cart.participants.enrolment import Enrolment
from adaptive_cart.participants.population import followed, latents_for
from adaptive_cart.results.true_value import TrueValue

SEED = 20_070_917
RATIO_TRIALS = 2_000
RATIO_BATCHES = 20


def last_looks(design: Design, truth: Truth, name: str) -> Iterator[Summary]:
    """An endpoint's data at the last look of many trials that nothing stops, batch by batch."""
    trials, plan = RATIO_TRIALS // RATIO_BATCHES, Plan.of(design)
    for batch in range(RATIO_BATCHES):
        latents = latents_for(design, SEED, batch * trials, trials)
        enrolment = Enrolment(design, latents, truth.accrual.pace, truth.follow_up)
        population = followed(design, truth, latents, enrolment)
        schedule = Schedule.of(design)
        prepared = {
            each: design.endpoints[each].prepare(each, population)
            for each in {schedule.counted, name}
        }
        everybody = np.full(trials, design.enrolment.max_n)
        date, _ = schedule.due(schedule.number, population, prepared, everybody, np.zeros(trials))
        seen = plan.analysed(name, snapshot_at(population, date, everybody))
        yield design.endpoints[name].summary(prepared[name], seen)


@dataclass
class HazardRatios:
    """Hazard ratios of an endpoint in a scenario."""

    design: Design
    truth: Truth
    name: str
    _data: Floats | None = field(default=None, repr=False)

    def of(self, arm: int, minus: int, strata: Sequence[int]) -> TrueValue:
        """Hazard ratio of one arm to another over some strata (positions)."""
        if minus >= len(self.truth.arms):
            return self._to_external(arm, minus - len(self.truth.arms), strata)
        found = self.exact(arm, minus, strata)
        return self._limit(arm, minus, strata) if found is None else TrueValue(found, 0.0)

    @property
    def _over(self) -> str:
        """What a hazard ratio over several strata is one of, to the endpoint's model."""
        analysis = self.design.analysis_of(self.name)
        return "pooled" if analysis is None else analysis.ratio_over_strata

    def _averaged(self, values: Sequence[float], strata: Sequence[int]) -> float:
        """Geometric mean of the ratios of some strata by their shares."""
        shares = np.array([self.truth.shares[s] for s in strata])
        with np.errstate(divide="ignore"):
            return float(np.exp((shares / shares.sum()) @ np.log(values)))

    def exact(self, arm: int, minus: int, strata: Sequence[int]) -> float | None:
        """Ratio of constant hazards, or 1 of times with one distribution; else nothing."""
        parts = self.truth.parts
        if len(parts) > 1:
            by_part = {replace(self, truth=part).exact(arm, minus, strata) for part in parts}
            alike = by_part == {1.0} or (None not in by_part and self.name in self.truth.direct)
            return by_part.pop() if alike else None
        if len(strata) > 1 and self._over != "pooled":
            each = [self.exact(arm, minus, (s,)) for s in strata]
            known = [value for value in each if value is not None]
            if len(known) < len(each):
                return None
            if self._over == "averaged":
                return self._averaged(known, strata)
            return known[0] if max(known) - min(known) <= 1e-12 * max(known) else None
        if self.name not in self.truth.direct:
            return 1.0 if self._alike(arm, minus, strata) else None
        drifts = self.truth.trends.get(self.name)
        if drifts and drifts[arm] != drifts[minus]:  # its hazards are not proportional
            return None
        mine, theirs = (
            tuple(self.truth.direct[self.name][a][s] for s in strata) for a in (arm, minus)
        )
        own, other = (_constant_hazard(times) for times in (mine, theirs))
        if own is not None and other is not None and own[1] == other[1]:
            return own[0] / other[0]
        lost = [[self.truth.dropout[a][s] for s in strata] for a in (arm, minus)]
        return 1.0 if mine == theirs and lost[0] == lost[1] else None

    def _to_external(self, arm: int, place: int, strata: Sequence[int]) -> TrueValue:
        """Hazard ratio of an arm to the hazard that external data stand for.

        Where it is not one number in all strata, of the events in many trials run to their last
        look to those that such hazards would have had in the same months at risk; its error by the
        jackknife over batches.
        """
        by_stratum = self.truth.external[self.name, self.design.comparators[place]]
        hazards = np.array([by_stratum[s] for s in strata])
        said = None if len(self.truth.parts) > 1 else self.truth.direct.get(self.name)
        constant = [None if said is None else _constant_hazard((said[arm][s],)) for s in strata]
        own = [hazard[0] for hazard in constant if hazard is not None and hazard[1] is None]
        if len(own) == len(hazards):
            ratios = np.array(own) / hazards
            if np.ptp(ratios) <= 1e-12 * ratios.max():
                return TrueValue(float(ratios[0]), 0.0)
        found = self.data[:, arm][..., list(strata)].sum(axis=2)  # (batch, events or time, stratum)
        events = found[:, 0].sum(axis=1)
        months = (found[:, 1] * (hazards / hazards[0])).sum(axis=1)
        whole = float(events.sum() / months.sum()) / hazards[0]
        left_out = (events.sum() - events) / (months.sum() - months) / hazards[0]
        return TrueValue(whole, math.sqrt((len(events) - 1) * float(left_out.var())))

    def _alike(self, arm: int, minus: int, strata: Sequence[int]) -> bool:
        """Whether participants of two arms have one course, so that their times are alike."""
        assert self.truth.courses is not None
        mine, theirs = self.truth.courses[arm], self.truth.courses[minus]
        counts = self.design.endpoints[self.name].from_infusion()
        return all(mine[s].runs_as(theirs[s], infusion_counts=counts) for s in strata)

    def _limit(self, arm: int, minus: int, strata: Sequence[int]) -> TrueValue:
        """What the model's hazard ratio tends to; its error by the jackknife over batches."""
        if len(strata) > 1 and self._over == "averaged":
            each = [self.of(arm, minus, (s,)) for s in strata]
            shares = np.array([self.truth.shares[s] for s in strata])
            relative = [value.mcse / value.value if value.mcse else 0.0 for value in each]
            average = self._averaged([value.value for value in each], strata)
            error = math.sqrt(float(((shares / shares.sum() * relative) ** 2).sum()))
            return TrueValue(average, average * error)
        data = self.data[:, [minus, arm]][..., list(strata)]
        # a ratio that is shared: the intervals of every stratum side by side
        shared = self._over == "shared"
        data = data.reshape(*data.shape[:-2], -1) if shared else data.sum(axis=-1)
        whole = _score_root(data.sum(axis=0))
        if not math.isfinite(whole):  # nobody has the event in one of the arms, or in both
            return TrueValue(math.exp(whole) if whole < 0.0 else abs(whole), 0.0)
        left_out = np.array([_score_root(data.sum(axis=0) - data[b]) for b in range(len(data))])
        spread = math.sqrt((len(data) - 1) * float(left_out.var()))
        return TrueValue(math.exp(whole), math.exp(whole) * spread)

    @property
    def data(self) -> Floats:
        """Events and time, ``(batch, arm, events or time, interval, stratum)``."""
        if self._data is None:
            analysis = self.design.analysis_of(self.name)
            assert analysis is not None
            split = analysis.fitted(self.design.arm_names, self.design.shares).split
            arms, strata = range(len(self.truth.arms)), range(len(self.truth.strata))
            batches = []
            for summary in last_looks(self.design, self.truth, self.name):
                assert isinstance(summary, Durations)
                cells = [
                    [
                        [
                            part.sum(axis=0)
                            for part in split(
                                summary.months, summary.event, summary.members(arm, stratum, None)
                            )
                        ]
                        for stratum in strata
                    ]
                    for arm in arms
                ]
                batches.append(cells)
            self._data = np.moveaxis(np.array(batches, dtype=np.float64), 2, -1)
        return self._data


def _constant_hazard(times: tuple[Any, ...]) -> tuple[float, Any] | None:
    """Common constant hazard of some strata, and what it is multiplied by, if they have one."""
    found: set[tuple[float, Any]] = set()
    for said in times:
        time, drift = said, None
        if isinstance(said, AveragedTime):
            time, drift = said.time, (said.factors, said.weights)
        if time.constant_hazard is None:
            return None
        found.add((time.constant_hazard, drift))
    return found.pop() if len(found) == 1 else None


def _score_root(data: Floats) -> float:
    """Log hazard ratio at which the profile score of the piecewise-constant model is zero.

    Parameters
    ----------
    data
        ``(arm, events or time, interval)``, the arm compared with first.

    Returns
    -------
        Infinite where nobody has the event in one arm, nan where nobody has it in either.
    """
    (control_events, control_time), (events, time) = data
    if events.sum() == 0.0 or control_events.sum() == 0.0:
        if control_events.sum() == events.sum():
            return math.nan
        return -math.inf if events.sum() == 0.0 else math.inf
    every = control_events + events

    def score(log_ratio: float) -> float:
        share = math.exp(log_ratio) * time
        at_risk = control_time + share
        known = at_risk > 0.0
        expected = np.where(known, every * share / np.where(known, at_risk, 1.0), 0.0)
        return float(events.sum() - expected.sum())

    from scipy import optimize

    return float(optimize.brentq(score, -20.0, 20.0, xtol=1e-13))
