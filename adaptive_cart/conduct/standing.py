"""How a block of trials stands: what is open, what has been decided, how each trial ended."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from adaptive_cart.conduct.rules import ENDS, REASONS, ResolvedRule
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.counters import Labels, narrow
from adaptive_cart.nouns.records import Booleans, Floats, Integers, any_of

RUNNING = -1
SUCCESS = REASONS.index("success")
FUTILITY = REASONS.index("futility")
NO_SUCCESS = REASONS.index("no_success")


@dataclass(frozen=True)
class Declared:
    """Successes that one rule declared at one moment, and what was open when it was judged.

    Attributes
    ----------
    position
        Of the rule in the design.
    trials, holds
        ``(row,)`` positions of the trials, and ``(row, target)`` which targets succeeded there.
    open_arms, open_strata
        ``(row, arm)``, ``(row, stratum)``.
    """

    position: int
    trials: Integers
    holds: Booleans
    open_arms: Booleans
    open_strata: Booleans


@dataclass
class Standing:
    """Decisions so far; every array has the trial first.

    Attributes
    ----------
    reason, rule
        ``(trial,)`` position in :data:`REASONS` and of the rule that ended it; -1 while it runs.
    probability
        ``(trial,)`` the probability that ended it.
    open_arms, open_strata
        ``(trial, arm)``, ``(trial, stratum)`` still enrolling; the control is always open.
    won
        By position of a success rule: ``(trial, target)`` look at which the target succeeded, 0 for
        not.
    declared
        Every success as it was declared, in order, with what was open then.
    dropped, closed
        ``(trial, arm)``, ``(trial, stratum)`` look at which it was dropped or closed, 0 for not.
    enrolled, enrolment_stopped
        ``(trial,)`` how many may be randomised: ``max_n``, or those in when enrolment was stopped;
        and whether it was stopped, also where everybody was in by then.
    failed
        ``(trial,)`` a posterior that a rule asked for could not be computed.
    within_error
        By position of a rule whose answers have an error: ``(trial,)`` whether it was judged by a
        probability that lay within that of its threshold.
    """

    design: Design
    rules: tuple[ResolvedRule, ...]
    reason: Labels
    rule: Labels
    probability: Floats
    open_arms: Booleans
    open_strata: Booleans
    won: dict[int, Labels]
    dropped: Labels
    closed: Labels
    enrolled: Integers
    enrolment_stopped: Booleans
    failed: Booleans
    declared: list[Declared] = field(default_factory=list)
    within_error: dict[int, Booleans] = field(default_factory=dict)

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
            won={
                position: small(len(rule.targets))
                for position, rule in enumerate(rules)
                if rule.then == "declare_success"
            },
            dropped=small(arms),
            closed=small(strata),
            enrolled=np.full(trials, design.enrolment.max_n, dtype=np.int64),
            enrolment_stopped=np.zeros(trials, dtype=np.bool_),
            failed=np.zeros(trials, dtype=np.bool_),
        )

    @property
    def running(self) -> Booleans:
        """Trials that have not ended, ``(trial,)``."""
        return self.reason == RUNNING

    @property
    def any_success(self) -> Booleans:
        """Trials in which some target has succeeded, ``(trial,)``."""
        found = np.zeros(len(self.reason), dtype=np.bool_)
        for looks in self.won.values():
            found |= any_of(looks > 0)
        return found

    def open_when_won(self, position: int, place: int) -> tuple[Booleans, Booleans]:
        """What was open when a rule declared a target's success; elsewhere what is open now.

        Returns
        -------
        ``(trial, arm)`` and ``(trial, stratum)``.
        """
        open_arms, open_strata = self.open_arms.copy(), self.open_strata.copy()
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
        asked = np.empty((len(self.reason), len(rule.targets)), dtype=np.bool_)
        for place, target in enumerate(rule.targets):
            open_ = self.open_arms[:, target.arm]
            if target.stratum >= 0:
                open_ = open_ & self.open_strata[:, target.stratum]
            asked[:, place] = self.running & open_
        return asked

    def apply(
        self,
        position: int,
        holds: Booleans,
        probability: Floats,
        look: int,
        randomised: Integers,
        last: Booleans,
    ) -> None:
        """Do what follows from a rule that holds.

        Parameters
        ----------
        position
            Of the rule in the design.
        holds, probability
            ``(trial, target)``; holds only where it was asked.
        randomised, last
            ``(trial,)`` participants in by now, and whether this is the trial's last look.
        """
        rule = self.rules[position]
        if rule.then == "stop_enrolment":
            stops = any_of(holds) & ~last & ~self.enrolment_stopped
            self.enrolled[stops] = randomised[stops]
            self.enrolment_stopped |= stops
            return
        if rule.then == "declare_success":
            self.won[position][holds] = look
            self._declare(position, holds)
            if self.design.by_target:
                self._resolve(rule, holds, None, look)
                first = self.design.multiarm is not None
                first = first and self.design.multiarm.ends == "first_success"  # type: ignore[union-attr]
                if first:
                    self._end(any_of(holds), SUCCESS, position, holds, probability)
                self._end_resolved(any_of(holds), position, holds, probability)
            else:
                self._end(any_of(holds), SUCCESS, position, holds, probability)
            return
        if rule.then in ("drop_arm", "close_stratum"):
            label = self.dropped if rule.then == "drop_arm" else self.closed
            self._resolve(rule, holds, label, look)
            self._end_resolved(any_of(holds), position, holds, probability)
            return
        reason = REASONS.index(ENDS[rule.then])
        self._end(any_of(holds), reason, position, holds, probability)

    def _declare(self, position: int, holds: Booleans) -> None:
        rows = np.flatnonzero(any_of(holds))
        arms, strata = self.open_arms[rows], self.open_strata[rows]  # copies
        self.declared.append(Declared(position, rows, holds[rows], arms, strata))

    def _resolve(
        self, rule: ResolvedRule, holds: Booleans, label: Labels | None, look: int
    ) -> None:
        """Close the arms or strata of the targets for which a rule holds."""
        for place, target in enumerate(rule.targets):
            here = holds[:, place]
            stratum = target.stratum >= 0 and rule.then != "drop_arm"
            open_, which = (
                (self.open_strata, target.stratum) if stratum else (self.open_arms, target.arm)
            )
            open_[here, which] = False
            if label is not None:
                label[here, which] = look

    def _end_resolved(
        self, where: Booleans, position: int, holds: Booleans, probability: Floats
    ) -> None:
        """End trials with nothing left to decide: all arms, or all strata, are resolved."""
        nothing_open = ~any_of(self.open_arms[:, 1:]) | ~any_of(self.open_strata)
        done = where & nothing_open
        success = done & self.any_success
        self._end(success, SUCCESS, position, holds, probability)
        self._end(done & ~success, FUTILITY, position, holds, probability)

    def _end(
        self, where: Booleans, reason: int, position: int, holds: Booleans, probability: Floats
    ) -> None:
        ends = np.flatnonzero(where & self.running)
        if len(ends) == 0:
            return
        success = self.any_success[ends]
        self.reason[ends] = np.where(success, SUCCESS, reason)
        self.rule[ends] = position
        first = np.argmax(holds[ends], axis=1) if holds.shape[1] > 1 else 0
        self.probability[ends] = probability[ends, first]

    def finish(self, last: Booleans) -> None:
        """End the trials that are at their last look and still run."""
        ends = self.running & last
        success = ends & self.any_success
        for position, looks in self.won.items():
            self.rule[success & (self.rule < 0) & any_of(looks > 0)] = position
        self.reason[success] = SUCCESS
        self.reason[ends & ~success] = NO_SUCCESS
