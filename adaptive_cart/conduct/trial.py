"""A block of trials through all its looks: the one place where the stages meet.

    enrol ─► follow ─► for each look: date ─► snapshot ─► summaries ─► posteriors ─► rules ─► end?
      ▲                                                                               │
      └──────── arms dropped, strata closed, shares renewed (later arrivals only) ◄───┘

How a look is held and judged is :mod:`adaptive_cart.conduct.holding`, and what is kept of it
:mod:`adaptive_cart.conduct.block`. Here the participants are simulated. Trials that have ended stay
in the block; what happens after their end is never recorded. The only loop in Python is over looks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from adaptive_cart.conduct.at_the_end import AtTheEnd
from adaptive_cart.conduct.block import Block
from adaptive_cart.conduct.holding import Conduct
from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.look_record import LookRecord, Thresholds
from adaptive_cart.conduct.plan import LEVEL, Plan, compared_with
from adaptive_cart.conduct.standing import Standing
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.own_truths import OwnTruths
from adaptive_cart.design.truth import Truth
from adaptive_cart.models import Posterior
from adaptive_cart.nouns.participant_set import WORD
from adaptive_cart.nouns.questions import Question, weighed
from adaptive_cart.nouns.records import Booleans, Floats, Integers, Population, Snapshot, any_of
from adaptive_cart.nouns.records import pooled as over_strata
from adaptive_cart.nouns.rows_of import rows_of
from adaptive_cart.nouns.streams import Latents
from adaptive_cart.nouns.summaries import Summary
from adaptive_cart.participants.enrolment import Enrolment
from adaptive_cart.participants.population import first_followed, followed, followed_anew, in_arrays
from adaptive_cart.participants.seen import as_seen
from adaptive_cart.participants.shares import Shares

__all__ = ["Block", "LookRecord", "run_block", "run_looks"]


class SimulatedConduct(Conduct):
    """Conducts a block of simulated trials of one scenario."""

    def __init__(
        self,
        plan: Plan,
        truth: Truth,
        targets: Sequence[float],
        latents: Latents,
        own: OwnTruths | None = None,
        others: SimulatedConduct | None = None,
    ) -> None:
        """Follow participants, of whom nothing has been looked at.

        Parameters
        ----------
        others
            Of the same participants and none of whose looks has been held: they are not followed
            a second time.
        """
        trials = latents.trials
        plan = plan.under(truth)
        super().__init__(plan, trials)
        self.truth = truth
        self.own = own
        self.targets = targets
        self.latents = latents
        pace = truth.accrual.pace
        self.enrolment = Enrolment.at_start(plan.design, latents, pace, truth.follow_up)
        self.shares = self.enrolment.shares
        # who comes later is drawn, and followed, when the next look is known to see them; of one
        # experimental arm shares hardly change, and all at once is less work
        several = len(plan.design.experimental) > 1
        alone = several and own is None and others is None and self.enrolment.by_one_set
        self._puts_off = alone and self._follow_first()
        if others is not None:
            self.population, self.prepared = others.population, others.prepared
        elif not self._puts_off:
            self._follow()
            self._puts_off = alone and in_arrays(plan.design, truth, self.population)
        arms = len(plan.design.arm_names)
        self.ends: dict[str, list[tuple[Integers, Summary]]] = {}  # of which trials, look by look
        self.estimated = np.zeros(trials, dtype=np.bool_)
        estimands = (trials, len(plan.estimands))
        self.block = Block(
            first_trial=latents.first_trial,
            standing=self.standing,
            look=np.zeros_like(self.standing.rule),
            months=np.full(trials, np.nan),
            between=np.zeros(trials, dtype=np.bool_),
            randomised=np.zeros((trials, arms), dtype=np.int64),
            analysed=np.zeros((trials, arms), dtype=np.int64),
            infused=np.zeros((trials, arms), dtype=np.int64),
            estimate=np.full(estimands, np.nan),
            covered=np.zeros(estimands, dtype=np.bool_),
            estimate_final=np.full(estimands, np.nan),
            covered_final=np.zeros(estimands, dtype=np.bool_),
            analysed_final=np.zeros((trials, arms), dtype=np.int64),
            reversal=np.zeros(trials, dtype=np.bool_),
            looks=self.records,
            benefit=np.full((trials, len(plan.utilities)), np.nan),
            harm=np.full((trials, len(plan.utilities)), np.nan),
            limits=np.full((*estimands, 2), np.nan) if plan.keeps_limits else None,
        )

    def as_observed(self) -> SimulatedConduct | None:
        """The same participants, still to be judged beside external data as they were observed.

        Nothing where none are drawn anew.
        """
        plan = self.plan.as_observed
        if plan is None:
            return None
        return SimulatedConduct(plan, self.truth, self.targets, self.latents, self.own, self)

    def _follow_first(self) -> bool:
        """Follow a few, and say whether all others may be followed once a look sees them."""
        found = first_followed(self.design, self.truth, self.latents, self.enrolment)
        if found is None or not in_arrays(self.design, self.truth, found):
            return False
        self.population = found
        self.prepared = self._prepared()
        self.enrolment.followed_up_to(WORD)
        return True

    def _follow(self) -> None:
        everybody = followed(self.design, self.truth, self.latents, self.enrolment, self.own)
        self.population = as_seen(everybody, self.design, self.truth.follow_up, self.latents)
        self.prepared = self._prepared()

    def _prepared(self) -> dict[str, Any]:
        return {
            name: endpoint.prepare(name, self.population)
            for name, endpoint in self.design.endpoints.items()
        }

    # ── looks ─────────────────────────────────────────────────────────────────────────────
    def hold_all(self, even_for_none: bool = False) -> None:
        """Hold looks, until no trial goes on; or to the last one whether or not any does."""
        for look in range(1, self.plan.schedule.number + 1):
            self.look(look)
            if not self.standing.running.any() and not even_for_none:
                break
        else:  # trials that nothing has ended, and whoever is shown, have all their participants
            self._enrol_by(np.full(len(self.before), np.inf))

    def next_look(self, look: int, pending: Booleans | None = None) -> tuple[Floats, Booleans]:
        """The same, with everybody enrolled who comes by then.

        Who comes after a date has no part in it, so that it stands once nobody before it is left.
        """
        found = super().next_look(look, pending)
        while self._enrol_by(found[0]):
            found = super().next_look(look, pending)
        return found

    def _enrol_by(self, date: Floats) -> bool:
        """Enrol whoever was put off and comes by a date, ``(trial,)``; whether there is anybody."""
        columns = self.enrolment.draw_by(date)
        if columns is None:
            return False
        self.population = followed_anew(
            self.population, self.design, self.truth, self.latents, self.enrolment, columns
        )
        self.prepared = self._prepared()
        return True

    def ended_at(
        self,
        analysis: LookAnalysis,
        look: int,
        ended: Booleans,
        infused: Integers,
        between: bool = False,
    ) -> None:
        """Record the trials that end at a look, or between it and the one before."""
        rows = np.flatnonzero(ended)
        if not len(rows):
            return
        block, snapshot = self.block, analysis.snapshot
        primary = analysis.summary(self.design.primary)
        block.look[rows] = look
        block.months[rows] = snapshot.date[rows]
        block.between[rows] = between
        for kept, seen in (
            (block.randomised, snapshot.enrolled_by_group),
            (block.infused, infused),
            (block.analysed, primary.analysed),
        ):
            kept[rows] = over_strata(rows_of(seen, rows))
        self._estimate_now(analysis, ended)
        for name in dict.fromkeys((self.design.primary, *self.plan.weighed)):
            asked = rows if self.plan.utilities else rows[~self.estimated[rows]]
            if len(asked):  # or nobody asks for it again
                now = analysis.summary(name)
                self.ends.setdefault(name, []).append((asked, now.rows(asked)))

    def note_held(
        self,
        position: int,
        analysis: LookAnalysis,
        judged: Booleans,
        answers: list[Floats],
        thresholds: Thresholds,
        look: int,
    ) -> None:
        """Note where a rule by whose holding a trial ends held, ended or not.

        What nobody was asked any more is worked out, where a trial was ended at this date.
        """
        standing, rule = self.standing, self.plan.rules[position]
        if position not in standing.held_at or not judged.any():
            return
        asked = standing.open_to(rule) & judged[:, None] & self.enough(rule, analysis)
        held = []
        for part, mine, answer, threshold in zip(
            rule.parts, rule.condition.by_part(asked), answers, thresholds, strict=True
        ):
            for place, target in enumerate(part.targets):
                missing = mine[analysis.trials, place] & np.isnan(answer[analysis.trials, place])
                if missing.any() and np.isnan(answer[analysis.trials, place]).all():
                    answer[analysis.trials, place] = analysis.probability(part, target)
            held.append(part.compared(answer, threshold))
        standing.held_at[position][any_of(asked & rule.condition.of_targets(held))] = look

    def enrol_later(
        self, rows: Integers, date: Floats, strata_before: Booleans, shares: Shares | None
    ) -> None:
        """Enrol later arrivals under what the look decided, and follow everybody anew."""
        standing = self.standing
        self.enrolment.renew(
            rows,
            date,
            standing.open_arms,
            standing.open_strata,
            strata_before,
            shares,
            standing.closed_at,
            put_off=self._puts_off,
        )
        self.shares = self.enrolment.shares
        if not self._puts_off:
            self._follow()

    # ── the end ───────────────────────────────────────────────────────────────────────────
    def finish(self) -> Block:
        """Estimate at the end of every trial, follow the pipeline up, and judge again."""
        block, plan = self.block, self.plan
        randomised = over_strata(block.randomised)
        date, known = plan.schedule.followed_up(
            self.population, self.prepared[self.design.primary], randomised, block.months
        )
        snapshot = Snapshot(date, randomised, self.population)
        name = self.design.primary
        primary = plan.summary(name, self.prepared[name], snapshot)
        block.analysed_final[:] = over_strata(primary.analysed)
        # who has no pipeline, or a whole one without an end, has been judged on all there is; but
        # not what held at a look after which the trial went on
        piped = (date > block.months) & (block.months > 0.0)
        waiting = np.flatnonzero(piped)
        again = np.flatnonzero(piped | (known & self.standing.went_on))
        final = self._final(primary, waiting)
        # first, so that what it takes is known where some of them are judged again
        in_the_end = None if final is None else self._estimates(final)
        seen = AtTheEnd(snapshot, primary, waiting, final)
        self._reversals(seen, again)
        self._claims_again(seen, again)
        self._weigh()
        self.estimate_ends()
        if plan.estimands:
            block.estimate_final, block.covered_final = block.estimate.copy(), block.covered.copy()
            if in_the_end is not None:
                block.estimate_final[waiting], block.covered_final[waiting] = in_the_end
        return block

    def _final(self, primary: Summary, waiting: Integers) -> Posterior | None:
        """Posterior of trials that wait for their pipeline, of all there is, if anybody asks."""
        if not self.plan.estimands or not len(waiting):
            return None
        analysis, model = self.plan.fitted[self.design.primary]
        return analysis.posterior(model, primary.rows(waiting), None)

    def estimate_ends(self) -> None:
        """Estimate at the end of every trial of which that has not been done at its look."""
        pending = np.flatnonzero(~self.estimated)
        if not self.plan.estimands or not len(pending):
            return
        analysis, model = self.plan.fitted[self.design.primary]
        at_end = analysis.posterior(model, self._at_ends(self.design.primary, pending), None)
        self.block.estimate[pending], self.block.covered[pending] = self._estimates(at_end)
        self._keep_limits(at_end, pending)

    def _at_ends(self, name: str, trials: Integers) -> Summary:
        """What was seen of an endpoint when each of some trials, in order, ended."""
        ended, seen = zip(*self.ends[name], strict=True)
        places = np.zeros(len(self.estimated), dtype=np.int64)
        rows = np.concatenate(ended)
        places[rows] = np.arange(len(rows))
        return type(seen[0]).stacked(seen).rows(places[trials])

    def _estimate_now(self, analysis: LookAnalysis, ended: Booleans) -> None:
        """Estimate trials that end from the posterior their look has worked out already.

        Of a posterior that answers for all of them at once only where most trials at the look end.
        """
        posterior = analysis.known_posterior(self.design.primary)
        if posterior is None or posterior.begins_anew or not self.plan.estimands:
            return
        here = ended[analysis.trials]
        own = None if here.all() else posterior.of_trials(np.flatnonzero(here))
        if own is not None:
            posterior, mine = own, np.ones(int(here.sum()), dtype=np.bool_)
        elif 2 * here.sum() < len(here):
            return
        else:
            mine = here
        estimates, covered = self._estimates(posterior)
        rows = analysis.trials[here]
        self.block.estimate[rows], self.block.covered[rows] = estimates[mine], covered[mine]
        self._keep_limits(posterior, rows, mine)
        self.estimated[rows] = True

    def _keep_limits(
        self, posterior: Posterior, trials: Integers, rows: Booleans | slice = slice(None)
    ) -> None:
        """Both ends of the credible intervals of some trials, of those rows of a posterior."""
        if self.block.limits is None:
            return
        for place, estimand in enumerate(self.plan.estimands):
            for end, found in enumerate(posterior.limits(estimand.question, LEVEL)):
                self.block.limits[trials, place, end] = found[rows]

    def _estimates(self, posterior: Posterior) -> tuple[Floats, Booleans]:
        """Posterior means, and whether the equal-tailed intervals cover the true values."""
        means, covered = [], []
        for estimand, target in zip(self.plan.estimands, self.targets, strict=True):
            mean = posterior.mean(estimand.question)
            if np.isnan(target):  # it is not known: nothing is measured of it
                inside = np.zeros(len(mean), dtype=np.bool_)
            else:
                inside = posterior.covers(estimand.question.at(target), LEVEL)
            if posterior.failed is not None:
                mean = np.where(posterior.failed, np.nan, mean)
            means.append(mean)
            covered.append(inside)
        return np.stack(means, axis=1), np.stack(covered, axis=1)

    def _weigh(self) -> None:
        """Posterior means of both sides of every utility, at the look that ended the trial."""
        plan, means, other = self.plan, {}, compared_with(self.design)
        everybody = np.arange(len(self.estimated))
        for name in plan.weighed if self.ends else ():
            analysis, model = plan.fitted[name]
            posterior = analysis.posterior(model, self._at_ends(name, everybody), None)
            for arm in plan.design.experimental:
                mean = posterior.mean(Question(name, arm, other))
                failed = posterior.failed
                means[name, arm] = mean if failed is None else np.where(failed, np.nan, mean)
        for place, utility in enumerate(plan.utilities if self.ends else ()):
            for side, found in zip(
                utility.sides(), (self.block.benefit, self.block.harm), strict=True
            ):
                own = [means[name, side.arm] for name in side.endpoints]
                found[:, place] = weighed(side, own) if own else 0.0

    def _followed_up(self, seen: AtTheEnd, trials: Integers) -> LookAnalysis:
        """Some trials with all that has been seen of them in the end, to be judged again."""
        standing = self.standing
        found = LookAnalysis(
            self.plan, seen.snapshot, self.prepared, trials,
            standing.compared, standing.open_strata, standing.closed_at,
        )  # fmt: skip
        found.summaries[self.design.primary] = seen.primary
        if found.open_strata is None:
            known = seen.of(trials)
            if known is not None:
                found.knows(self.design.primary, known)
        return found

    def _reversals(self, seen: AtTheEnd, again: Integers) -> None:
        """A success is reversed when none of the targets that succeeded holds on everybody."""
        standing = self.standing
        chosen = again[standing.reason[again] == SUCCESS]
        if len(chosen) == 0:
            return
        followed_up = self._followed_up(seen, chosen)
        stands = np.zeros(len(chosen), dtype=np.bool_)
        for position, looks in standing.won.items():
            rule = self.plan.rules[position]
            for place in range(len(rule.targets)):
                if not looks[chosen, place].any():
                    continue
                stands |= self._again(followed_up, position, place, chosen)
        self.block.reversal[chosen] = ~stands

    def _claims_again(self, seen: AtTheEnd, again: Integers) -> None:
        """A claim that is judged again: made if it and all that it requires hold on everybody.

        Elsewhere it has been judged on all there is.
        """
        plan, standing = self.plan, self.standing
        judged_again = [k for k in plan.claims if plan.rules[k].followed_up]
        if not judged_again:
            return
        followed_up = self._followed_up(seen, again)
        for position in judged_again:
            rule, found = plan.rules[position], standing.noted[position] > 0
            for place in range(len(rule.targets)) if len(again) else ():
                found[again, place] = self._still(followed_up, position, place, again)
            self.block.claimed_final[rule.name] = found

    def _still(
        self, followed_up: LookAnalysis, position: int, place: int, chosen: Integers
    ) -> Booleans:
        """Whether a rule and all that it requires hold of a target on everybody, ``(chosen,)``."""
        rule = self.plan.rules[position]
        may = self.standing.may_be_claimed(position)[chosen, place]
        if rule.decision.at_the_end:
            holds = may & self._claim_holds(followed_up, position, place, chosen)
        else:
            holds = may & self._again(followed_up, position, place, chosen)
        for required in rule.requires:
            alike = self.plan.rules[required].alike(rule.targets[place])
            holds &= np.logical_or.reduce(
                [self._still(followed_up, required, own, chosen) for own in alike]
            )
        return holds

    def _claim_holds(
        self, followed_up: LookAnalysis, position: int, place: int, chosen: Integers
    ) -> Booleans:
        """Whether a claim holds at the thresholds of the look that ended the trial.

        For the alpha for which it was made, or where it was not, for what it held in the end.
        """
        rule, held, block = self.plan.rules[position], [], self.block
        passing, noted = self.standing.passing, self.standing.noted
        for number, part in enumerate(rule.parts):
            target = part.targets[rule.condition.whose(number, place)]
            probability = followed_up.probability(part, target)
            ended = zip(block.look[chosen], block.between[chosen], strict=True)
            if passing is None:
                threshold = np.array([part.threshold_at(int(at), bool(so)) for at, so in ended])
            else:
                amounts = passing.held(position, passing.sets(noted))[chosen]
                threshold = np.array(
                    [part.threshold_for(float(amount), int(at), bool(so))
                     for amount, (at, so) in zip(amounts, ended, strict=True)]
                )  # fmt: skip
                made = self.standing.threshold_when_won(position, place, number)[chosen]
                threshold = np.where(np.isnan(made), threshold, made)
            held.append(part.compared(probability, threshold))
        return rule.condition.of_one_target(held)

    def _again(
        self, followed_up: LookAnalysis, position: int, place: int, chosen: Integers
    ) -> Booleans:
        """Whether a rule holds of a target as it was judged when it claimed, ``(chosen,)``.

        What was open then is open again. Never where it claimed nothing.
        """
        rule, held = self.plan.rules[position], []
        if rule.about_open(place):
            followed_up.now_open(*self.standing.open_when_won(position, place))
        for number, part in enumerate(rule.parts):
            target = part.targets[rule.condition.whose(number, place)]
            probability = followed_up.probability(part, target)
            threshold = self.standing.threshold_when_won(position, place, number)[chosen]
            held.append(part.compared(probability, threshold))
        return rule.condition.of_one_target(held)


class EndingsAlone(SimulatedConduct):
    """Conducts a block of simulated trials of which nothing is asked but how they end."""

    recorded: Collection[str] = ()

    def _prepared(self) -> dict[str, Any]:
        return _WhenAsked(self.design, self.population)

    def ended_at(self, *_: Any, **__: Any) -> None:
        """Record nothing of the trials that end."""


class _WhenAsked(dict[str, Any]):
    """By endpoint what does not change from look to look, made when it is first asked for."""

    def __init__(self, design: Design, population: Population) -> None:
        super().__init__()
        self.design, self.population = design, population

    def __missing__(self, name: str) -> Any:
        self[name] = self.design.endpoints[name].prepare(name, self.population)
        return self[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self.design.endpoints else default


def run_block(
    plan: Plan,
    truth: Truth,
    targets: Sequence[float],
    latents: Latents,
    keep_population: bool = False,
    as_observed: bool = False,
) -> Block:
    """Run a block of trials of one scenario through all its looks.

    Parameters
    ----------
    targets
        True value of each of the plan's estimands, against which coverage is measured.
    as_observed
        Whether to judge it a second time, beside external data as they were observed, where they
        are drawn anew.
    """
    conduct = SimulatedConduct(plan, truth, targets, latents)
    beside = conduct.as_observed() if as_observed else None
    block = _held(conduct, keep_population)
    if beside is not None:
        beside.hold_all()
        beside.estimate_ends()
        block.as_observed = beside.block
    return block


def run_own(plan: Plan, truths: OwnTruths, latents: Latents) -> Block:
    """Run a block of trials, each under a truth of its own, through all looks.

    Truths that cannot go through them :meth:`~OwnTruths.together` raise a ``ValueError``. The true
    value of an estimand is another in every trial, so that nothing is said of coverage.
    """
    if not truths.together(plan.design):
        raise ValueError("these truths differ in more than what participants follow")
    unknown = (np.nan,) * len(plan.estimands)
    return _held(SimulatedConduct(plan, truths.first, unknown, latents, truths))


def run_looks(plan: Plan, truth: Truth, latents: Latents) -> Standing:
    """Run a block of trials of one scenario through its looks, and say how each ended.

    What is not asked is left out: endpoints that no rule looks at, estimates, the pipeline. So it
    takes a fraction of the time where it matters only how often trials end in a way.
    """
    conduct = EndingsAlone(replace(plan, estimands=()), truth, (), latents)
    conduct.hold_all()
    return conduct.standing


def _held(conduct: SimulatedConduct, keep_population: bool = False) -> Block:
    """Hold all looks of a block, and finish it."""
    conduct.hold_all(keep_population)
    block = conduct.finish()
    if keep_population:
        block.population = conduct.population
    return block
