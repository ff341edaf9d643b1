"""Two arms compared by the times to an event: the logrank test, and the hazard ratio beside it.

At every time at which somebody has the event, those at risk are counted in both arms. Given these
numbers, the events of the experimental arm are hypergeometric if the hazards are equal; the test
adds up what is observed beyond what is expected, over the root of the sum of the variances (Mantel
1966, Cancer Chemother Rep 50:163; Peto & Peto 1972, J R Stat Soc A 135:185). Who is censored at the
time of an event is still at risk. Over the looks of a trial the statistic has independent
increments, its information being in proportion to the events (Tsiatis 1982, J Am Stat Assoc
77:855), so that boundaries of alpha spending hold for it at the fractions of the events.

The estimate is Cox's hazard ratio (Cox 1972, J R Stat Soc B 34:187), the root of the score whose
value at a ratio of one is the logrank statistic; tied events as Breslow has them. Other ratios than
one are tested by the same score, so that those that it does not reject are an interval of the
estimate. Newton's method in the log ratio: the score falls everywhere, so that there is one root.
Steps are held within one, and go on until none is larger than 1e-10.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adaptive_cart.nouns.records import Booleans, Floats, Integers

_LARGEST_STEP, _SMALLEST_STEP, _STEPS = 1.0, 1e-10, 200


@dataclass(frozen=True)
class AtRisk:
    """Who has the event and who is at risk, by time.

    All ``(trial, time)``, in order of time; tied times stand in one place, and the places of
    nobody's event hold no events.

    Attributes
    ----------
    events, of_experimental
        Events at that time, in both arms and in the experimental one.
    control, experimental
        Numbers at risk just before.
    """

    events: Integers
    of_experimental: Integers
    control: Integers
    experimental: Integers

    @property
    def total(self) -> Integers:
        """Events in both arms, ``(trial,)``."""
        return self.events.sum(axis=1)


def at_risk(months: Floats, event: Booleans, control: Booleans, experimental: Booleans) -> AtRisk:
    """Count events and numbers at risk.

    Parameters
    ----------
    months, event
        ``(trial, participant)`` time under observation, and whether it ended with the event.
    control, experimental
        ``(trial, participant)`` members of the two arms that are in the analysis.
    """
    included = control | experimental
    time = np.where(included, months, np.inf)
    order = np.argsort(time, axis=1, kind="stable")
    time, included, event, other = (
        np.take_along_axis(part, order, axis=1) for part in (time, included, event, experimental)
    )
    trials, width = time.shape
    begins = np.ones(time.shape, dtype=np.bool_)
    begins[:, 1:] = time[:, 1:] != time[:, :-1]
    place = np.maximum.accumulate(np.where(begins, np.arange(width), 0), axis=1)
    place += np.arange(trials)[:, None] * width

    def together(flags: Booleans) -> Integers:
        """Add up what falls on one time, in the first of its places."""
        found = np.bincount(place[flags], minlength=trials * width)
        return found.reshape(trials, width).astype(np.int64)

    def still_there(members: Booleans) -> Integers:
        return members.sum(axis=1)[:, None] - np.cumsum(members, axis=1) + members

    happened = event & included
    return AtRisk(
        events=together(happened),
        of_experimental=together(happened & other),
        control=still_there(included & ~other),
        experimental=still_there(other),
    )


def logrank(risk: AtRisk, ratio: float = 1.0) -> Floats:
    """Logrank statistic, ``(trial,)``: above zero where the experimental arm has more events.

    Zero where it cannot be computed: no event while both arms were at risk.

    Parameters
    ----------
    ratio
        The hazard ratio that is tested: above zero where there are more events than with this one.
        With another than one it is the score of Cox's model there, over its root variance.
    """
    n, n1 = risk.control + risk.experimental, risk.experimental
    weighted = n1 * ratio
    share = weighted / np.maximum(risk.control + weighted, np.where(n > 0, 0.0, 1.0))
    beyond = (risk.of_experimental - risk.events * share).sum(axis=1)
    spread = risk.events * share * (1.0 - share) * (n - risk.events) / np.maximum(n - 1, 1)
    variance = spread.sum(axis=1)
    found: Floats = np.where(variance > 0.0, beyond, 0.0) / np.sqrt(
        np.where(variance > 0.0, variance, 1.0)
    )
    return found


def hazard_ratio(risk: AtRisk) -> Floats:
    """Cox's hazard ratio of the experimental arm to the control, ``(trial,)``.

    Zero or infinite where only one arm has events while both are at risk, nan where neither has.
    """
    tells = (risk.events > 0) & (risk.control > 0) & (risk.experimental > 0)
    events = np.where(tells, risk.events, 0)
    mine = np.where(tells, risk.of_experimental, 0).sum(axis=1)
    theirs = events.sum(axis=1) - mine
    sound = np.flatnonzero((mine > 0) & (theirs > 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.where(mine + theirs > 0, mine / theirs, np.nan)
    found[mine == 0] = np.where(theirs[mine == 0] > 0, 0.0, np.nan)
    log_ratio = np.zeros(len(sound))
    d, n0, n1 = (part[sound] for part in (events, risk.control, risk.experimental))
    n0, n1 = np.where(d > 0, n0, 1), np.where(d > 0, n1, 1)
    for _ in range(_STEPS):
        weighted = n1 * np.exp(log_ratio)[:, None]
        share = weighted / (n0 + weighted)
        score = mine[sound] - (d * share).sum(axis=1)
        slope = (d * share * (1.0 - share)).sum(axis=1)
        step = np.clip(score / slope, -_LARGEST_STEP, _LARGEST_STEP)
        log_ratio += step
        if not len(step) or np.abs(step).max() < _SMALLEST_STEP:
            break
    found[sound] = np.exp(log_ratio)
    return found


class FineIntervals:
    """Events and time in intervals so short that a hazard in each makes no difference.

    With them the score of the piecewise exponential model is that of Cox's, in the limit of many
    participants: what its hazard ratio tends to where hazards are not proportional.
    """

    WIDTH, NUMBER = 0.25, 480  # months; the last interval has no end

    def split(self, months: Floats, event: Booleans, included: Booleans) -> tuple[Floats, Floats]:
        """Events and months at risk of those included, ``(1, interval)`` each."""
        time, ended = months[included], event[included]
        starts = self.WIDTH * np.arange(self.NUMBER)
        widths = np.append(np.full(self.NUMBER - 1, self.WIDTH), np.inf)
        places = np.minimum((time[ended] / self.WIDTH).astype(np.int64), self.NUMBER - 1)
        events = np.bincount(places, minlength=self.NUMBER).astype(np.float64)
        at_risk = [np.clip(time - a, 0.0, w).sum() for a, w in zip(starts, widths, strict=True)]
        return events[None], np.array(at_risk)[None]
