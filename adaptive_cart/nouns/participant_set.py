"""Sets of participants, one a trial, as bits: the unit in which a look counts.

A look asks many yes-or-no questions of the same participants (randomised by now? infused? in this
arm? a response?). As bit sets the questions are combined 64 participants at a time, and counting
is a population count.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

WORD = 64
SEVERAL = 8  # words, from which on it pays to add them eight at a time
MOST = 1024  # words whose participants sixteen bits can count
_EVERY_OTHER = np.uint64(0x00FF00FF00FF00FF)
_EACH = np.uint64(0x0001000100010001)
_NEVER = np.array(np.inf).view(np.int64)


def kept(mask: npt.NDArray[np.bool_], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Values where a mask is true, else 0, both ``(trial, participant)``.

    What ``np.where`` gives, six times as fast: masks of participants have no pattern, so that a
    processor guesses wrong at every other one, while an "and" with all bits or none has no guess.
    """
    bits = np.negative(mask.view(np.int8)).astype(np.int64)
    bits &= values.view(np.int64)
    return bits.view(np.float64)


def or_never(
    mask: npt.NDArray[np.bool_], months: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Months where a mask is true, else infinity, both ``(trial, participant)``; in the same way.

    No month is missing, or below 0.
    """
    bits = np.negative(np.logical_not(mask).view(np.int8)).astype(np.int64)
    bits &= _NEVER
    found = bits.view(np.float64)
    return np.maximum(months, found, out=found)


@dataclass(frozen=True)
class ParticipantSet:
    """A set of participants in every trial of a block.

    Attributes
    ----------
    words
        ``(trial, word)``; participant ``j`` is bit ``j % 64`` of word ``j // 64``.
    """

    words: npt.NDArray[np.uint64]

    @staticmethod
    def where(mask: npt.NDArray[np.bool_]) -> ParticipantSet:
        """Return the set of those for whom ``mask`` (trial, participant) is true."""
        packed = np.packbits(mask, axis=1, bitorder="little")
        trials, used = packed.shape
        whole = np.zeros((trials, -(-used // 8) * 8), dtype=np.uint8)
        whole[:, :used] = packed
        return ParticipantSet(whole.view("<u8"))

    @staticmethod
    def first(number: npt.NDArray[np.int64], participants: int) -> ParticipantSet:
        """Return the set of the first ``number`` (trial,) participants by order of arrival."""
        return ParticipantSet(_firsts(participants).take(number, axis=0))

    def __and__(self, other: ParticipantSet) -> ParticipantSet:
        return ParticipantSet(self.words & other.words)

    def __or__(self, other: ParticipantSet) -> ParticipantSet:
        return ParticipantSet(self.words | other.words)

    def without(self, other: ParticipantSet) -> ParticipantSet:
        """Return those in this set and not in the other."""
        return ParticipantSet(self.words & ~other.words)

    def count(self) -> npt.NDArray[np.int64]:
        """Count the participants in the set, ``(trial,)``."""
        counts = np.bitwise_count(self.words)
        if SEVERAL <= counts.shape[1] < MOST:
            return _added(counts)
        number = np.zeros(len(counts), dtype=np.int64)
        for word in range(counts.shape[1]):  # a few words: faster than a sum along a short axis
            number += counts[:, word]
        return number

    def mask(self, participants: int) -> npt.NDArray[np.bool_]:
        """Return the set as booleans, ``(trial, participant)``."""
        of_trials = self.words.view(np.uint8)
        bits = np.unpackbits(of_trials, axis=1, count=participants, bitorder="little")
        return bits.view(np.bool_)


def _added(counts: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Add the counts of words, ``(trial, word)``, eight side by side in the bytes of a number."""
    trials, words = counts.shape
    whole = np.zeros((trials, -(-words // 8) * 8), dtype=np.uint8)
    whole[:, :words] = counts
    eights = whole.view(np.uint64)
    fours = eights & _EVERY_OTHER
    fours += (eights >> np.uint64(8)) & _EVERY_OTHER
    number = fours[:, 0].copy()
    for place in range(1, fours.shape[1]):
        number += fours[:, place]
    number *= _EACH  # the highest of its four parts is now the sum of all
    number >>= np.uint64(48)
    return number.view(np.int64)


@lru_cache(maxsize=32)
def _firsts(participants: int) -> npt.NDArray[np.uint64]:
    """The first none, one, two, … of so many participants as bits, ``(number, word)``."""
    number, one = np.arange(participants + 1)[:, None], np.arange(participants)
    words = ParticipantSet.where(one < number).words
    words.setflags(write=False)
    return words
