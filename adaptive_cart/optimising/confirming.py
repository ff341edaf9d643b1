"""The best of many designs, judged afresh.

    designs that hold ─► some that promise most ─► each on fresh trials ─► the first that is shown
                                                                        ─► its figures, on others

The best of many that were simulated looks better than it is. So a few of them are judged on trials
that the search did not use, in an order that these do not change: first the one that needs least,
then those that need least of all that promise more than is wanted, by margins that rise. Each has
to be shown by one-sided Clopper-Pearson bounds: the error's upper one at most what is wanted, the
power's lower ones at least. Ten may be tried, so each bound is one of 99.5% and with 95% confidence
none of them is taken that lacks what is wanted (Bonferroni; that one design meets several wishes
needs no more, since all of them have to be shown; of its bounds together that is not said). Its
figures are then told from trials of a third seed, which chose nothing.

Thresholds that are calibrated are so anew, on trials of their own (the seed of ``calibrate`` is
made from the fresh one), and the error is held as ``calibrate`` holds it. An error that is
enumerated has a certificate, or the bound of its margins
(:mod:`adaptive_cart.running.margin_bound`), and needs no trials. Of one that is simulated the null
points alone are looked at; where that is asked for, the design that holds there is taken through
:mod:`adaptive_cart.running.worst_case`, and is confirmed only if what its error exceeds nowhere,
with 95% confidence, is at most what is wanted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.nouns.progress import Progress, Tell
from adaptive_cart.nouns.streams import fresh_seed
from adaptive_cart.optimising.evaluating import (
    Evaluation,
    OnCounts,
    with_thresholds_found,
)
from adaptive_cart.optimising.freeing import Candidate
from adaptive_cart.optimising.on_trials import OnTrials
from adaptive_cart.optimising.searching import Judged
from adaptive_cart.optimising.wanted import Wanted
from adaptive_cart.results.figure import Figure
from adaptive_cart.running.calibrating.overruled import all_binding
from adaptive_cart.running.exact_error import ExactError
from adaptive_cart.running.margin_bound import margin_bound
from adaptive_cart.running.region import needs_calibration, region_of
from adaptive_cart.running.stated_certificate import clopper_pearson, lower_bound
from adaptive_cart.running.worst_case import worst_case

OPTIMISE = "optimise"  # what its seeds are for
TRIED = 10  # designs that may be judged afresh
CONFIDENCE = 0.95  # that none is taken which lacks what is wanted
FARTHEST = 3.0  # standard errors by which the last of these promises more than is wanted
FEW = 101  # control rates of the curve that comes with a certificate


@dataclass(frozen=True)
class Proof:
    """What an enumerated error exceeds nowhere.

    Attributes
    ----------
    certificate
        Over the whole region; nothing where none can be had, and ``no_certificate`` says why.
    margin
        On the margins alone, in its place.
    """

    certificate: float | None
    no_certificate: str
    margin: float | None

    @property
    def bound(self) -> float:
        """The one that there is."""
        found = self.margin if self.certificate is None else self.certificate
        assert found is not None
        return found


@dataclass(frozen=True)
class Shown:
    """What fresh trials show of a design, by one-sided bounds.

    Attributes
    ----------
    confidence
        Of each bound.
    trials
        Of each truth.
    error
        Upper bound; nothing where it is proven or calibrated.
    power
        By scenario, lower bounds.
    """

    confidence: float
    trials: int
    error: float | None
    power: Mapping[str, float] = field(default_factory=dict)

    def holds(self, wanted: Wanted) -> bool:
        """Whether everything wanted is shown."""
        enough = all(self.power[name] >= least for name, least in wanted.power.items())
        return enough and (self.error is None or self.error <= wanted.error)


@dataclass(frozen=True)
class Bounded:
    """What a simulated error exceeds nowhere, with ``confidence``, over the truths ``over``."""

    bound: float
    confidence: float
    over: str
    tiles: int
    trials: int


@dataclass(frozen=True)
class Confirmed:
    """The best design, judged afresh.

    Attributes
    ----------
    evaluation
        Exact, or on trials that chose nothing.
    how
        On what, in words.
    proof
        Where the error is enumerated.
    shown
        Where something is simulated.
    calibrated
        Whether the error is held by thresholds that were calibrated anew.
    holds
        Whether everything wanted is met.
    passed_over
        Designs that were judged afresh before it and did not hold.
    bounded
        Where that was asked for, of a simulated error.
    """

    evaluation: Evaluation
    how: str
    proof: Proof | None
    shown: Shown | None
    calibrated: bool
    holds: bool
    passed_over: int
    bounded: Bounded | None = None


Told = tuple[Judged, Confirmed, Design]


def proven(design: Design) -> Proof:
    """What the error of a design on counts exceeds nowhere."""
    found = worst_case(design, points=FEW, engine="exact")
    if found.certificate is not None:
        return Proof(found.certificate.bound, "", None)
    judged = all_binding(design)
    limits = region_of(judged).limits
    margin = margin_bound(ExactError(judged, set(), limits), limits)
    return Proof(None, found.why_none or "", margin.bound)


# ── enumerated ────────────────────────────────────────────────────────────────────────────────
def confirmed_exactly(
    held: Sequence[Judged], wanted: Wanted, judge: OnCounts, progress: Progress
) -> Told:
    """The first of the best whose error is proven to hold; if none is, the best."""
    order = sorted(held, key=lambda one: one.order(wanted))[:TRIED]
    told: list[Told] = []
    for place, one in enumerate(order):
        progress("confirmation", place, len(order))
        evaluation, design = judge(one.candidate)
        proof = proven(design)
        holds = evaluation.meets(wanted) and proof.bound <= wanted.error
        told.append((one, Confirmed(evaluation, "exact", proof, None, False, holds, place), design))
        if holds:
            return told[-1]
    return told[0]


# ── simulated ─────────────────────────────────────────────────────────────────────────────────
def confirmed_on_trials(
    held: Sequence[Judged], wanted: Wanted, judge: OnTrials, fresh: int, progress: Progress
) -> Told:
    """The first of some that fresh trials show to hold; if none is shown, the best."""
    trials = max(fresh, judge.trials)
    order = promising(held, wanted, judge.trials, trials)
    told: list[Told] = []
    for place, one in enumerate(order):
        progress("confirmation", place, len(order))
        found = _afresh(one, wanted, judge, trials, place)
        if found is None:
            continue
        told.append(found)
        if found[1].holds:
            break
    best = next((one for one in told if one[1].holds), None)
    if best is None and not told:
        raise _nothing_keeps(order[0])
    one, confirmed, design = best or told[0]
    others = replace(judge, trials=trials, seed=fresh_seed(judge.seed, OPTIMISE, times=2))
    figures = others(Candidate(one.candidate.settings, design))[0]
    return one, replace(confirmed, evaluation=_with_thresholds(figures, confirmed)), design


def bounded(told: Told, wanted: Wanted, judge: OnTrials, progress: Progress, tell: Tell) -> Told:
    """The same design, and what its simulated error exceeds nowhere; confirmed if that is enough.

    What does not hold at the null points already is not bounded.
    """
    one, confirmed, design = told
    if not confirmed.holds or confirmed.proof is not None:
        return told
    found = worst_case(
        design, trials=judge.trials, seed=fresh_seed(judge.seed, OPTIMISE, times=3),
        jobs=judge.jobs, progress=progress, engine="simulate", certify_simulated=True, tell=tell,
    ).stated  # fmt: skip
    assert found is not None
    over = found.over or (
        "the control rates of the null region, at the effects at which the claim is just false"
    )
    bound = Bounded(found.bound, found.confidence, over, found.tiles, found.trials)
    enough = found.holds and found.bound <= wanted.error
    return one, replace(confirmed, holds=enough, bounded=bound), design


def _with_thresholds(figures: Evaluation, confirmed: Confirmed) -> Evaluation:
    """Figures of a design whose thresholds are numbers by now, and these."""
    return replace(figures, thresholds=confirmed.evaluation.thresholds)


def _nothing_keeps(one: Judged) -> DesignError:
    words = ", ".join(f"{key} = {value}" for key, value in one.candidate.settings.items())
    message = f"on fresh trials no threshold keeps the error in any design found, such as {words}"
    return DesignError([Problem("calibration.type_one_error", message)])


def promising(held: Sequence[Judged], wanted: Wanted, searched: int, fresh: int) -> list[Judged]:
    """Designs to be judged afresh, in order: by margin, the one that needs least.

    Parameters
    ----------
    searched, fresh
        Trials on which they were judged, and will be.
    """
    order = sorted(held, key=lambda one: one.order(wanted))
    found: list[Judged] = []
    for step in range(TRIED):
        errors = FARTHEST * step / (TRIED - 1)
        promise = [one for one in order if _promises(one, wanted, errors, searched, fresh)]
        found += [one for one in promise[:1] if one not in found]
    found += [one for one in order if one not in found][: TRIED - len(found)]
    return found


def _promises(one: Judged, wanted: Wanted, errors: float, searched: int, fresh: int) -> bool:
    """Whether a design was so many standard errors better than is wanted, in all ways."""
    assert one.evaluation is not None

    def margin(share: float) -> float:
        return errors * math.sqrt(share * (1.0 - share) * (1.0 / searched + 1.0 / fresh))

    error = one.evaluation.error
    known = (error.mcse == 0.0 and error.n is None) or needs_calibration(one.candidate.design)
    enough = all(
        one.evaluation.success[name].estimate >= least + margin(least)
        for name, least in wanted.power.items()
    )
    return enough and (known or error.estimate <= wanted.error - margin(wanted.error))


def _afresh(one: Judged, wanted: Wanted, judge: OnTrials, trials: int, place: int) -> Told | None:
    """A design on fresh trials; nothing where no threshold keeps the error on them."""
    again = replace(judge, trials=trials, seed=fresh_seed(judge.seed, OPTIMISE))
    asked = one.candidate.design
    calibrated = needs_calibration(asked)
    try:
        design, thresholds = with_thresholds_found(asked, again.seed, "auto", judge.jobs)
    except DesignError:
        return None
    if not judge.error_enumerated:
        again.at = judge.hardest(design, judge.trials)
    evaluation = again(Candidate(one.candidate.settings, design))[0]
    evaluation = replace(evaluation, thresholds=thresholds)
    proof = proven(design) if judge.error_enumerated else None
    held_otherwise = calibrated or proof is not None
    shown = _shown(evaluation, trials, None if held_otherwise else evaluation.error)
    holds = shown.holds(wanted) and (proof is None or proof.bound <= wanted.error)
    how = f"on {trials:,} fresh trials of each truth"
    return one, Confirmed(evaluation, how, proof, shown, calibrated, holds, place), design


def _shown(evaluation: Evaluation, trials: int, error: Figure | None) -> Shown:
    doubt = (1.0 - CONFIDENCE) / TRIED
    return Shown(
        1.0 - doubt,
        trials,
        None if error is None else clopper_pearson(_events(error, trials), trials, 1.0 - doubt),
        {
            name: lower_bound(_events(figure, trials), trials, doubt)
            for name, figure in evaluation.success.items()
        },
    )


def _events(figure: Figure, trials: int) -> int:
    return round(figure.estimate * trials)
