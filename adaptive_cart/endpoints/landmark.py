"""A state at a month after randomisation: drug-free remission at month 12.

Response: in the state at ``month`` (with ``sustained_from``: at every moment from there to
``month``) and alive. Rescue or death by the month is non-response always, also for those who drop
out afterwards. Who drops out before the month without either is missing, and ``missing`` says what
becomes of that:

* ``non_response``: dropout is part of the outcome (composite estimand);
* ``exclude``: the participant is left out of the analysis;
* ``impute``: a response is drawn with the predictive probability (x + 1) / (n + 2), where n are the
  participants of the same arm (and stratum) whose outcome is known at the look and who, at the
  month at which the missing one was last seen, were likewise in (or out of) drug-free remission,
  and x the responders among them: a beta-binomial predictive with a uniform prior. The draw uses
  the participant's own latent uniform, so that it is the same in every run.

Crossover before the month is non-response too, unless the design counts what comes after it
(``strategy = "treatment_policy"``).

The estimand of ``exclude`` and ``impute`` is the response probability had nobody dropped out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from adaptive_cart.endpoints.base import EndpointBase
from adaptive_cart.participant_set import ParticipantSet
from adaptive_cart.parts import Months, PositiveMonths
from adaptive_cart.questions import Kind
from adaptive_cart.records import Booleans, Counts, Course, Floats, Population, Snapshot


@dataclass(frozen=True)
class Outcomes:
    """Response and missingness of everybody, as if followed to the month.

    Attributes
    ----------
    response, missing
        Who responds; who drops out before the month with nothing settled.
    last_seen
        ``(trial, participant)`` month of dropout, kept for ``impute``.
    imputation
        ``(trial, participant)`` latent uniform of the drawn response, kept for ``impute``.
    """

    response: ParticipantSet
    missing: ParticipantSet | None
    population: Population
    last_seen: Floats | None = None
    imputation: Floats | None = None


class Landmark(EndpointBase):
    """A binary endpoint: in the state at a month after randomisation."""

    type: Literal["landmark"]
    month: PositiveMonths
    sustained_from: Months | None = Field(
        default=None, description="in the state at every moment from this month to `month`"
    )
    state: Literal["drug_free_remission", "remission"] = "drug_free_remission"
    missing: Literal["non_response", "exclude", "impute"] = "non_response"

    summary_kind: ClassVar[str] = "counts"
    estimand_kind: ClassVar[Kind | None] = "level"
    direct_truth: ClassVar[Literal["probability"]] = "probability"
    fed_by: ClassVar[Literal["remission"]] = "remission"

    @model_validator(mode="after")
    def _span(self) -> Landmark:
        if self.sustained_from is not None and self.sustained_from > self.month:
            raise ValueError(
                f"'sustained_from' is {self.sustained_from:g}; it cannot lie after 'month', "
                f"which is {self.month:g}"
            )
        return self

    def known_after(self) -> float:
        return self.month

    def dropout_counts(self) -> bool:
        return self.missing == "non_response"

    def _in_state(self, course: Course, remission: Floats, relapse: Floats) -> Booleans:
        """In the state, given the months of a drug-free remission and of its loss."""
        start = self.month if self.sustained_from is None else self.sustained_from
        drug_free = remission <= start
        if self.state == "drug_free_remission":
            return drug_free & (relapse > self.month)
        on_drugs = course.remission_on_drugs
        # either kind at every moment: on drugs from the start, or drug-free until then
        covered = (relapse > self.month) | (on_drugs <= relapse)
        return (on_drugs <= start) | (drug_free & covered)

    def _outcomes(
        self, name: str, population: Population
    ) -> tuple[Booleans, Booleans | None, Floats | None]:
        """Response had nobody dropped out, who is missing, and the month of dropout."""
        if name in population.direct:
            response = np.asarray(population.direct[name], dtype=np.bool_)
            dropout, limit = population.dropout, np.asarray(self.month)
            if population.course is not None:  # of a course that feeds something else
                ends = np.minimum(population.course.rescue, population.course.death)
                response, limit = response & (ends > self.month), np.minimum(ends, self.month)
            return response, None if dropout is None else dropout < limit, dropout
        course = population.course
        assert course is not None
        settled = np.minimum(course.rescue, course.death)
        in_state = self._in_state(course, course.remission, course.relapse)
        if course.crossed is not None:
            assert course.remission_after is not None
            assert course.relapse_after is not None
            if population.crossover_counts:
                in_state |= self._in_state(course, course.remission_after, course.relapse_after)
            else:  # settles the outcome, as rescue does: no later dropout makes it missing
                crossed = np.where(course.crossed < self.month, course.crossed, np.inf)
                settled = np.minimum(settled, crossed)
        response = in_state & (settled > self.month)
        left = course.dropout < np.minimum(settled, self.month)
        return response, left, course.dropout

    def prepare(self, name: str, population: Population) -> Outcomes:
        response, left, dropout = self._outcomes(name, population)
        if left is None:
            return Outcomes(ParticipantSet.where(response), None, population)
        missing = ParticipantSet.where(left)
        responders = ParticipantSet.where(response)
        if self.missing == "non_response":
            return Outcomes(responders.without(missing), missing, population)
        return Outcomes(
            responders,
            missing,
            population,
            last_seen=dropout,
            imputation=population.imputations[name] if self.missing == "impute" else None,
        )

    def summary(self, prepared: Outcomes, snapshot: Snapshot) -> Counts:
        population = snapshot.population
        known = snapshot.passed(self.month)
        none = np.zeros((population.trials, population.arms, population.strata), dtype=np.int64)
        due = population.tally(known)
        if prepared.missing is None:
            return Counts(population.tally(known & prepared.response), due, none, due)
        lost = known & prepared.missing
        missing = population.tally(lost)
        if self.missing == "non_response":
            return Counts(population.tally(known & prepared.response), due, missing, due)
        seen = known.without(prepared.missing)
        response = seen & prepared.response
        if self.missing == "exclude":
            return Counts(population.tally(response), population.tally(seen), missing, due)
        imputed = self._impute(prepared, seen, lost)
        return Counts(population.tally(response | imputed), due, missing, due)

    def _impute(
        self, prepared: Outcomes, seen: ParticipantSet, lost: ParticipantSet
    ) -> ParticipantSet:
        """Draw a response for each missing participant, given the state when last seen."""
        population, width = prepared.population, prepared.population.participants
        assert prepared.last_seen is not None
        assert prepared.imputation is not None
        seen_mask, response = seen.mask(width), prepared.response.mask(width)
        trial, who = np.nonzero(lost.mask(width))
        # a row for each missing participant: those of the same trial who are like him
        alike = seen_mask[trial] & (population.arm[trial] == population.arm[trial, who][:, None])
        if population.stratum is not None:
            alike &= population.stratum[trial] == population.stratum[trial, who][:, None]
        course = population.course
        if course is not None:
            month = prepared.last_seen[trial, who][:, None]
            in_remission = (course.remission[trial] <= month) & (course.relapse[trial] > month)
            if population.crossover_counts:
                assert course.remission_after is not None
                assert course.relapse_after is not None
                after = course.remission_after[trial] <= month
                in_remission |= after & (course.relapse_after[trial] > month)
            own = in_remission[np.arange(len(who)), who]
            alike &= in_remission == own[:, None]
        known, responders = alike.sum(axis=1), (alike & response[trial]).sum(axis=1)
        drawn = np.zeros((population.trials, width), dtype=np.bool_)
        drawn[trial, who] = prepared.imputation[trial, who] < (responders + 1.0) / (known + 2.0)
        return ParticipantSet.where(drawn)

    def true_values(self, name: str, population: Population) -> Floats:
        response, left, _ = self._outcomes(name, population)
        if left is not None:
            response = response & ~left
        return response.mean(axis=1)
