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

Crossover before the month is non-response too, unless the design counts what comes after it
(``strategy = "treatment_policy"``).

The estimand of ``exclude`` and ``impute`` is the response probability had nobody dropped out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from adaptive_cart.endpoints.base import EndpointBase
from adaptive_cart.endpoints.direct import DirectTruth, Response
from adaptive_cart.nouns.calendar import short_of, until
from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.parts import Months, PositiveMonths
from adaptive_cart.nouns.records import Booleans, Floats, Integers, Population, Snapshot
from adaptive_cart.nouns.summaries import Counts, SummaryKind


@dataclass(frozen=True)
class Imputation:
    """The missing participants of a block, a row each, and those who are like them.

    Attributes
    ----------
    trial, participant
        ``(row,)`` position of the missing participant.
    alike
        Those of the same trial who are like the missing one, a set a row; a look counts those of
        them whose outcome it knows.
    uniform
        ``(row,)`` latent uniform that is compared with the predictive probability.
    """

    trial: Integers
    participant: Integers
    alike: ParticipantSet
    uniform: Floats


@dataclass(frozen=True)
class Outcomes:
    """Response and missingness of everybody, as if followed to the month.

    Attributes
    ----------
    response, missing
        Who responds; who drops out before the month with nothing settled.
    imputation
        Who is like whom, kept for ``impute``.
    """

    response: ParticipantSet
    missing: ParticipantSet | None
    population: Population
    imputation: Imputation | None = None


