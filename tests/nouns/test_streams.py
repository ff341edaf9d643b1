"""One counter-based stream a purpose: the generator itself, and what follows from its counter."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive_cart.nouns.streams import Latents, padded, uniforms
from checks import assert_quantiles, assert_uncorrelated

# ── Philox4x64-10, word by word ───────────────────────────────────────────────────────────────
WORDS = 2**64


def philox(counter: int, key: tuple[int, int]) -> list[int]:
    """Four words of Philox4x64-10 (Salmon et al. 2011, section 3.3), by the book."""
    c = [(counter >> (64 * part)) % WORDS for part in range(4)]
    k = list(key)
    for _ in range(10):
        first = 0xD2E7470EE14C6C93 * c[0]
        second = 0xCA5A826395121157 * c[2]
        c = [
            (second // WORDS) ^ c[1] ^ k[0],
            second % WORDS,
            (first // WORDS) ^ c[3] ^ k[1],
            first % WORDS,
        ]
        k = [(k[0] + 0x9E3779B97F4A7C15) % WORDS, (k[1] + 0xBB67AE8584CAA73B) % WORDS]
    return c


def test_slow_philox_gives_the_published_words() -> None:
    # Random123, known-answer vectors: counter and key all zeros, then all ones
    zeros = [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]
    ones = [0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0]
    assert philox(0, (0, 0)) == zeros
    assert philox(2**256 - 1, (WORDS - 1, WORDS - 1)) == ones


@pytest.mark.parametrize(
    ("seed", "purpose", "trial", "width"),
    [(0, "arrival", 0, 4), (7, "dropout", 4711, 90), (2**63 - 1, "outcome:dfr", 3, 5)],
)
def test_uniforms_are_the_generators_words(seed: int, purpose: str, trial: int, width: int) -> None:
    """Key: seed and a hash of the purpose; trial t begins at step t * (steps a trial)."""
    name = hashlib.blake2b(purpose.encode(), digest_size=8).digest()
    key = (seed, int.from_bytes(name, "little"))
    steps = math.ceil(width / 4)
    # NumPy moves the counter on before it gives the first words
    words = [w for step in range(steps) for w in philox(trial * steps + step + 1, key)]
    expected = [(word >> 11) * 2.0**-53 for word in words]
    assert uniforms(seed, purpose, trial, 1, width)[0].tolist() == expected


# ── what follows ──────────────────────────────────────────────────────────────────────────────
@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**63 - 1),
    first=st.integers(0, 10**9),
    trials=st.integers(1, 20),
    width=st.integers(1, 70),
    cut=st.integers(0, 20),
)
def test_blocks_may_be_cut_anywhere(
    seed: int, first: int, trials: int, width: int, cut: int
) -> None:
    whole = uniforms(seed, "remission", first, trials, width)
    assert whole.shape == (trials, padded(width))
    assert ((whole >= 0.0) & (whole < 1.0)).all()
    cut = min(cut, trials)
    parts = [
        uniforms(seed, "remission", first, cut, width),
        uniforms(seed, "remission", first + cut, trials - cut, width),
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_trial_4711_alone() -> None:
    alone = uniforms(20261122, "relapse", 4711, 1, 90)
    block = uniforms(20261122, "relapse", 4700, 40, 90)
    longer = uniforms(20261122, "relapse", 0, 5000, 90)
    np.testing.assert_array_equal(alone[0], block[11])
    np.testing.assert_array_equal(alone[0], longer[4711])


def test_uniform_in_every_part() -> None:
    values = uniforms(3, "death", 0, 4_000, 100)
    assert_quantiles(values, lambda level: level, "all")
    for column in (0, 1, 50, 99):
        assert_quantiles(values[:, column], lambda level: level, f"participant {column}")
    assert np.unique(values).size == values.size


def test_independent_of_each_other() -> None:
    names = ["arrival", "dropout", "death", "event:crs3", "event:crs4", "assignment:0"]
    drawn = {name: uniforms(3, name, 0, 2_000, 100) for name in names}
    for position, one in enumerate(names):
        for other in names[:position]:
            assert_uncorrelated(drawn[one], drawn[other], f"{one} and {other}")
    values = drawn["arrival"]
    assert_uncorrelated(values[:, :-1], values[:, 1:], "neighbours")
    assert_uncorrelated(values[:-1], values[1:], "trials")
    assert_uncorrelated(values, uniforms(4, "arrival", 0, 2_000, 100), "seeds")


def test_an_outcome_never_depends_on_what_else_was_asked() -> None:
    one, other = (Latents(5, 100, 8, 92) for _ in range(2))
    one.of("dropout")
    first = one.of("death")
    second = other.of("death")
    other.of("dropout")
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(one.of("dropout"), other.of("dropout"))
    assert one.of("death") is first, "drawn once and kept"
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 0.5


def test_padding() -> None:
    assert [padded(width) for width in (1, 3, 4, 5, 90, 92)] == [4, 4, 4, 8, 92, 92]
