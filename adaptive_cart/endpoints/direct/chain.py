"""A probability of response, or a chain of states at months before that leads to one.

At its first month a participant is in the state, out of it, or has failed for good; at each later
month this depends on the state at the month before, and on nothing else; at the last there is a
response or none. Who has failed for good stays so.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from pydantic import Discriminator, Field, Tag, model_validator

from adaptive_cart.endpoints.direct.base import Array, Cell, Contact, Drawing, Spread
from adaptive_cart.endpoints.direct.response import Response, too_early
from adaptive_cart.nouns.parts import Part, PositiveMonths, Probability
from adaptive_cart.nouns.records import Booleans, Floats, Outcome
from adaptive_cart.nouns.staged import FAILED, IN, OUT, STATES, UNSEEN, Staged


class Onward(Part):
    """Where those go who were in one state at the month before."""

    in_: Probability = Field(alias="in", description="probability to be in the state")
    failed: Probability | None = Field(
        default=None, description="probability to fail for good; not at the last month"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.in_ + (self.failed or 0.0) > 1.0 + 1e-12:
            raise ValueError(
                f"'in' and 'failed' are {self.in_:g} and {self.failed:g}; together they cannot be "
                "more than 1"
            )
        return self

    @property
    def shares(self) -> tuple[float, float, float]:
        """Probability to be out of it, in it, and to fail."""
        failed = self.failed or 0.0
        return max(1.0 - self.in_ - failed, 0.0), self.in_, failed


class Step(Part):
    """States at one month of a chain."""

    month: PositiveMonths = Field(description="after randomisation")
    in_: Probability | None = Field(
        default=None, alias="in", description="at the first month: probability to be in the state"
    )
    failed: Probability | None = Field(
        default=None, description="at the first month: probability to have failed for good"
    )
    from_in: Onward | None = Field(
        default=None, description="of those in the state at the month before"
    )
    from_out: Onward | None = Field(
        default=None, description="of those not in it, who have not failed"
    )


class ChainTruth(Part):
    """The states of an arm's participants at months, each given the one before."""

    chain: list[Step] = Field(min_length=2, description="by month, the last the one analysed")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        months = [step.month for step in self.chain]
        if any(b <= a for a, b in pairwise(months)):
            raise ValueError(f"the months of 'chain' are {months}; months that increase are needed")
        for place, step in enumerate(self.chain):
            fault = self._fault(place, step)
            if fault:
                raise ValueError(f"'chain' at month {step.month:g} {fault}")
        return self

    def _fault(self, place: int, step: Step) -> str:
        if place == 0:
            if step.in_ is None or step.failed is None or step.from_in or step.from_out:
                return "is the first: `in` and `failed` are expected, and nothing else"
            if step.in_ + step.failed > 1.0 + 1e-12:
                return f"has in = {step.in_:g} and failed = {step.failed:g}, more than 1 together"
            return ""
        if step.from_in is None or step.from_out is None or step.in_ or step.failed:
            return "follows another: `from_in` and `from_out` are expected, and nothing else"
        last = place == len(self.chain) - 1
        for onward in (step.from_in, step.from_out):
            if last and onward.failed is not None:
                return "is the last, a response or none: `in` alone is expected there"
            if not last and onward.failed is None:
                return "lacks `failed`: the probability to fail for good, 0 if nobody does"
        return ""

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    def __float__(self) -> float:
        """The probability of a response."""
        out, in_, _ = self.starts
        for step in self.chain[1:]:
            assert step.from_in is not None
            assert step.from_out is not None
            stayed, left = step.from_in.shares, step.from_out.shares
            out, in_ = out * left[OUT] + in_ * stayed[OUT], out * left[IN] + in_ * stayed[IN]
        return in_

    @property
    def starts(self) -> tuple[float, float, float]:
        """Probability to be out of it, in it, and to have failed at the first month."""
        first = self.chain[0]
        return Onward.model_construct(in_=first.in_, failed=first.failed).shares

    @property
    def months(self) -> tuple[float, ...]:
        """Months before the one analysed."""
        return tuple(step.month for step in self.chain[:-1])


def _shape(value: Any) -> str:
    return "chain" if isinstance(value, dict | ChainTruth) else "probability"


