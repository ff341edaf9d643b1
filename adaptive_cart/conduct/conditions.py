"""What has to hold for a rule to act: a comparison, or all or any of several.

The comparisons are its parts, in the order written; how they are put together is a shape. Whatever
is known of each part (whether it holds, whether its claim is false, its words) is folded along the
shape, so that whoever asks needs not know whether there are several.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np

from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.nouns.records import Booleans

Of = TypeVar("Of")


class Target(NamedTuple):
    """An arm, or an arm in a stratum, that a rule asks about.

    Attributes
    ----------
    arm
        Position; the rule asks while it is open.
    stratum
        Position, or ``ALL`` or ``OPEN``.
    """

    arm: int
    stratum: int


@dataclass(frozen=True)
class Together:
    """Some conditions of which all have to hold (``every``), or any."""

    every: bool
    of: tuple[Shape, ...]


Shape: TypeAlias = "int | Together"  # a number is the position of a part


@dataclass(frozen=True)
class Condition:
    """What a rule asks of each target, and how the answers decide.

    Attributes
    ----------
    parts
        Every comparison, in the order written.
    targets
        What the condition is asked of.
    places
        By part: which of its questions belongs to each of the targets.
    shape
        How the parts are put together.
    """

    parts: tuple[Comparison, ...]
    targets: tuple[Target, ...]
    places: tuple[tuple[int, ...], ...]
    shape: Shape = 0

    @staticmethod
    def of_one(part: Comparison) -> Condition:
        """One comparison, and nothing else."""
        targets = tuple(Target(question.arm, question.stratum) for question in part.targets)
        return Condition((part,), targets, (tuple(range(len(targets))),))

    @property
    def only(self) -> Comparison | None:
        """The comparison, where there is but one."""
        return self.parts[0] if len(self.parts) == 1 else None

    @property
    def any_is_enough(self) -> bool:
        """Whether it makes several comparisons, each of which is enough by itself."""

        def enough(shape: Shape) -> bool:
            return isinstance(shape, int) or (not shape.every and all(map(enough, shape.of)))

        return self.only is None and enough(self.shape)

    @property
    def all_are_needed(self) -> bool:
        """Whether every comparison that it makes has to hold."""

        def needed(shape: Shape) -> bool:
            return isinstance(shape, int) or (shape.every and all(map(needed, shape.of)))

        return needed(self.shape)

    @property
    def looks(self) -> tuple[int, ...]:
        """Numbers of the looks at which it is judged; the same for all parts."""
        return tuple(self.parts[0].thresholds)

    @property
    def last(self) -> bool:
        """Whether it is judged at the last look, whichever that turns out to be."""
        return self.parts[0].last

    def never(self) -> Condition:
        """Return the same with thresholds that nothing reaches; it is asked all the same."""
        return replace(self, parts=tuple(part.never() for part in self.parts))

    # ── of answers ────────────────────────────────────────────────────────────────────────
    def by_part(self, asked: Booleans) -> tuple[Booleans, ...]:
        """Which question of each part is asked, ``(trial, question)``, by ``(trial, target)``."""
        if self.only is not None:
            return (asked,)
        found = []
        for part, places in zip(self.parts, self.places, strict=True):
            own = np.zeros((len(asked), len(part.targets)), dtype=np.bool_)
            for target, place in enumerate(places):
                own[:, place] |= asked[:, target]
            found.append(own)
        return tuple(found)

    def of_targets(self, held: Sequence[Booleans]) -> Booleans:
        """Whether it holds, ``(trial, target)``; by part whether that does, ``(trial, question)``.

        Where a part could not be answered it does not hold.
        """
        if self.only is not None:
            return held[0]
        own = [values[:, places] for values, places in zip(held, self.places, strict=True)]
        return folded(self.shape, own.__getitem__, np.logical_and.reduce, np.logical_or.reduce)

    def of_one_target(self, held: Sequence[Booleans]) -> Booleans:
        """Whether it holds of one target, ``(trial,)``; by part whether that does."""
        return folded(self.shape, held.__getitem__, np.logical_and.reduce, np.logical_or.reduce)

    def known_of_target(self, held: Sequence[bool | None]) -> bool | None:
        """Whether it holds of one target, by part; nothing where what is known does not say."""
        return folded(self.shape, held.__getitem__, all_known, any_known)

    def opposite(self) -> Condition:
        """Return what is so of the opposites of its parts where the opposite of it is so."""

        def turned(shape: Shape) -> Shape:
            if isinstance(shape, int):
                return shape
            return Together(not shape.every, tuple(turned(one) for one in shape.of))

        return replace(self, shape=turned(self.shape))

    def joined(self, words: Sequence[str]) -> str:
        """Put the words of the parts together: ``A and (B or C)``."""
        outer = self.shape

        def put(shape: Shape) -> str:
            if isinstance(shape, int):
                return words[shape]
            inner = (" and " if shape.every else " or ").join(put(one) for one in shape.of)
            return inner if shape is outer else f"({inner})"

        return put(outer)

    def whose(self, part: int, target: int) -> int:
        """Position among a part's questions of that about a target."""
        return self.places[part][target]


def folded(
    shape: Shape,
    of: Callable[[int], Of],
    every: Callable[[list[Of]], Of],
    some: Callable[[list[Of]], Of],
) -> Of:
    """Put together what is known of parts along the shape of a condition.

    Parameters
    ----------
    of
        What is known of a part, by its position.
    every, some
        What is known of several when all have to hold, and when any.
    """
    if isinstance(shape, int):
        return of(shape)
    found = [folded(inner, of, every, some) for inner in shape.of]
    return every(found) if shape.every else some(found)


def all_known(known: list[bool | None]) -> bool | None:
    """Whether all are so; nothing where what is known does not say."""
    return False if False in known else None if None in known else True


def any_known(known: list[bool | None]) -> bool | None:
    """Whether any is so; nothing where what is known does not say."""
    return True if True in known else None if None in known else False
