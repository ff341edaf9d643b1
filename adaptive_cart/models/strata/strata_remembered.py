"""Posteriors by stratum of tables that this process may have seen before.

Trials of few participants come to the same tables of counts again: at other looks, after the end,
and in other scenarios. What was answered of a table is kept, and only what was never asked of it is
worked out. That changes no answer, since a table's never depends on the other tables of its batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.memo import Answers, Keys, Memo
from adaptive_cart.models.strata.strata_posterior import Posterior
from adaptive_cart.nouns.records import Booleans, Floats

_MEMO: Final = Memo(limit_bytes=96 * 2**20)
_BITS: Final = 62  # of a key; tables that do not fit are too large to come again
# the posteriors worked out last: of a trial that has ended, more is asked right after
_LATEST: Final[deque[tuple[Hashable, Keys, Posterior]]] = deque(maxlen=2)


class Model(Protocol):
    """One of the models that know strata."""

    def posterior(self, successes: npt.ArrayLike, totals: npt.ArrayLike) -> Posterior:
        """Posterior of tables of counts, ``(table, arm, stratum)`` each."""


def keys_of(successes: npt.NDArray[Any], totals: npt.NDArray[Any]) -> Keys | None:
    """One number for each table, ``(table,)``; nothing where tables are too large for that."""
    numbers = np.concatenate(
        [part.reshape(len(totals), -1) for part in (successes, totals)], axis=1
    )
    bits = _BITS // numbers.shape[1]
    if numbers.size == 0 or numbers.dtype.kind not in "iu" or int(numbers.max()) >> bits:
        return None
    keys: Keys = numbers.astype(np.int64) @ (1 << bits * np.arange(numbers.shape[1]))
    return keys


def remembered(
    model: Model, successes: npt.NDArray[Any], totals: npt.NDArray[Any]
) -> Posterior | Remembered:
    """Posterior of tables of counts, ``(table, arm, stratum)`` each, worked out where it is new."""
    keys = keys_of(successes, totals)
    if keys is None:
        return model.posterior(successes, totals)
    return Remembered(model, successes, totals, keys)


class Remembered:
    """Answers what :class:`Posterior` answers, and works out only what it was not asked before."""

    def __init__(
        self, model: Model, successes: npt.NDArray[Any], totals: npt.NDArray[Any], keys: Keys
    ) -> None:
        self._model, self._keys = model, keys
        self._whose = model, totals.shape[1:]
        self._counts = successes, totals
        self._distinct, self._first = np.unique(keys, return_index=True)
        self._worked_out: list[tuple[Keys, Posterior]] = []
        self._whole: Posterior | None = None

    @property
    def failed(self) -> Booleans:
        """Tables whose posterior could not be computed; their answers are nan."""
        found = self._look_up("failed", self._keys, lambda posterior, asked: posterior.failed)
        return found > 0.0

    def difference_above(self, margin: float, weights: npt.ArrayLike) -> Floats:
        """As :meth:`Posterior.difference_above`."""
        return self._answers(
            ("difference above", margin),
            weights,
            lambda posterior, weight, asked: posterior.difference_above(margin, weight, asked),
        )

    def difference_covers(self, value: float, weights: npt.ArrayLike, level: float) -> Booleans:
        """As :meth:`Posterior.difference_covers`."""
        found = self._answers(
            ("difference covers", value, level),
            weights,
            lambda posterior, weight, asked: posterior.difference_covers(
                value, weight, level, asked
            ),
        )
        return found > 0.0

    def difference_mean(self, weights: npt.ArrayLike) -> Floats:
        """As :meth:`Posterior.difference_mean`."""
        return self._answers(
            ("difference mean",),
            weights,
            lambda posterior, weight, asked: posterior.difference_mean(weight),
        )

    def arm_above(self, arm: int, value: float, weights: npt.ArrayLike) -> Floats:
        """As :meth:`Posterior.arm_above`."""
        return self._answers(
            ("arm above", arm, value),
            weights,
            lambda posterior, weight, asked: posterior.arm_above(arm, value, weight, asked),
        )

    def arm_covers(self, arm: int, value: float, weights: npt.ArrayLike, level: float) -> Booleans:
        """As :meth:`Posterior.arm_covers`."""
        found = self._answers(
            ("arm covers", arm, value, level),
            weights,
            lambda posterior, weight, asked: posterior.arm_covers(arm, value, weight, level, asked),
        )
        return found > 0.0

    def arm_mean(self, arm: int, weights: npt.ArrayLike) -> Floats:
        """As :meth:`Posterior.arm_mean`."""
        return self._answers(
            ("arm mean", arm),
            weights,
            lambda posterior, weight, asked: posterior.arm_mean(arm, weight),
        )

    def draws(self, chance: Floats) -> Floats:
        """As :meth:`Posterior.draws`; they are not kept."""
        if self._whole is None:
            self._whole = self._model.posterior(*self._counts)
        return self._whole.draws(chance)

    def _answers(
        self,
        what: tuple[Hashable, ...],
        weights: npt.ArrayLike,
        ask: Callable[[Posterior, Floats, Booleans], npt.NDArray[Any]],
    ) -> Floats:
        """Answers to one question, of tables that weigh strata alike together, ``(table,)``."""
        weight = np.asarray(weights, dtype=np.float64)
        if weight.ndim == 1:
            return self._asked(what, weight, self._keys, ask)
        found = np.empty(self._keys.shape)
        patterns, member = np.unique(weight, axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            rows = np.flatnonzero(member.reshape(-1) == number)
            found[rows] = self._asked(what, pattern, self._keys[rows], ask)
        return found

    def _asked(
        self,
        what: tuple[Hashable, ...],
        weight: Floats,
        keys: Keys,
        ask: Callable[[Posterior, Floats, Booleans], npt.NDArray[Any]],
    ) -> Floats:
        return self._look_up(
            (*what, weight.tobytes()), keys, lambda posterior, asked: ask(posterior, weight, asked)
        )

    def _look_up(
        self,
        what: Hashable,
        keys: Keys,
        ask: Callable[[Posterior, Booleans], npt.NDArray[Any]],
    ) -> Answers:
        """Answers by table, what is not remembered asked of the posterior."""

        def work_out(unknown: Keys) -> Answers:
            answer = np.full(unknown.shape, np.nan)
            left = unknown
            for known, posterior in self._posteriors(unknown):
                asked = np.isin(known, left, assume_unique=True)
                if asked.any():
                    found = ask(posterior, asked)
                    answer[np.searchsorted(unknown, known[asked])] = found[asked]
                    left = left[~np.isin(left, known, assume_unique=True)]
            return answer

        return _MEMO.look_up((self._whose, what), keys, work_out)

    def _posteriors(self, unknown: Keys) -> list[tuple[Keys, Posterior]]:
        """Posteriors of tables, those asked about among them, with the tables' keys in order."""
        new = _but(unknown, self._worked_out)
        if new.size:
            self._worked_out += [
                (known, posterior)
                for whose, known, posterior in _LATEST
                if whose == self._whose and _but(new, [(known, posterior)]).size < new.size
            ]
            new = _but(new, self._worked_out)
        if new.size:
            at = self._first[np.searchsorted(self._distinct, new)]
            successes, totals = self._counts
            posterior = self._model.posterior(successes[at], totals[at])
            self._worked_out.append((new, posterior))
            _LATEST.append((self._whose, new, posterior))
        return self._worked_out


def _but(keys: Keys, worked_out: list[tuple[Keys, Posterior]]) -> Keys:
    """Keys of which no posterior has been worked out."""
    for known, _ in worked_out:
        keys = keys[~np.isin(keys, known, assume_unique=True)]
    return keys
