"""The looks of a real trial, held on its table by the code that holds simulated ones.

A look judges what was visible at its date. What earlier looks decided (arms dropped, strata closed,
enrolment stopped, who is asked about still) belongs to that, so they are held anew, in order, each
on what was visible then. Nothing of it is taken from anywhere else: the standing is what the
protocol's rules make of the participants.

A trial may go on although a rule said stop, since a committee decides and not a rule. A later look
that is asked for is then judged as if the earlier rule had not held, and the analysis says so.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adaptive_cart.analysis.decisions import decided
from adaptive_cart.analysis.real_trial import Answers, Judgement, RealTrial, RecordedAnalysis
from adaptive_cart.conduct.look_record import LookRecord, between_looks, by_name
from adaptive_cart.conduct.looks import counted_by
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule, rhythm
from adaptive_cart.conduct.standing import RUNNING, Standing
from adaptive_cart.decisions import ENDINGS
from adaptive_cart.errors import InputError, one_of
from adaptive_cart.nouns.calendar import SAME, TIE, until
from adaptive_cart.nouns.records import Floats
from adaptive_cart.participants.shares import Shares
from adaptive_cart.recorded.known import LEFT, Participants, Silence, window_of

GRACE = 1.0  # months by which a calendar date may lie beyond the last contact in the table


@dataclass(frozen=True)
class Held:
    """One look (or a stop between looks), and how the trial stood before and after.

    Attributes
    ----------
    last
        Whether it is the trial's last look.
    went_on
        Whether the trial went on although a rule ended it here.
    """

    look: int
    date: float
    last: bool
    record: LookRecord
    before: Standing
    after: Standing
    shares_before: Shares | None
    date_before: float
    went_on: bool = False

    @property
    def ended(self) -> bool:
        """Whether a rule, or the last look, ended the trial here."""
        return bool(self.after.reason[0] != RUNNING)


def copied(standing: Standing) -> Standing:
    """Return a standing that later decisions leave alone."""
    own = copy.copy(standing)
    for name, value in vars(standing).items():
        if isinstance(value, np.ndarray):
            setattr(own, name, value.copy())
    own.noted = {position: looks.copy() for position, looks in standing.noted.items()}
    own.declared = list(standing.declared)
    own.within_error = dict(standing.within_error)
    return own


@dataclass
class Replay:
    """A real trial up to the look that is analysed.

    Attributes
    ----------
    trial
        Its conduct; the standing is that after the look.
    held
        The looks held, in order; the last one is analysed.
    due
        Month at which the look analysed was due by the design; it may be held on another date.
    """

    trial: RealTrial
    held: list[Held]
    due: float
    notes: list[str]

    @property
    def now(self) -> Held:
        """The look that is analysed."""
        return self.held[-1]

    def again(self, answers: Answers | None) -> tuple[Held, RecordedAnalysis]:
        """Hold the look that is analysed once more, somebody else answering the rules."""
        now, trial = self.now, self.trial
        trial.standing = copied(now.before)
        trial.shares = now.shares_before
        trial.before = np.array([now.date_before])
        trial.answers = answers
        count, judged = len(trial.records), len(trial.judgements)
        if now.record.between:
            record = _between_at(trial, now)
        else:
            record = trial.hold(
                now.look, np.array([now.date]), np.ones(1, dtype=np.bool_), np.array([now.last])
            )
        del trial.records[count:]
        del trial.judgements[judged:]
        trial.answers = None
        assert trial.last_analysis is not None
        held = replace(now, record=record, after=copied(trial.standing))
        return held, trial.last_analysis


def _between_at(trial: RealTrial, now: Held) -> LookRecord:
    """Judge the rules with a rhythm of their own anew at a date between looks."""
    true, never = np.ones(1, dtype=np.bool_), np.zeros(1, dtype=np.bool_)
    trial.follow(trial.participants.reach)
    at, judged = trial.next_check(np.array([now.date + 2.0 * TIE]), never)
    analysis = trial.analysis(at, true)
    asked: dict[str, Floats] = {}
    for position, rule in enumerate(trial.plan.rules):
        if judged[0, position]:
            answers = trial.judge_rule(
                position, analysis, true, between_looks(rule, now.look), now.look, never
            )
            asked |= by_name(rule, answers)
    told = {name: asked[name] for name in now.record.probabilities}
    return replace(now.record, probabilities=told)


def replayed(
    plan: Plan,
    participants: Participants,
    look: int | None = None,
    as_of: float | None = None,
    window: float | None = None,
    seed: int = 0,
    silence: Silence = LEFT,
) -> Replay:
    """Hold the looks of a real trial up to the one that is analysed.

    Parameters
    ----------
    look
        Number of the look; the last one due by the data, or the one that ended the trial before
        that, if left out.
    as_of
        Calendar month at which the data are cut; the date at which the look fell due if left out.
    silence
        How those are read who were last seen before the cut.

    Raises
    ------
    InputError
        If no look, or not the one asked for, is due.
    """
    _check(plan, participants, look, as_of)
    trial = RealTrial(plan, participants, window_of(plan.design, window), seed, silence)
    reach = participants.reach if as_of is None else as_of
    walk = _Walk(trial, reach, look, as_of)
    for number in range(1, plan.schedule.number + 1):
        if look is not None and number > look:
            break
        if walk.coming(number).skipped:
            continue
        if walk.between(number):
            break
        coming = walk.coming(number)  # what was decided between looks may move it
        if coming.skipped:
            continue
        if not coming.due and number != look:
            if look is None:
                break
            continue
        if walk.hold(number, coming):
            break
    if not walk.held and walk.quiet is not None and look is None:
        walk.held.append(walk.quiet)
        walk.due = walk.quiet.date
        names = one_of(walk.quiet.record.probabilities)
        walk.notes.append(
            f"no look is due by month {reach:.2f}; {names} was due between looks at month "
            f"{walk.due:.2f}, and is judged on what was known then"
        )
    if not walk.held:
        raise InputError(_not_due(plan, trial, 1, trial.due(1)[0], reach))
    told = [*walk.notes, *_told_due(trial, walk.held[-1]), *_told_between(trial, walk.held[-1])]
    replay = Replay(trial, walk.held, walk.due, told)
    if as_of is not None and look is None and not replay.now.record.between:
        replay.held[-1] = replace(replay.now, date=as_of)
        replay.held[-1], _ = replay.again(None)
    return replay


def _by_visits(trial: RealTrial, look: int, date: float) -> bool:
    """Whether a look is due because visits come before their day.

    The last visits that it waits for may lie within the window before it. A table in which several
    were last seen on its very last day is not one of visits: it was cut there, before the look.
    """
    schedule, participants = trial.plan.schedule, trial.participants
    waits = schedule.counts.when_followed or look > len(schedule.at)
    if not waits or not date <= participants.reach + trial.window:
        return False
    last_day = participants.randomised + participants.last_contact >= participants.reach - SAME
    return int(last_day.sum()) == 1


def _told_due(trial: RealTrial, now: Held) -> list[str]:
    """Say what a look waits for and what there was by its date, where that is no plain number."""
    looks = trial.design.looks
    if looks.as_stated or now.record.between or now.look > len(looks.at):
        return []
    trial.follow(now.date)
    counted = counted_by(trial.plan, trial.population, trial.prepared, np.array([now.date]))
    return [f"look {now.look} is due at {looks.due(now.look)}; by month {now.date:.2f}: {counted}"]


def _told_between(trial: RealTrial, now: Held) -> list[str]:
    """Say which rules were judged between looks, and that none of them held."""
    found = []
    for rule in trial.plan.rules:
        mine = [j for j in trial.quiet if j.rule == rule.name and j.date != now.date]
        mine = [j for j in mine if j.failed or not all(np.isnan(a).all() for a in j.answers)]
        if not mine:
            continue
        times = "once" if len(mine) == 1 else f"{len(mine)} times"
        found.append(
            f"{rule.name} was judged {times} between looks, at {rhythm(rule.every)}, and "
            f"did not hold; last at month {mine[-1].date:.2f}: {_latest(trial, rule, mine[-1])}"
        )
    return found


def _latest(trial: RealTrial, rule: ResolvedRule, judgement: Judgement) -> str:
    """The answer that came nearest to make a rule hold, in words."""
    if judgement.failed:
        return f"the posterior of {one_of(judgement.failed)} could not be computed"
    said = []
    for part, answers, thresholds in zip(
        rule.parts, judgement.answers, judgement.thresholds, strict=True
    ):
        place = int(np.nanargmax(answers if part.at_least else -answers))
        threshold = float(thresholds[place])
        said.append(part.reason(trial.design, float(answers[place]), threshold, place))
    return "; ".join(said)


@dataclass(frozen=True)
class _Coming:
    """When the next look is held, by what is known.

    Attributes
    ----------
    at, date
        When it is held, and when it falls due by the design; where it is not yet due, it is held
        after all that is known.
    skipped
        It is left out, enrolment having been stopped.
    """

    at: float
    date: float
    last: bool
    due: bool
    skipped: bool


class _Walk:
    """From look to look.

    Attributes
    ----------
    quiet
        The last time that rules were judged between looks and none ended the trial.
    """

    def __init__(
        self, trial: RealTrial, reach: float, look: int | None, as_of: float | None
    ) -> None:
        self.trial = trial
        self.reach = reach
        self.look = look
        self.as_of = as_of
        self.held: list[Held] = []
        self.due = float("nan")
        self.notes: list[str] = []
        self.quiet: Held | None = None

    def _state(self) -> dict[str, Any]:
        trial = self.trial
        return {
            "before": copied(trial.standing),
            "shares_before": trial.shares,
            "date_before": float(trial.before[0]),
        }

    def coming(self, number: int) -> _Coming:
        """When a look is held; an error where the one that was asked for is not."""
        trial, asked = self.trial, number == self.look
        schedule = trial.plan.schedule
        date, last = trial.due(number, self.reach)
        skipped = bool(trial.standing.enrolment_stopped[0]) and not last
        if skipped and asked:
            raise InputError(
                f"look {number} is not held: enrolment was stopped at month "
                f"{trial.before[0]:.2f}; the next look is the last one ({schedule.number})"
            )
        due = date <= self.reach + max(SAME, trial.participants.resolution)
        due = due or (self.as_of is None and _by_visits(trial, number, date))
        calendar = schedule.by_calendar(number, date) and date <= self.reach + GRACE
        if asked and not due and self.as_of is None and not calendar:
            raise InputError(_not_due(trial.plan, trial, number, date, self.reach))
        at = date
        if asked and self.as_of is not None:
            at = self.as_of
        elif not due and not asked:
            at = float(np.nextafter(self.reach + SAME, np.inf))
        return _Coming(at, date, last, due, skipped)

    def between(self, number: int) -> bool:
        """Judge, date by date, what is judged before a look; true where the walk ends here."""
        trial = self.trial
        never = np.zeros(1, dtype=np.bool_)
        while True:
            coming, state = self.coming(number), self._state()
            if coming.skipped:
                return False
            at, rules = trial.next_check(np.array([coming.at]), never)
            if not rules.any():
                return False
            judged = len(trial.judgements)
            trial.check(number, at, rules)
            if not trial.standing.running[0]:
                break
            self._quietly(number, trial.judgements[judged:], state)
            found = decided(state["before"], trial.standing)
            if found:
                self.notes.append(
                    f"Between looks, before look {number}, at month {float(at[0]):.2f}: "
                    f"{'; '.join(found)}."
                )
        self.due = float(at[0])
        after = copied(trial.standing)
        self.held.append(Held(number, self.due, False, trial.records[-1], after=after, **state))
        return self._end(self.look is None or self.look == number)

    def _quietly(self, number: int, judged: list[Judgement], state: dict[str, Any]) -> None:
        """Keep what was judged at a date between looks and ended nothing."""
        trial, at = self.trial, judged[0].date
        trial.quiet += [judgement for judgement in judged if not judgement.holds]
        rules = {rule.name: rule for rule in trial.plan.rules}
        asked = {
            name: answer
            for judgement in judged
            for name, answer in by_name(
                rules[judgement.rule], tuple(answer[None] for answer in judgement.answers)
            ).items()
        }
        record = trial.record_between(number, at, asked)
        self.quiet = Held(number, at, False, record, after=copied(trial.standing), **state)

    def hold(self, number: int, coming: _Coming) -> bool:
        """Hold a look; true where the walk ends here."""
        trial, state = self.trial, self._state()
        record = trial.hold(
            number, np.array([coming.at]), np.ones(1, dtype=np.bool_), np.array([coming.last])
        )
        self.due = coming.date
        after = copied(trial.standing)
        self.held.append(Held(number, coming.at, coming.last, record, after=after, **state))
        if number == self.look:
            return True
        return not trial.standing.running[0] and self._end(self.look is None or coming.last)

    def _end(self, here: bool) -> bool:
        """What an end means: the end of the walk, or a trial that went on all the same."""
        if here:
            return True
        now, standing = self.held[-1], self.trial.standing
        rule = standing.rules[int(standing.rule[0])].name
        when = f"before look {now.look}" if now.record.between else f"at look {now.look}"
        self.notes.append(
            f"By its rules the trial had ended {when}, month {now.date:.2f}: "
            f"{ENDINGS[standing.reason[0]].words} ({rule}). What follows takes it "
            "that it went on all the same."
        )
        self.held[-1] = replace(now, went_on=True)
        standing.reason[0], standing.rule[0], standing.probability[0] = RUNNING, -1, np.nan
        if not standing.design.by_target:
            for looks in standing.won.values():
                looks[:] = 0
        return False


def _check(plan: Plan, participants: Participants, look: int | None, as_of: float | None) -> None:
    number = plan.schedule.number
    if look is not None and not 1 <= look <= number:
        raise InputError(f"--look: found {look}; the design has looks 1 to {number}")
    if as_of is None:
        return
    if not 0.0 <= as_of < np.inf:
        raise InputError(f"--as-of: found {as_of:g}; a calendar month, 0 or later, is expected")
    if as_of > participants.reach + GRACE:
        raise InputError(
            f"--as-of: found {as_of:g}; the data reach month {participants.reach!r} "
            "(the latest last contact)"
        )


def _not_due(plan: Plan, trial: RealTrial, look: int, date: float, reach: float) -> str:
    """Say why a look is not due, and what is there."""
    schedule, participants = plan.schedule, trial.participants
    there = participants.randomised <= until(reach)
    looks = plan.design.looks
    final = look > len(schedule.at)
    needs = "everybody randomised and followed" if final else looks.due(look)
    now, followed = np.array([reach]), schedule.followed_for or 0.0
    passed = int((participants.randomised + followed <= until(reach)).sum())
    found = f"{int(there.sum())} randomised"
    if not looks.as_stated:
        found += f", {counted_by(plan, trial.population, trial.prepared, now)}"
    elif schedule.counts.when_followed:
        found += f", {passed} of them past month {followed:g}"
    elif schedule.counts.of_events:
        found += f", {int(schedule.so_far(trial.population, trial.prepared, now).sum())} events"
    when = f" It would fall due at month {date:.2f}." if np.isfinite(date) else ""
    return (
        f"look {look} is not due: it needs {needs}; by month {reach:.2f} there are {found}.{when} "
        f"--look {look} --as-of MONTH judges its rules on what there is"
    )
