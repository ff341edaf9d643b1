"""``external = […], method = "…"``: priors that external data make, and what each has to tell.

A model says how its own kind of external data becomes a prior, in a file of its room. What all of
them share is here: which data are named, the methods that mean the same everywhere, and what a
prior adds to an arm at a look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, PrivateAttr

from adaptive_cart.nouns.distinct_rows import each_distinct
from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.external_draws import Drawn, path_in
from adaptive_cart.nouns.parts import Part
from adaptive_cart.nouns.records import Floats, Integers
from adaptive_cart.nouns.summaries import Summary

CONFLICT = 0.05  # a p-value below it is told as a conflict with the arm's own data
METHOD = "how external data become a prior"


@dataclass(frozen=True)
class Added:
    """What was added to an arm, ``(trial,)`` each; nan where there was no such look.

    Attributes
    ----------
    participants
        Borrowed; fewer than none where the arm's data leave more doubt than without.
    conflict
        Prior predictive p-value of the arm's own data.
    """

    participants: Floats
    conflict: Floats


class Borrowed(Part):
    """What every way to borrow has, and says."""

    of_a_stratum: ClassVar[bool] = False  # whether a question about one borrows what was seen there
    set_by_data: ClassVar[bool] = False  # whether the arm's own data set its weight

    external: list[str] = Field(description="names of the external data that are borrowed from")
    method: str
    _seen: tuple[External, ...] = PrivateAttr(default=())
    _beside: tuple[str, ...] = PrivateAttr(default=())  # all that is drawn anew of its endpoint

    def told(self, external: Mapping[str, External]) -> Self:
        """Return the same, told what was seen in the external data that it names."""
        found = self._of(tuple(external[name] for name in self.external))
        found._beside = drawn_names(external, found._seen[0].endpoint) if found._seen else ()
        return found

    def _of(self, seen: tuple[External, ...]) -> Self:
        """The same of other data."""
        found = self.model_construct(**dict(self))  # nothing that was worked out is kept
        found._seen, found._beside = seen, self._beside
        return found

    @property
    def strata(self) -> tuple[str, ...]:
        """Strata by which all of the data are told; none where any are told together."""
        named = [one.strata or () for one in self.seen]
        return named[0] if all(named) else ()

    @property
    def redrawn(self) -> bool:
        """Whether any of the data are drawn anew with each trial."""
        return any(one.redrawn for one in self.seen)

    @property
    def predicts(self) -> float | None:
        """Mean probability that the data predict for the arm, without what is vague in its prior.

        Nothing where they are of no probability.
        """
        return None

    @property
    def seconds(self) -> float:
        """What it takes of one core to make the prior of other data, about, where that is much."""
        return 0.0

    def in_stratum(self, stratum: str) -> Self:
        """The same by what was seen in one stratum alone."""
        return self._of(tuple(one.in_stratum(stratum) for one in self.seen))

    def as_drawn(self, drawn: Mapping[str, Mapping[str, float]]) -> Self:
        """The same by what was drawn with a trial: numbers by name of the external data."""
        both = zip(self.external, self.seen, strict=True)
        return self._of(
            tuple(one.once_drawn(drawn[name]) if name in drawn else one for name, one in both)
        )

    def numbers(self, row: Floats | Integers, keys: tuple[str, ...]) -> dict[str, dict[str, float]]:
        """What was drawn with a trial by name, of one row of :meth:`lent`."""
        table = np.asarray(row).reshape(len(self._beside), -1)
        found = {
            name: dict(zip(keys, numbers[: len(keys)].tolist(), strict=True))
            for name, numbers in zip(self._beside, table, strict=True)
        }
        if self.of_a_stratum and table.shape[1] > len(keys):  # numbers of each stratum stand behind
            for name, data in zip(self.external, self.seen, strict=True):
                paths = [path_in(key, s) for s in data.strata or () for key in keys]
                if name in found and paths:
                    behind = table[self._beside.index(name), len(keys) :].tolist()
                    found[name] |= dict(zip(paths, behind, strict=True))
        return found

    def lent(self, summary: Summary) -> Floats | None:
        """Numbers drawn with each trial from which the prior borrows, ``(trial, number)``.

        Of all external data of the endpoint that are drawn anew, in the order written; nothing
        where none are, as in a real trial.
        """
        outside = summary.seen_outside()
        if not self.redrawn or outside is None:
            return None
        own = outside[:, outside.shape[1] - len(self._beside) :]
        return own.reshape(len(own), -1)

    def added_anew(self, arm: int, summary: Summary, keys: tuple[str, ...]) -> Added | None:
        """What is added to an arm in each trial; nothing where the prior is the same in all."""
        lent = self.lent(summary)
        if lent is None:
            return None
        found = Added(*np.full((2, len(lent)), np.nan))
        for row, here in each_distinct(lent):
            one = self.as_drawn(self.numbers(row, keys)).added(arm, summary.rows(here))
            found.participants[here], found.conflict[here] = one.participants, one.conflict
        return found

    @property
    def seen(self) -> tuple[External, ...]:
        """What was seen in the external data, in the order named."""
        assert self._seen, "told by the design before it is fitted"
        return self._seen

    @property
    def in_words(self) -> str:
        """What the method does, as a protocol says it."""
        raise NotImplementedError  # abstract: every method supplies it

    @property
    def counted(self) -> str:
        """What participants borrowed are, in words."""
        raise NotImplementedError  # abstract: every model supplies it

    def too_little(self) -> str | None:
        """Why nothing follows from what was seen; nothing where something does."""
        return None

    def added(self, arm: int, summary: Summary) -> Added:
        """What is added to an arm (its position) by what was seen of its endpoint."""
        raise NotImplementedError  # abstract: every model supplies it


class Pooled(Borrowed):
    """External participants count as the arm's own."""

    method: Literal["pooled"] = Field(description=METHOD)

    @property
    def share(self) -> float:
        """What an external participant counts, beside one of the arm."""
        return 1.0

    @property
    def in_words(self) -> str:
        """What the method does, as a protocol says it."""
        return "all external participants count as participants of the arm"


