"""A state at a month after randomisation: drug-free remission at month 12.

Response: in the state at ``month`` (with ``sustained_from``: at every moment from there to
``month``) and alive. Rescue or death by the month is non-response always, also for those who drop
out afterwards. Who drops out before the month without either is missing, and ``missing`` says what
becomes of that:

* ``non_response``: dropout is part of the outcome (composite estimand);
* ``exclude``: the participant is left out of the analysis;
* ``impute``: a response is drawn with the predictive probability (x + 1) / (n + 2), where n are the
  participants alike whose outcome is known at the look and x the responders among them: a
  beta-binomial predictive with a uniform prior. Alike is who is of the same arm (and stratum) and
  who, at the month at which the missing one was last seen, was likewise in (or out of) the state
  and, like the missing one, alive and with nothing settled by rescue or crossover. What comes after
  death or dropout is used of nobody. The draw uses the participant's own latent uniform at every
  look; its probability grows firmer with those who are known by then.

Crossover before the month is non-response too, unless the design (or the endpoint) counts what
comes after it (``strategy = "treatment_policy"``).

The estimand of ``exclude`` and ``impute`` is the response probability had nobody dropped out.

``all`` asks for several states and scores together, a score at the visit at ``month`` (with
``sustained_from``: at every visit from there to ``month``). Who died or was rescued is a
non-response as ever, whatever the score. Whose score was not taken at a visit that counts, with
everything seen as it should be, is missing as after dropout at the visit before; who is likewise
in (or out of) the states is alike. Simulated scores are seen until follow-up ends.

``strategy`` chooses otherwise: rescue that is nobody's business (``treatment_policy``); rescue or
crossover after which nothing counts, as after dropout (``hypothetical``: the response had nobody
been rescued); only the infused, in arms whose product is infused (``principal_stratum``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from adaptive_cart.endpoints.composite import together
from adaptive_cart.endpoints.early_chain import Chain
from adaptive_cart.endpoints.imputation import Imputation, StatesAt
from adaptive_cart.endpoints.intercurrent import Event, Strategy
from adaptive_cart.endpoints.landmark_outcomes import Outcomes
from adaptive_cart.endpoints.landmark_table import LandmarkTable
from adaptive_cart.nouns.calendar import short_of, until
from adaptive_cart.nouns.course import Spells
from adaptive_cart.nouns.early_states import EarlyStates
from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.records import Booleans, Floats, Population, Snapshot
from adaptive_cart.nouns.staged import IN, OUT, Staged
from adaptive_cart.nouns.summaries import Counts


class Landmark(LandmarkTable):
    """A binary endpoint: in the state at a month after randomisation."""

    def _outcomes(
        self, name: str, population: Population
    ) -> tuple[Booleans, Floats, Floats | None]:
        """Response had nobody dropped out, when non-response was settled, and dropout."""
        if name in population.outcomes:
            response = np.asarray(population.outcomes[name], dtype=np.bool_)
            settled: Floats = np.broadcast_to(np.inf, response.shape)
            staged = self._staged(name, population)
            if staged is not None:
                settled = staged.failed(self.early_months)
            if population.course is not None:  # of a course that feeds something else
                ended = np.minimum(population.course.rescue, population.course.death)
                settled = np.minimum(settled, ended)
                response = response & (settled > until(self.month))
            return response, settled, population.dropout
        course = population.course
        assert course is not None
        settled, left = course.death, course.dropout
        crossed = course.crossed
        if crossed is not None:
            crossed = np.where(crossed < self.month, crossed, np.inf)
        again = course.infused_again[0] if course.infused_again else None
        happened: dict[Event, Floats | None] = {
            "rescue": course.rescue, "crossover": crossed, "redosing": again,
        }  # fmt: skip
        for event, months in happened.items():
            strategy = self._strategy(event, population)
            if months is None or strategy == "treatment_policy":
                continue
            if strategy == "hypothetical":  # nothing is seen of what would have been
                left = np.minimum(left, months)
            else:  # settles the outcome: no later dropout makes it missing
                settled = np.minimum(settled, months)
        held = self._held(population)
        if self.bounds:
            held &= together(self.bounds, population, self._start, self.month).hold
        return held & (settled > until(self.month)), settled, left

    def _held(self, population: Population) -> Booleans:
        """Who is in the states from where they must hold to the month, as far as is seen.

        At visits: from the one that stands for the first month to that for the last. Where none
        stands for the first, what was seen before lasts.
        """
        start, month = self._start, self.month
        first, last = population.visit_for(start), population.visit_for(month)
        if first is None or last is None:
            return self._in_states(population, lambda spells: spells.throughout(start, month))
        first = np.where(np.isfinite(first), first, start)
        last = np.where(np.isfinite(last), last, month)
        return self._in_states(population, lambda spells: spells.throughout(first, last))

    def _strategy(self, event: Event, population: Population) -> Strategy:
        """The strategy for an event; for crossover that of the design, if nothing else is said."""
        said = self.strategy.said() if self.strategy else {}
        if event == "crossover" and event not in said:
            return "treatment_policy" if population.crossover_counts else "composite"
        return self.strategy_for(event)

    def _in_states(self, population: Population, of: Callable[[Spells], Booleans]) -> Booleans:
        """Who is in all of the states, whatever the scores are; everybody where there is none."""
        counts = self._strategy("crossover", population) == "treatment_policy"
        each = [of(population.state(state, counts)) for state in self.states]
        if not each:
            return np.ones(population.arm.shape, dtype=np.bool_)
        return each[0] if len(each) == 1 else np.logical_and.reduce(each)

    def _unseen(
        self, name: str, population: Population, settled: Floats
    ) -> tuple[Booleans, float] | None:
        """Whose score was not taken, with all else as it should be, and the visit before.

        Nothing where every score was seen.
        """
        if name in population.outcomes or not self.bounds:
            return None
        found = together(self.bounds, population, self._start, self.month)
        if found.open is None:
            return None
        held = self._held(population)
        return found.open & held & (settled > until(self.month)), found.seen_until

    def _followed(
        self, population: Population, settled: Floats, dropout: Floats | None
    ) -> Floats | None:
        """When each is last seen: dropout, or the visit before a month for which none stands.

        Nothing where everybody is seen at the month.
        """
        visit = population.visit_for(self.month)
        if visit is None:
            return dropout
        absent = np.isinf(visit) & (settled > until(self.month))
        if dropout is None:
            if not absent.any():
                return None
            dropout = np.full(absent.shape, np.inf)
        absent &= dropout >= short_of(self.month)
        assert population.attendance is not None
        before = population.attendance.last_by(np.full(absent.shape, self.month))
        return np.where(absent, np.minimum(dropout, before), dropout)

    def _left(self, settled: Floats, dropout: Floats) -> Booleans:
        """Who drops out before the month with nothing settled."""
        # before either, and not before the sooner: a single number is slow to be the lesser of
        left: Booleans = dropout < short_of(settled)
        left &= dropout < short_of(self.month)
        return left

    def prepare(self, name: str, population: Population) -> Outcomes:
        response, settled, dropout = self._outcomes(name, population)
        outside = self._outside(name, population)
        unseen = self._unseen(name, population, settled)
        if unseen is not None:
            who, month = unseen
            dropout = np.full(who.shape, np.inf) if dropout is None else dropout
            dropout = np.where(who, np.minimum(dropout, month), dropout)
        dropout = self._followed(population, settled, dropout)
        if dropout is None:
            return Outcomes(ParticipantSet.where(response), None, population, None, outside)
        left = self._left(settled, dropout)
        missing = ParticipantSet.where(left)
        responders = ParticipantSet.where(response)
        if self.missing == "non_response":
            return Outcomes(responders.without(missing), missing, population, None, outside)
        if self.missing == "exclude":
            return Outcomes(responders, missing, population, None, outside)
        states_at = self._states_at(population)
        imputation = Imputation.of(name, population, left, settled, dropout, states_at)
        return Outcomes(responders, missing, population, imputation, outside)

    def _outside(self, name: str, population: Population) -> ParticipantSet | None:
        """Who is left out as not infused, where the infused are the principal stratum."""
        if name in population.outcomes or not self._infused_only():
            return None
        return population.not_infused(self.month)

    def _states_at(self, population: Population) -> StatesAt | None:
        """Whether participants are in the endpoint's state; nothing where it has none."""
        if population.course is None or not self.states:
            return None
        return lambda trial, month: self._in_states(
            population, lambda spells: spells.rows(trial).hold_at(month)
        )

    def summary(self, prepared: Outcomes, snapshot: Snapshot) -> Counts:
        population = snapshot.population
        known = snapshot.told_at(self.month)
        due = snapshot.tally(known)
        passed = due
        if prepared.outside is not None:  # they are due like everybody, and never analysed
            known = known.without(prepared.outside)
            passed = population.tally(known)
        if prepared.missing is None:
            nobody = np.zeros_like(due)
            return Counts(population.tally(known & prepared.response), passed, nobody, due)
        lost = known & prepared.missing
        missing = population.tally(lost)
        if self.missing == "non_response":
            return Counts(population.tally(known & prepared.response), passed, missing, due)
        seen = known.without(prepared.missing)
        response = seen & prepared.response
        if self.missing == "exclude":
            return Counts(population.tally(response), population.tally(seen), missing, due)
        imputed = lost & self._drawn(prepared, seen)
        return Counts(population.tally(response | imputed), passed, missing, due)

    def revealed(self, prepared: Outcomes, snapshot: Snapshot) -> ParticipantSet:
        return prepared.of_those(replace(snapshot, left_out=None).told_at(self.month))

    def _drawn(self, prepared: Outcomes, seen: ParticipantSet) -> ParticipantSet:
        """The missing participants who are taken to respond, given whose outcome is known."""
        imputation, population = prepared.imputation, prepared.population
        assert imputation is not None
        known = imputation.known(seen)
        responders = known & ParticipantSet(prepared.response.words[imputation.trial])
        chance = (responders.count() + 1.0) / (known.count() + 2.0)
        return imputation.drawn(population, imputation.uniform < chance)

    def early(
        self,
        name: str,
        prepared: Outcomes,
        snapshot: Snapshot,
        months: Sequence[float],
        at_once: bool = True,
    ) -> EarlyStates:
        """In it, not in it or failed for good at months before, and what came of it.

        Rescue, death and crossover that settle the outcome are failures, and dropout where it is
        non-response; who drops out otherwise is not followed any further.
        """
        if months not in prepared.early:
            prepared.early[months] = self._chain(name, prepared, snapshot.population, months)
        return prepared.early[months].seen(snapshot, (*months, self.month), at_once)

    def _chain(
        self, name: str, prepared: Outcomes, population: Population, months: Sequence[float]
    ) -> Chain:
        """Who is in which state at months, and when failures and ends of follow-up are known."""
        _, settled, left = self._outcomes(name, population)
        ends = settled if left is None else np.minimum(settled, left)
        fails = ends
        if self.missing != "non_response" and left is not None:
            fails = np.where(settled <= left, settled, np.inf)  # nothing is seen after leaving
        none = ParticipantSet.where(np.ones(settled.shape, dtype=np.bool_))
        none = none.without(prepared.response)
        response = prepared.response
        if self.missing != "non_response" and prepared.missing is not None:
            none, response = (seen.without(prepared.missing) for seen in (none, response))
        states = [self._states(name, population, month, fails, ends) for month in months]
        arrival = population.arrival
        return Chain([*states, [none, response]], arrival + fails, arrival + ends)

    def _states(
        self, name: str, population: Population, month: float, fails: Floats, ends: Floats
    ) -> list[ParticipantSet]:
        """Who at a month is not in it, in it, and failed for good; nobody who has dropped out."""
        staged, followed = self._staged(name, population), ends > until(month)
        if staged is None:
            inside = self._in_states(population, lambda spells: spells.hold_at(month))
            if self.bounds:
                inside &= together(self.bounds, population, month, month).hold
            outside = ~inside
        else:
            state = staged.at(month, self.early_months)
            inside, outside = state == IN, state == OUT
        found = (followed & outside, followed & inside, fails <= until(month))
        return [ParticipantSet.where(members) for members in found]

    def _staged(self, name: str, population: Population) -> Staged | None:
        """States that are said directly, by a chain."""
        outcome = population.outcomes.get(name)
        return outcome if isinstance(outcome, Staged) else None

    def true_values(self, name: str, population: Population) -> Floats:
        response, settled, dropout = self._outcomes(name, population)
        if dropout is not None:
            response = response & ~self._left(settled, dropout)
        outside = self._outside(name, population)
        if outside is None:
            return response.mean(axis=1)
        inside = ~outside.mask(population.participants)
        with np.errstate(invalid="ignore"):
            return (response & inside).sum(axis=1) / inside.sum(axis=1)

    def counted(self, name: str, population: Population) -> Floats:
        """Those not missing, and of the principal stratum."""
        _, settled, dropout = self._outcomes(name, population)
        counted = np.ones(population.arm.shape, dtype=np.bool_)
        if dropout is not None and self.missing == "exclude":
            counted = ~self._left(settled, dropout)
        outside = self._outside(name, population)
        if outside is not None:
            counted &= ~outside.mask(population.participants)
        return counted.mean(axis=1)

    def closed_form(self, values: Any, dropout: Floats, course: bool) -> Floats | None:
        if course:
            return None
        stays = np.exp(-dropout * self.month) if self.missing == "non_response" else 1.0
        return np.array(values, dtype=np.float64) * stays

    def settled(
        self, values: npt.NDArray[Any] | None, months: Mapping[str, Floats]
    ) -> npt.NDArray[np.bool_]:
        """Who is rescued, or infused again, where the strategy makes that a failure."""
        failed = super().settled(values, months)
        if self.strategy_for("rescue") != "treatment_policy":
            failed |= np.isfinite(months["rescue_month"])
        if self.strategy_for("redosing") == "composite" and "infused_2_month" in months:
            failed |= np.isfinite(months["infused_2_month"])
        return failed
