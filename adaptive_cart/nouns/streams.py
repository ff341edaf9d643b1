"""Uniforms that belong to a trial, whatever the block, the jobs or the scenario.

One Philox stream a purpose ("arrival", "dropout", …), keyed by the seed and the purpose, and cut
into equal stretches, one a trial: a block of trials is then a single call, trial 4 711 can be drawn
alone, a longer run extends a shorter one, and a new purpose changes none of the others. Scenarios
share the uniforms, so that they are compared in pairs.

Source: Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3 (Philox4x64-10).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Made = TypeVar("Made")

WORDS_PER_STEP = 4  # Philox4x64 gives four uniforms a step of its counter


def padded(width: int) -> int:
    """Round a number of uniforms a trial up to whole steps of the counter."""
    return -(-width // WORDS_PER_STEP) * WORDS_PER_STEP


def uniforms(
    seed: int, purpose: str, first_trial: int, trials: int, width: int
) -> npt.NDArray[np.float64]:
    """Draw the uniforms in [0, 1) of a block of trials for one purpose.

    Returns
    -------
    (trial, padded(width)); the columns past ``width`` are spare.
    """
    name = int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=8).digest(), "little")
    bits = np.random.Philox(key=np.array([seed, name], dtype=np.uint64))
    stretch = padded(width)
    bits.advance(first_trial * (stretch // WORDS_PER_STEP))
    return np.random.Generator(bits).random((trials, stretch))


def fresh_seed(seed: int, purpose: str, times: int = 1, bits: int = 56) -> int:
    """Seed of trials that have nothing in common with those of another seed.

    Parameters
    ----------
    purpose
        What they are for: different ones have different seeds.
    times
        How often a seed is made from the one before.
    bits
        Of the seed.
    """
    size = -(-bits // 8)
    for _ in range(times):
        digest = hashlib.blake2b(f"{purpose} {seed}".encode(), digest_size=size).digest()
        seed = int.from_bytes(digest, "little") >> (8 * size - bits)
    return seed


class Same:
    """Equal to itself alone: of two things that are equal nobody has to find out that they are."""

    def __init__(self, what: object) -> None:
        self.what = what

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.what is other.what

    __hash__ = None  # type: ignore[assignment]


class Latents:
    """The uniforms of a block of trials, drawn when first asked for and then kept.

    Attributes
    ----------
    drawn
        How many uniforms a trial have been asked for so far.
    """

    def __init__(self, seed: int, first_trial: int, trials: int, participants: int) -> None:
        self.seed = seed
        self.first_trial = first_trial
        self.trials = trials
        self.participants = participants
        self._kept: dict[str, npt.NDArray[np.float64]] = {}
        self._made: dict[str, tuple[Any, Any]] = {}

    @property
    def drawn(self) -> int:
        """Uniforms a trial asked for so far."""
        return sum(values.shape[1] for values in self._kept.values())

    def of(self, purpose: str, width: int | None = None) -> npt.NDArray[np.float64]:
        """Uniforms of every participant for one purpose, ``(trial, participant)``, read only."""
        if purpose not in self._kept:
            values = uniforms(
                self.seed, purpose, self.first_trial, self.trials, width or self.participants
            )
            values.setflags(write=False)
            self._kept[purpose] = values
        return self._kept[purpose]

    def made_once(self, what: str, of: Any, make: Callable[[], Made]) -> Made:
        """What is made of these uniforms for one scenario after the other, and changed by none.

        Parameters
        ----------
        what
            Its name; the last of each is kept.
        of
            All it is made of beside the uniforms: it is made anew where this is not equal.
        """
        if what not in self._made or self._made[what][0] != of:
            self._made[what] = (of, make())
        made: Made = self._made[what][1]
        return made

    def below(self, purpose: str, values: tuple[float, ...]) -> list[npt.NDArray[np.bool_]]:
        """Where the uniforms for a purpose lie below each of some values, read only."""
        return self.made_once(
            f"below:{purpose}", values, lambda: [self.of(purpose) < value for value in values]
        )

    def rows(self, chosen: npt.NDArray[np.int64]) -> ChosenLatents:
        """The uniforms of some of the trials, by their positions in the block."""
        return ChosenLatents(self, chosen)

    def columns(self, chosen: slice) -> LatentsOfColumns:
        """The uniforms of some participants of every trial, who follow each other."""
        return LatentsOfColumns(self, chosen)


class LatentsOfColumns(Latents):
    """The uniforms of some participants of every trial of a block; of no other width."""

    def __init__(self, whole: Latents, chosen: slice) -> None:
        super().__init__(whole.seed, whole.first_trial, whole.trials, chosen.stop - chosen.start)
        self.whole = whole
        self.chosen = chosen

    def of(self, purpose: str, width: int | None = None) -> npt.NDArray[np.float64]:
        """Uniforms of every participant of theirs for one purpose, read only."""
        if width is not None:
            raise ValueError(f"{purpose} has {width} uniforms a trial, which are of nobody")
        return self.whole.of(purpose)[:, self.chosen]

    def below(self, purpose: str, values: tuple[float, ...]) -> list[npt.NDArray[np.bool_]]:
        """The same of these participants, looked up where it is known of all."""
        return [found[:, self.chosen] for found in self.whole.below(purpose, values)]


class ChosenLatents(Latents):
    """The uniforms of some trials of a block, which need not follow each other."""

    def __init__(self, whole: Latents, chosen: npt.NDArray[np.int64]) -> None:
        super().__init__(whole.seed, whole.first_trial, len(chosen), whole.participants)
        self.whole = whole
        self.chosen = chosen

    def of(self, purpose: str, width: int | None = None) -> npt.NDArray[np.float64]:
        """Uniforms of every participant of theirs for one purpose, read only."""
        if purpose not in self._kept:
            values = self.whole.of(purpose, width)[self.chosen]
            values.setflags(write=False)
            self._kept[purpose] = values
        return self._kept[purpose]