class Power(Borrowed):
    """External participants count with a fixed weight: the power prior."""

    method: Literal["power"] = Field(description=METHOD)
    weight: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        description="what an external participant counts, beside one of the arm"
    )

    @property
    def share(self) -> float:
        """What an external participant counts, beside one of the arm."""
        return self.weight

    @property
    def in_words(self) -> str:
        """What the method does, as a protocol says it."""
        return f"an external participant counts as {self.weight:g} of one of the arm (power prior)"


def with_lent(outside: Floats, keys: tuple[str, ...], drawn: Mapping[str, Drawn]) -> Floats:
    """Put what is drawn with each trial, and borrowed from, behind what arms are compared with.

    Parameters
    ----------
    outside
        ``(trial, external data, number)``.
    keys
        Of the numbers.
    """
    lent = np.stack([np.stack([one[key] for key in keys], axis=1) for one in drawn.values()], 1)
    # what is lent is of all strata together
    lent = np.pad(lent, [(0, 0), (0, 0), (0, outside.shape[2] - len(keys))])
    return np.concatenate([np.broadcast_to(outside, (len(lent), *outside.shape[1:])), lent], axis=1)


def drawn_names(external: Mapping[str, External], endpoint: str) -> tuple[str, ...]:
    """Names of the external data of an endpoint that are drawn anew with each trial."""
    return tuple(
        name for name, data in external.items() if data.redrawn and data.endpoint == endpoint
    )


def by_method(value: Any) -> Any:
    """Which way to borrow a table, or what was read from one, says."""
    return value.get("method") if isinstance(value, dict) else getattr(value, "method", None)


def how_known(value: Any) -> str:
    """Whether a prior is ``written`` in numbers, or made of ``external`` data."""
    if isinstance(value, dict):
        return "external" if {"external", "method"} & set(value) else "written"
    return "external" if isinstance(value, Borrowed) else "written"
