"""Sets of participants as bits, against Python's own sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive_cart.nouns.participant_set import WORD, ParticipantSet, kept, or_never

WIDTHS = (1, 4, 7, 8, 63, 64, 65, 100, 128, 129, 300, 448, 449, 512, 1_030)


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    trials = draw(st.integers(1, 4))
    width = draw(st.sampled_from((0, *WIDTHS)))
    seed = draw(st.integers(0, 2**32 - 1))
    share = draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    return np.random.default_rng(seed).random((2, trials, width)) < share


def members(mask: np.ndarray) -> list[set[int]]:
    return [set(np.flatnonzero(row).tolist()) for row in mask]


@settings(max_examples=200)
@given(masks())
def test_algebra_of_sets(two: np.ndarray) -> None:
    width = two.shape[2]
    first, second = (ParticipantSet.where(mask) for mask in two)
    slow_first, slow_second = (members(mask) for mask in two)
    for fast, slow in (
        (first, slow_first),
        (first & second, [a & b for a, b in zip(slow_first, slow_second, strict=True)]),
        (first | second, [a | b for a, b in zip(slow_first, slow_second, strict=True)]),
        (first.without(second), [a - b for a, b in zip(slow_first, slow_second, strict=True)]),
    ):
        assert fast.count().tolist() == [len(row) for row in slow]
        assert members(fast.mask(width)) == slow


@pytest.mark.parametrize("words", [8, 9, 16, 1_023, 1_024])
def test_everybody_and_nobody_of_many_words_is_counted(words: int) -> None:
    everybody = np.full((2, words), np.iinfo(np.uint64).max)
    everybody[1] = 0
    assert ParticipantSet(everybody).count().tolist() == [words * WORD, 0]


@pytest.mark.parametrize("width", WIDTHS)
def test_participant_j_is_bit_j_of_its_word(width: int) -> None:
    for participant in range(width):
        mask = np.zeros((1, width), dtype=np.bool_)
        mask[0, participant] = True
        words = ParticipantSet.where(mask).words
        assert words.shape == (1, -(-width // WORD))
        expected = [0] * words.shape[1]
        expected[participant // WORD] = 1 << (participant % WORD)
        assert words[0].tolist() == expected


def test_months_of_some_and_never_of_others() -> None:
    random = np.random.default_rng(8)
    mask = random.random((40, 50)) < 0.5
    months = np.where(random.random((40, 50)) < 0.2, np.inf, random.exponential(9.0, (40, 50)))
    months[0] = 0.0
    assert np.array_equal(or_never(mask, months), np.where(mask, months, np.inf))


@pytest.mark.parametrize("width", WIDTHS)
def test_first_by_order_of_arrival(width: int) -> None:
    number = np.arange(width + 1, dtype=np.int64)
    found = ParticipantSet.first(number, width)
    assert found.count().tolist() == number.tolist()
    np.testing.assert_array_equal(found.mask(width), np.arange(width) < number[:, None])
    same = ParticipantSet.where(np.arange(width) < number[:, None])
    np.testing.assert_array_equal(found.words, same.words)


def test_masks_that_are_not_contiguous() -> None:
    mask = np.random.default_rng(1).random((90, 5)) < 0.5
    turned = ParticipantSet.where(mask.T)
    assert members(turned.mask(90)) == members(mask.T)
    every_other = ParticipantSet.where(mask.T[:, ::2])
    assert members(every_other.mask(45)) == members(mask.T[:, ::2])


def test_a_trial_does_not_depend_on_its_block() -> None:
    mask = np.random.default_rng(2).random((50, 131)) < 0.3
    block = ParticipantSet.where(mask)
    for trial in range(50):
        alone = ParticipantSet.where(mask[trial : trial + 1])
        np.testing.assert_array_equal(alone.words[0], block.words[trial])


def test_what_is_kept_is_what_where_gives_whatever_stands_elsewhere() -> None:
    values = np.array([[1.5, -0.0, np.nan, np.inf], [np.nan, -2.0, 0.25, -np.inf]])
    mask = np.array([[True, True, False, False], [False, True, False, True]])
    found = kept(mask, values)
    assert found.tobytes() == np.where(mask, values, 0.0).tobytes()
    assert kept(mask.T, values.T).tobytes() == np.where(mask.T, values.T, 0.0).tobytes()
