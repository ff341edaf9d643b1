"""How a block of trials stands: what is open, what has been decided, how each trial ended."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from adaptive_cart.conduct.passing import Passing
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.decisions import FUTILITY, NO_SUCCESS, SUCCESS, Ending, Holding
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.calendar import short_of
from adaptive_cart.nouns.counters import Labels, narrow
from adaptive_cart.nouns.records import Booleans, Floats, Integers, any_of
from adaptive_cart.nouns.windows import Windows

RUNNING = -1  # among the codes of endings

EQUAL: Final = 1e-12  # probabilities that differ by no more are equal in a choice


@dataclass(frozen=True)
class Declared:
    """Targets for which one rule first held at one moment, and what was in force then.

    Attributes
    ----------
    position
        Of the rule in the design.
    trials, holds
        ``(row,)`` positions of the trials, and ``(row, target)`` about which targets it held.
    thresholds
        By comparison: ``(row, question)`` what it was compared with.
    open_arms, open_strata
        ``(row, arm)``, ``(row, stratum)``.
    """

    position: int
    trials: Integers
    holds: Booleans
    thresholds: tuple[Floats, ...]
    open_arms: Booleans
    open_strata: Booleans


def why_not_asked(standing: Standing, position: int) -> str:
    """Why a claim is not judged in the first trial: what has not held, or no alpha is its own."""
    missing = [
        f"'{standing.rules[required].name}'"
        for required in standing.rules[position].requires
        if not (standing.noted[required][0] > 0).any()
    ]
    passing = standing.passing
    if not missing and passing is not None:
        held = passing.sets(standing.noted)[:1]
        if passing.held(position, held)[0] == 0.0:
            return passing.told(position, int(held[0]))
    return f"{', '.join(missing) or 'what it requires'} has not held"


def holds_apart(design: Design, rule: ResolvedRule) -> bool:
    """Whether that a rule holds is not the same as that it ends the trial, nor a claim."""
    ends = rule.decision.ends
    return not rule.decision.at_the_end and (ends is None or (design.by_target and ends == SUCCESS))


def ends_by_holding(design: Design, rule: ResolvedRule) -> bool:
    """Whether a trial ends where the rule holds, unless another rule has ended it there before."""
    return rule.decision.ends is not None and not holds_apart(design, rule)


def required_by(rules: tuple[ResolvedRule, ...]) -> set[int]:
    """Positions of the rules that claims require."""
    return {required for rule in rules for required in rule.requires}


@dataclass
class Standing:
    """Decisions so far; every array has the trial first. Decisions act on it (``Actions``).

    Attributes
    ----------
    reason, rule
        ``(trial,)`` code of the ending and position of the rule that ended it; -1 while it runs.
    probability
        ``(trial,)`` the probability that ended it; nan where it hung on several.
    open_arms, open_strata
        ``(trial, arm)``, ``(trial, stratum)`` still enrolling; the control is always open.
    noted
        By position of a rule that claims, that a claim requires, or whose holding does not end the
        trial: ``(trial, target)`` look at which it first held, 0 for not.
    declared
        Every such rule as it held, in order, with what was open then.
    dropped, closed
        ``(trial, arm)``, ``(trial, stratum)`` look at which it was dropped or closed, 0 for not.
    enrolled, enrolment_stopped
        ``(trial,)`` how many may be randomised: ``max_n``, or those in when enrolment was stopped;
        and whether it was stopped, also where everybody was in by then.
    failed
        ``(trial,)`` a posterior that a rule asked for could not be computed.
    went_on
        ``(trial,)`` something was judged after a success, or what a claim requires, had held.
    held_at
        By position of a rule by whose holding a trial ends: ``(trial,)`` look at which it held,
        also where another rule had ended the trial there before; 0 for not. Noted where trials are
        simulated.
    within_error
        By position of a rule whose answers have an error: ``(trial,)`` whether it was judged by a
        probability that lay within that of its threshold.
    closed_at
        ``(trial, arm)`` month at which a decision closed it; infinite for not.
    has_entered
        ``(trial, arm)`` by the date at which the trial was last looked at.
    passing
        How claims pass alpha on; nothing where they share none.
    """

    design: Design
    rules: tuple[ResolvedRule, ...]
    reason: Labels
    rule: Labels
    probability: Floats
    open_arms: Booleans
    open_strata: Booleans
    noted: dict[int, Labels]
    dropped: Labels
    closed: Labels
    enrolled: Integers
    enrolment_stopped: Booleans
    failed: Booleans
    went_on: Booleans
    closed_at: Floats
    has_entered: Booleans
    held_at: dict[int, Labels] = field(default_factory=dict)
    declared: list[Declared] = field(default_factory=list)
    within_error: dict[int, Booleans] = field(default_factory=dict)
    passing: Passing | None = None

    @staticmethod
    def at_start(design: Design, rules: tuple[ResolvedRule, ...], trials: int) -> Standing:
        """Nothing decided, everything open."""
        arms, strata = len(design.arm_names), len(design.shares)
        kind = narrow(max(design.looks.number, len(rules)))

        def small(*shape: int, value: int = 0) -> Labels:
            return np.full((trials, *shape), value, dtype=kind)

        return Standing(
            design=design,
            rules=rules,
            reason=small(value=RUNNING),
            rule=small(value=-1),
            probability=np.full(trials, np.nan),
            open_arms=np.ones((trials, arms), dtype=np.bool_),
            open_strata=np.ones((trials, strata), dtype=np.bool_),
            noted={
                position: small(len(rule.targets))
                for position, rule in enumerate(rules)
                if rule.decision.claims
                or position in required_by(rules)
                or holds_apart(design, rule)
            },
            dropped=small(arms),
            closed=small(strata),
            enrolled=np.full(trials, design.enrolment.max_n, dtype=np.int64),
            enrolment_stopped=np.zeros(trials, dtype=np.bool_),
            failed=np.zeros(trials, dtype=np.bool_),
            went_on=np.zeros(trials, dtype=np.bool_),
            closed_at=np.full((trials, arms), np.inf),
            has_entered=np.ones((trials, arms), dtype=np.bool_),
            held_at={
                position: small()
                for position, rule in enumerate(rules)
                if ends_by_holding(design, rule)
            },
            passing=Passing.of(design),
        )

    @property
    def running(self) -> Booleans:
        """Trials that have not ended, ``(trial,)``."""
        return self.reason == RUNNING

    @property
    def won(self) -> dict[int, Labels]:
        """Of ``noted``, the successes."""
        ends = (rule.decision.ends for rule in self.rules)
        return {k: self.noted[k] for k, ending in enumerate(ends) if ending == SUCCESS}

    @property
    def claimed(self) -> dict[int, Labels]:
        """Of ``noted``, the further claims."""
        return {k: looks for k, looks in self.noted.items() if self.rules[k].decision.at_the_end}

    @property
    def any_success(self) -> Booleans:
        """Trials in which some target has succeeded, ``(trial,)``."""
        found = np.zeros(len(self.reason), dtype=np.bool_)
        for looks in self.won.values():
            found |= any_of(looks > 0)
        return found

    def go_on(self, held: Booleans) -> None:
        """Note in which trials, ``(trial,)``, something is judged after what was noted before."""
        required = required_by(self.rules)
        for position, looks in self.noted.items():
            if self.rules[position].decision.claims or position in required:
                self.went_on |= held & any_of(looks > 0)

    def threshold_when_won(self, position: int, place: int, part: int = 0) -> Floats:
        """What a comparison was held against when its rule claimed of a target, ``(trial,)``."""
        own = self.rules[position].condition.whose(part, place)
        found = np.full(len(self.reason), np.nan)
        for declared in self.declared:
            if declared.position == position:
                here = declared.holds[:, place]
                found[declared.trials[here]] = declared.thresholds[part][here, own]
        return found

    def open_when_won(self, position: int, place: int) -> tuple[Booleans, Booleans]:
        """What was open when a rule claimed something of a target; elsewhere what is open now.

        Returns
        -------
        ``(trial, arm)`` and ``(trial, stratum)``.
        """
        open_arms, open_strata = self.compared.copy(), self.open_strata.copy()
        for declared in self.declared:
            if declared.position == position:
                here = declared.holds[:, place]
                open_arms[declared.trials[here]] = declared.open_arms[here]
                open_strata[declared.trials[here]] = declared.open_strata[here]
        return open_arms, open_strata

    def judged_within_error(self, position: int) -> Booleans:
        """Trials in which a rule was judged within the error of its probability, ``(trial,)``."""
        none = np.zeros(len(self.reason), dtype=np.bool_)
        return self.within_error.get(position, none)

    def asked(self, rule: ResolvedRule) -> Booleans:
        """Targets of a rule that are still to be asked about, ``(trial, target)``."""
        return self.open_to(rule) & self.running[:, None]

    def open_to(self, rule: ResolvedRule) -> Booleans:
        """Targets of a rule whose arm and stratum enrol, ``(trial, target)``."""
        found = np.empty((len(self.reason), len(rule.targets)), dtype=np.bool_)
        for place, target in enumerate(rule.targets):
            found[:, place] = self.open_arms[:, target.arm]
            if target.stratum >= 0:
                found[:, place] &= self.open_strata[:, target.stratum]
        return found

    def on(self, date: Floats, held: Booleans) -> None:
        """Note which arms have entered by a date at which some trials, ``(trial,)``, are seen."""
        if self.design.stays is not None:
            entered = self.entered(date)
            self.has_entered = np.where(held[:, None], entered, self.has_entered)

    @property
    def compared(self) -> Booleans:
        """Arms that no decision has closed, among which the best is sought, ``(trial, arm)``.

        Those that have not entered by the date of the look have no part in it.
        """
        return self.open_arms & self.has_entered

    @property
    def windows(self) -> Windows:
        """When arms open and close as things stand."""
        return self.design.windows(self.closed_at)

    def entered(self, date: Floats) -> Booleans:
        """Arms that have entered by a date, ``(trial,)``: ``(trial, arm)``."""
        if self.design.stays is None:
            return np.ones(self.open_arms.shape, dtype=np.bool_)
        opens: Booleans = self.windows.opens < short_of(date)[:, None]
        return opens

    def note_closed(self, date: Floats, held: Booleans) -> None:
        """Note the date, ``(trial,)``, at which decisions have closed arms, where they have."""
        now = held[:, None] & ~self.open_arms & np.isinf(self.closed_at)
        self.closed_at = np.where(now, date[:, None], self.closed_at)

    def apply(self, held: Holding) -> None:
        """Do what follows from a rule that holds."""
        decision = self.rules[held.position].decision
        if held.position in self.noted and not decision.claims:
            self.note(held)
        decision.act(self, held)

    def may_be_claimed(self, position: int) -> Booleans:
        """Targets of a claim for which all that it requires has held, ``(trial, target)``.

        Where claims share the family-wise error, only in trials in which it holds some of it.
        """
        rule = self.rules[position]
        may = np.ones((len(self.reason), len(rule.targets)), dtype=np.bool_)
        for required in rule.requires:
            looks = self.noted[required]
            for place, target in enumerate(rule.targets):
                may[:, place] &= any_of(looks[:, self.rules[required].alike(target)] > 0)
        if self.passing is not None:
            held = self.passing.held(position, self.passing.sets(self.noted))
            may &= (held > 0.0)[:, None]
        return may

    # ── what decisions do ─────────────────────────────────────────────────────────────────
    def end(self, held: Holding, ending: Ending) -> None:
        """End the trials; one in which a target has succeeded ends as a success all the same."""
        self._end(any_of(held.where), ending, held)

    def end_where_resolved(self, held: Holding) -> None:
        """End trials with nothing left to decide: all arms, or all strata, are resolved."""
        nothing_open = ~any_of(self.open_arms[:, self.design.experimental]) | ~any_of(
            self.open_strata
        )
        self._end(any_of(held.where) & nothing_open, FUTILITY, held)

    def note(self, held: Holding) -> None:
        """Note, for each target, the look at which the rule first held, and what was open."""
        looks = self.noted[held.position]
        first = held.where & (looks == 0)
        looks[first] = held.look
        rows = np.flatnonzero(any_of(first))
        arms, strata = self.compared[rows], self.open_strata[rows]  # copies
        against = tuple(threshold[rows] for threshold in held.thresholds)
        self.declared.append(Declared(held.position, rows, first[rows], against, arms, strata))

    def succeed(self, held: Holding) -> None:
        """Let a success end the trial, or resolve the target that it belongs to."""
        if not self.design.by_target:
            self.end(held, SUCCESS)
            return
        self._close(held, strata=True)
        if self.design.ends_at_first_success:
            self.end(held, SUCCESS)
        self.end_where_resolved(held)

    def drop_arms(self, held: Holding) -> None:
        """Let the targets' arms enrol no more."""
        self._close(held, strata=False, labels=self.dropped)

    def all_but_best(self, held: Holding) -> Holding:
        """The open arms but the best of those for which the rule holds, where it holds at all.

        The best by what its first question asks; of equal arms the one written first.
        """
        rule = self.rules[held.position]
        own = [rule.condition.whose(0, place) for place in range(len(rule.targets))]
        answers = held.probabilities[0][:, own]
        answers = np.where(held.where, answers if rule.parts[0].at_least else -answers, -np.inf)
        # equal data have answers that differ by rounding alone
        best = np.argmax(answers >= answers.max(axis=1, keepdims=True) - EQUAL, axis=1)
        others = np.arange(len(own)) != best[:, None]
        return replace(held, where=others & any_of(held.where)[:, None] & self.open_to(rule))

    def close_strata(self, held: Holding) -> None:
        """Let the targets' strata enrol no more."""
        self._close(held, strata=True, labels=self.closed)

    def stop_enrolment(self, held: Holding) -> None:
        """Let nobody else in, where another look is to come."""
        stops = any_of(held.where) & ~held.last & ~self.enrolment_stopped
        self.enrolled[stops] = held.randomised[stops]
        self.enrolment_stopped |= stops

    def _close(self, held: Holding, strata: bool, labels: Labels | None = None) -> None:
        """Close the arms of the targets for which a rule holds, or the strata that they name."""
        for place, target in enumerate(self.rules[held.position].targets):
            here = held.where[:, place]
            stratum = strata and target.stratum >= 0
            open_, which = (
                (self.open_strata, target.stratum) if stratum else (self.open_arms, target.arm)
            )
            open_[here, which] = False
            if labels is not None:
                labels[here, which] = held.look

    def _end(self, where: Booleans, ending: Ending, held: Holding) -> None:
        ends = np.flatnonzero(where & self.running)
        if len(ends) == 0:
            return
        success = self.any_success[ends]
        self.reason[ends] = np.where(success, SUCCESS, ending)
        self.rule[ends] = held.position
        if len(held.probabilities) == 1:
            first = np.argmax(held.where[ends], axis=1) if held.where.shape[1] > 1 else 0
            self.probability[ends] = held.probabilities[0][ends, first]

    def finish(self, last: Booleans) -> None:
        """End the trials that are at their last look and still run."""
        ends = self.running & last
        success = ends & self.any_success
        for position, looks in self.won.items():
            self.rule[success & (self.rule < 0) & any_of(looks > 0)] = position
        self.reason[success] = SUCCESS
        self.reason[ends & ~success] = NO_SUCCESS