class ResponseOrChain(Response):
    """A probability of response, or a chain; columns hold 0 or 1, and a state at each month."""

    value: ClassVar[Any] = Annotated[
        Annotated[Probability, Tag("probability")] | Annotated[ChainTruth, Tag("chain")],
        Discriminator(_shape),
    ]
    wanted: ClassVar[str] = "a number from 0 to 1, or a table with `chain`"
    tables: ClassVar[tuple[type[Part], ...]] = (ChainTruth,)

    def by_stratum(self, value: Any, strata: Sequence[str]) -> bool:
        own = isinstance(value, dict) and "chain" in value and "chain" not in strata
        return not own and super().by_stratum(value, strata)

    def words(self, value: Any) -> str:
        if not isinstance(value, ChainTruth):
            return super().words(value)
        months = ", ".join(f"{month:g}" for month in value.months)
        return f"{float(value):.4g} (by a chain over month{'s' * (len(value.months) > 1)} {months})"

    def drifts(self, value: Any) -> bool:
        return not isinstance(value, ChainTruth)

    def tells_at(self, value: Any) -> tuple[float, ...]:
        return value.months if isinstance(value, ChainTruth) else ()

    def fault(self, value: Any, endpoint: Any) -> str:
        if not isinstance(value, ChainTruth):
            return ""
        last = value.chain[-1].month
        if last == endpoint.month:
            return ""
        return (
            f"the last month of `chain` is {last:g}, and the outcome is that at month "
            f"{endpoint.month:g}; let `chain` end there"
        )

    def in_array(self, value: Any) -> bool:
        return not isinstance(value, ChainTruth)

    def draw(self, drawing: Drawing) -> Outcome:
        values = [value for by in drawing.values for value in by]
        if not any(isinstance(value, ChainTruth) for value in values):
            return super().draw(drawing)
        months = sorted({month for value in values for month in self.tells_at(value)})
        states = [np.full(drawing.arm.shape, UNSEEN, dtype=np.int8) for _ in months]
        response = np.zeros(drawing.arm.shape, dtype=np.bool_)
        for arm, stratum, where in drawing.groups:
            value = drawing.values[arm][stratum]
            last = drawing.uniforms().ravel()[where]
            if not isinstance(value, ChainTruth):
                response.ravel()[where] = last < value
                continue
            state = np.zeros(len(where), dtype=np.int8)
            for place, month in enumerate(value.months):
                rows = _rows(value.chain[place]) if place else np.array([value.starts])
                u = drawing.uniforms(f"state:{place}").ravel()[where]
                state = _next(u, rows[state])
                states[months.index(month)].ravel()[where] = state
            response.ravel()[where] = last < _rows(value.chain[-1])[state, IN]
        return Staged(response, states, tuple(months))

    # ── columns of a participants table ───────────────────────────────────────────────────
    def columns(self, name: str, endpoint: Any) -> dict[str, float | None]:
        months = {f"{name}_month_{month:g}": month for month in endpoint.early_months}
        return {**months, name: endpoint.known_after()}

    def meanings(self, name: str, endpoint: Any, since: str) -> dict[str, str]:
        *states, own = self.columns(name, endpoint)
        told = {
            column: f"the state at month {month:g}: in, out, or failed (for good); {since}; blank "
            "where it was not seen, or not yet"
            for column, month in zip(states, endpoint.early_months, strict=True)
        }
        return {**told, own: self.meaning(endpoint, since)}

    def read_all(self, cells: Sequence[Cell]) -> Any:
        if len(cells) == 1:
            return super().read_all(cells)
        return (*(self._state(cell) for cell in cells[:-1]), int(self.read(cells[-1])))

    def _state(self, cell: Cell) -> int:
        assert cell.known is not None
        if not cell.text:
            return UNSEEN
        too_early(cell, cell.known)
        if cell.text not in STATES:
            cell.report(f"found '{cell.text}'; in, out, failed or blank is expected")
            return UNSEEN
        return STATES.index(cell.text)

    def gathered(self, values: list[Any]) -> Array:
        several = bool(values) and isinstance(values[0], tuple)
        return np.array(values, dtype=np.int8 if several else np.bool_)

    def recorded(self, values: Array, block: Spread, respond: Booleans) -> Outcome:
        if values.ndim == 1:
            return super().recorded(values, block, respond)
        response = block(values[:, -1].astype(np.bool_) | respond, False)
        return Staged(response, [block(column, UNSEEN) for column in values.T[:-1]])

    def mark(self, value: Any, known: float | None) -> float:
        return super().mark(np.ravel(value)[-1], known)

    def written_all(self, name: str, endpoint: Any, outcome: Any, whom: Contact) -> dict[str, Any]:
        *states, own = self.columns(name, endpoint)
        row: dict[str, Any] = {}
        for column, month in zip(states, endpoint.early_months, strict=True):
            state = int(outcome.at(month, endpoint.early_months)[whom.at])
            row[column] = STATES[state] if state < UNSEEN and whom.knows(month) else ""
        row[own] = self.written(outcome, endpoint.known_after(), whom)
        return row


def _rows(step: Step) -> Floats:
    """Where each state of the month before goes, ``(state, state)``; a failure stays one."""
    assert step.from_in is not None
    assert step.from_out is not None
    return np.array([step.from_out.shares, step.from_in.shares, (0.0, 0.0, 1.0)])


def _next(uniform: Floats, chances: Floats) -> npt.NDArray[np.int8]:
    """State of each participant, ``(participant,)``, from the chances ``(participant, state)``."""
    in_, failed = chances[..., IN], chances[..., FAILED]
    found = np.where(uniform < in_, IN, np.where(uniform >= 1.0 - failed, FAILED, OUT))
    return found.astype(np.int8)