class Landmark(EndpointBase):
    """A binary endpoint: in the state at a month after randomisation."""

    type: Literal["landmark"]
    month: PositiveMonths
    sustained_from: Months | None = Field(
        default=None, description="in the state at every moment from this month to `month`"
    )
    state: Literal["drug_free_remission", "remission"] = "drug_free_remission"
    missing: Literal["non_response", "exclude", "impute"] = "non_response"

    gives: ClassVar[SummaryKind] = Counts
    direct: ClassVar[DirectTruth | None] = Response()
    from_remission: ClassVar[bool] = True
    estimand_kind: ClassVar[str | None] = "level"
    noun: ClassVar[str] = "responder"

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

    def _outcomes(
        self, name: str, population: Population
    ) -> tuple[Booleans, Floats, Floats | None]:
        """Response had nobody dropped out, when non-response was settled, and dropout."""
        if name in population.outcomes:
            response = np.asarray(population.outcomes[name], dtype=np.bool_)
            settled: Floats = np.broadcast_to(np.inf, response.shape)
            if population.course is not None:  # of a course that feeds something else
                settled = np.minimum(population.course.rescue, population.course.death)
                response = response & (settled > until(self.month))
            return response, settled, population.dropout
        course = population.course
        assert course is not None
        settled = np.minimum(course.rescue, course.death)
        if course.crossed is not None and not population.crossover_counts:
            # settles the outcome, as rescue does: no later dropout makes it missing
            crossed = np.where(course.crossed < self.month, course.crossed, np.inf)
            settled = np.minimum(settled, crossed)
        start = self.month if self.sustained_from is None else self.sustained_from
        in_state = population.state(self.state).throughout(start, self.month)
        return in_state & (settled > until(self.month)), settled, course.dropout

    def _left(self, settled: Floats, dropout: Floats) -> Booleans:
        """Who drops out before the month with nothing settled."""
        left: Booleans = dropout < short_of(np.minimum(settled, self.month))
        return left

    def prepare(self, name: str, population: Population) -> Outcomes:
        response, settled, dropout = self._outcomes(name, population)
        if dropout is None:
            return Outcomes(ParticipantSet.where(response), None, population)
        left = self._left(settled, dropout)
        missing = ParticipantSet.where(left)
        responders = ParticipantSet.where(response)
        if self.missing == "non_response":
            return Outcomes(responders.without(missing), missing, population)
        if self.missing == "exclude":
            return Outcomes(responders, missing, population)
        trial, participant = np.nonzero(left & np.isfinite(population.arrival))
        alike = self._alike(population, settled, dropout, trial, participant)
        uniform = population.imputations[name][trial, participant]
        imputation = Imputation(trial, participant, alike, uniform)
        return Outcomes(responders, missing, population, imputation)

    def _alike(
        self,
        population: Population,
        settled: Floats,
        dropout: Floats,
        trial: Integers,
        participant: Integers,
    ) -> ParticipantSet:
        """Those who were as each missing participant was when last seen, a set a row."""
        month = dropout[trial, participant][:, None]
        # who is known and had nothing settled by then was alive and had not dropped out either
        alike: Booleans = settled[trial] > month
        if population.course is not None:
            in_state = population.state(self.state).rows(trial).hold_at(month)
            alike &= in_state == in_state[np.arange(len(trial)), participant][:, None]
        for label in (population.arm, population.stratum):
            if label is not None:
                alike &= label[trial] == label[trial, participant][:, None]
        return ParticipantSet.where(alike)

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
        imputed = lost & self._drawn(prepared, seen)
        return Counts(population.tally(response | imputed), due, missing, due)

    def _drawn(self, prepared: Outcomes, seen: ParticipantSet) -> ParticipantSet:
        """The missing participants who are taken to respond, given whose outcome is known."""
        imputation, population = prepared.imputation, prepared.population
        assert imputation is not None
        trial, participant = imputation.trial, imputation.participant
        known = imputation.alike & ParticipantSet(seen.words[trial])
        responders = known & ParticipantSet(prepared.response.words[trial])
        chance = (responders.count() + 1.0) / (known.count() + 2.0)
        drawn = np.zeros((population.trials, population.participants), dtype=np.bool_)
        drawn[trial, participant] = imputation.uniform < chance
        return ParticipantSet.where(drawn)

    def true_values(self, name: str, population: Population) -> Floats:
        response, settled, dropout = self._outcomes(name, population)
        if dropout is not None:
            response = response & ~self._left(settled, dropout)
        return response.mean(axis=1)

    def counts_some(self) -> bool:
        return self.missing == "exclude"

    def counted(self, name: str, population: Population) -> Floats:
        """Those not missing."""
        _, settled, dropout = self._outcomes(name, population)
        if dropout is None:
            return np.ones(population.trials)
        return 1.0 - self._left(settled, dropout).mean(axis=1)

    def closed_form(self, values: Any, dropout: Floats, course: bool) -> Floats | None:
        if course:
            return None
        stays = np.exp(-dropout * self.month) if self.missing == "non_response" else 1.0
        return np.array(values, dtype=np.float64) * stays

    def settled(
        self, values: npt.NDArray[Any] | None, months: Mapping[str, Floats]
    ) -> npt.NDArray[np.bool_]:
        """Rescue is non-response."""
        return np.isfinite(months["rescue_month"])

    def imputes(self) -> bool:
        return self.missing == "impute"

    def counts_on_drugs(self) -> bool:
        return self.state == "remission"

    # ── in words ──────────────────────────────────────────────────────────────────────────
    def describes(self) -> str:
        return f"{self._state_words()} at month {self.month:g}"

    def called(self, name: str, directly: bool) -> str:
        return "" if directly else self.describes()

    def variable(self, directly: bool) -> str:
        if directly:
            return "whether there is a response at month {month} after randomisation"
        begins = self.sustained_from is not None
        since = ", without a gap since month {sustained_from}" if begins else ""
        return f"{self._state_words()} at month {{month}} after randomisation{since}, alive"

    def _state_words(self) -> str:
        return self.state.replace("drug_free", "drug-free").replace("_", " ")

    def intercurrent(self, directly: bool) -> str:
        dropout = {
            "non_response": "dropout before the outcome is non-response (composite)",
            "exclude": "dropout is left out of the analysis; the estimand is the response had "
            "nobody dropped out (hypothetical)",
            "impute": "dropout is imputed by draws from participants in the same state; the "
            "estimand is the response had nobody dropped out (hypothetical)",
        }[self.missing]
        if directly:
            return f"{dropout}; the stated probabilities contain all others"
        strategy = "not being infused is part of the strategy"
        return f"rescue and death are non-response; {dropout}; {strategy}"

    def without_effect(self, directly: bool, dropout: bool) -> Iterator[tuple[str, str]]:
        for key in ("sustained_from", "state") if directly else ():
            if key in self.model_fields_set:
                yield (
                    key,
                    "for the reader; the truth is said directly, as the probability of a response",
                )
        if "missing" in self.model_fields_set and not dropout:
            yield "missing", "nobody drops out in any scenario"
