"""Rows over nodes, kept where they say something: arrays and loops against whole rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from adaptive_cart.models.binary import beta_comparison, beta_rows
from adaptive_cart.models.binary.beta_binomial import BetaBinomial
from adaptive_cart.models.binary.beta_comparison import best_of, difference_above, ratio_above
from adaptive_cart.models.binary.beta_mixture import BetaMixture, updated
from adaptive_cart.models.binary.beta_nodes import grid_for, nodes_of
from adaptive_cart.models.binary.beta_survival import by_incomplete_beta, places_of, survival

FLAT = BetaMixture.single(1, 1)
SMALL = BetaMixture.single(0.05, 0.3)
ROBUST = BetaMixture((0.7, 0.3), (4.0, 1.0), (16.0, 1.0))
NEVER = 10**12


def drawn(number, most, arms=2):
    rng = np.random.default_rng(number)
    totals = rng.integers(0, most, (arms, number))
    return rng.binomial(totals, rng.uniform(0, 1, (arms, 1))), totals


def pairs(number, most):
    successes, totals = drawn(number, most)
    return successes[0], totals[0], successes[1], totals[1]


def answers(monkeypatch, worth, again=1, number=90):
    """Everything that is asked of rows, by arrays or by loops; asked again, tables are known."""
    monkeypatch.setattr(beta_comparison.LOOPS, "worth", worth)
    monkeypatch.setattr(beta_comparison.LOOPS, "steps", 0)
    beta_rows.KEPT.clear()
    found = []
    for _ in range(again):
        for most in (9, 60, 700):
            counts = pairs(number, most)
            found += [
                difference_above(upper, lower, counts, margin)
                for upper, lower in ((FLAT, FLAT), (SMALL, ROBUST), (ROBUST, FLAT))
                for margin in (0.0, 0.05, 0.4)
            ]
            found.append(ratio_above(FLAT, ROBUST, counts, 0.7, of_odds=False))
            found.append(ratio_above(SMALL, FLAT, counts, 3.0, of_odds=True))
            successes, totals = drawn(number, most, 4)
            found += list(best_of((FLAT,) * 4, successes.T, totals.T).T)
            found += list(best_of((FLAT, SMALL, FLAT, ROBUST), successes.T, totals.T).T)
            compared = np.random.default_rng(most).random(successes.T.shape) < 0.7
            compared[:, 1] &= most > 9
            for priors in ((FLAT,) * 4, (SMALL, FLAT, FLAT, FLAT)):
                model = BetaBinomial(priors)
                found += list(model.best_among(compared, successes.T, totals.T).T)
                compared[:, 0] = False
                found += list(model.best_among(compared, successes.T, totals.T, lowest=True).T)
    return np.array(found)


def as_python(monkeypatch):
    """Loops as Python runs them."""
    loops = beta_comparison.LOOPS
    monkeypatch.setattr("adaptive_cart.nouns.compiled.THERE", True)
    monkeypatch.setitem(loops.__dict__, "compiled", loops.loops)


def test_loops_and_arrays_are_the_same_to_the_last_bit(monkeypatch):
    expected = answers(monkeypatch, NEVER, number=5)
    as_python(monkeypatch)
    assert (answers(monkeypatch, 0, number=5) == expected).all()


@pytest.mark.slow
def test_compiled_loops_and_arrays_are_the_same_to_the_last_bit(monkeypatch):
    pytest.importorskip("numba")
    expected = answers(monkeypatch, NEVER)
    monkeypatch.setattr(beta_rows, "ANSWERS", 64)  # tables put each other out of their places
    assert (answers(monkeypatch, 0, again=2) == np.concatenate([expected] * 2)).all()
    # from one to the other in the middle
    assert (answers(monkeypatch, 3_000, again=2) == np.concatenate([expected] * 2)).all()


def test_what_is_left_out_is_nothing_beside_a_probability(monkeypatch):
    """Whole rows of every node, written from the integral, and what is kept of them."""
    monkeypatch.setattr(beta_comparison.LOOPS, "steps", -NEVER)
    counts = pairs(40, 40)
    for margin in (0.0, 0.1):
        found = difference_above(FLAT, FLAT, counts, margin)
        for table, (x1, n1, x0, n0) in enumerate(zip(*counts, strict=True)):
            size = 2 ** math.frexp(n1 + n0 + 8.0)[1]
            grid = grid_for((FLAT, FLAT), margin, size)
            nodes = nodes_of(grid)
            c = (1 - margin) * nodes.u
            slope = (1 - margin) * nodes.u * nodes.v * np.exp(nodes.log_weight)
            density = stats.beta(x0 + 1, n0 - x0 + 1).pdf(c) * slope
            survival = stats.beta(x1 + 1, n1 - x1 + 1).sf(c + margin)
            assert found[table] == pytest.approx(math.fsum(density * survival), abs=2e-13)


def test_rows_are_forgotten_where_memory_is_bounded(monkeypatch):
    counts = pairs(60, 300)
    before = difference_above(FLAT, FLAT, counts, 0.0)
    monkeypatch.setattr(beta_rows, "LIMIT_BYTES", 0)
    beta_rows.KEPT.clear()
    assert (difference_above(FLAT, FLAT, counts, 0.0) == before).all()
    assert (difference_above(FLAT, FLAT, counts, 0.0) == before).all()


@pytest.mark.parametrize("limit", [beta_rows.LIMIT_BYTES, 300_000, 0])
def test_bytes_are_counted_as_rows_are_added_and_forgotten(monkeypatch, limit):
    monkeypatch.setattr(beta_rows, "LIMIT_BYTES", limit)
    kept = beta_rows.KEPT
    kept.clear()
    most = 0
    for number, arm in ((5, 20), (40, 90), (3, 1_500), (40, 90), (60, 300)):  # 1,500: not indexed
        counts = pairs(number, arm)
        for margin in (0.0, 0.1):
            difference_above(FLAT, ROBUST, counts, margin)
            one_by_one = sum(rows.held_bytes for rows in kept._rows.values())
            assert kept.held_bytes == one_by_one <= limit
            most = max(most, one_by_one)
    assert most > 0 or limit == 0
    kept.clear()
    assert kept.held_bytes == 0


def test_work_that_is_stopped_half_way_leaves_nothing_that_is_taken_for_known(monkeypatch):
    """As by Ctrl-C in a notebook, whose next question is asked of the same process."""
    counts, others = pairs(40, 60), pairs(40, 70)
    kept = beta_rows.KEPT
    kept.clear()
    wanted = difference_above(FLAT, ROBUST, counts, 0.05)
    kept.clear()
    with monkeypatch.context() as patched:

        def stopped(*_):
            raise KeyboardInterrupt

        patched.setattr(beta_comparison.Rows, "_add", stopped)
        with pytest.raises(KeyboardInterrupt):
            difference_above(FLAT, ROBUST, counts, 0.05)
    difference_above(FLAT, ROBUST, others, 0.05)
    assert (difference_above(FLAT, ROBUST, counts, 0.05) == wanted).all()
    assert kept.held_bytes == sum(rows.held_bytes for rows in kept._rows.values())
    kept.clear()
    assert kept.held_bytes == 0


APART = BetaMixture((0.3, 0.7), (20.0, 380.0), (380.0, 20.0))


@pytest.mark.parametrize("worth", [NEVER, 0])
def test_probabilities_far_beyond_the_nodes_of_the_other_arm_count(monkeypatch, worth):
    """Of a ratio the survival is asked below its value alone: here nearly all of it lies above."""
    as_python(monkeypatch)
    monkeypatch.setattr(beta_comparison.LOOPS, "worth", worth)
    beta_rows.KEPT.clear()
    tables = [(280, 300, 60, 300), (0, 0, 60, 300), (0, 0, 0, 0), (3, 300, 290, 300)]
    counts = tuple(np.array(column) for column in zip(*tables, strict=True))
    nodes, weights = np.polynomial.legendre.leggauss(700)
    c, weights = 0.5 * (nodes + 1.0), 0.5 * weights

    def law(prior, x, n, of, at):
        w, a, b = (np.array(each) for each in (prior.weights, prior.a, prior.b))
        marginal = w * np.exp(special.betaln(a + x, b + n - x) - special.betaln(a, b))
        parts = (getattr(stats.beta(p + x, q + n - x), of)(at) for p, q in zip(a, b, strict=True))
        return sum(m / marginal.sum() * part for m, part in zip(marginal, parts, strict=True))

    for upper, lower in ((FLAT, FLAT), (APART, FLAT), (FLAT, APART), (APART, APART)):
        for value in (0.2, 0.5):
            ratio = ratio_above(upper, lower, counts, value, of_odds=False)
            above = difference_above(upper, lower, counts, value)
            for table, (x1, n1, x0, n0) in enumerate(tables):
                density = law(lower, x0, n0, "pdf", c) * weights
                expected = (density * law(upper, x1, n1, "sf", value * c)).sum()
                assert ratio[table] == pytest.approx(expected, abs=1e-9)
                expected = (density * law(upper, x1, n1, "sf", value + c)).sum()
                assert above[table] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("margin", [0.0, 0.01, 0.3, 0.9])
@pytest.mark.parametrize("prior", [FLAT, SMALL, ROBUST, APART, BetaMixture.single(0.01, 0.01)])
def test_survival_summed_from_node_to_node_is_the_incomplete_beta_function(prior, margin):
    """From tables of nobody to those of one arm that has all participants, none or all with it."""
    rng = np.random.default_rng(9)
    for size in (16, 128, 1024, 4096):
        most = int(size - max(a + b for a, b in zip(prior.a, prior.b, strict=True)))
        if most < 1:
            continue
        totals = np.concatenate([rng.integers(0, most + 1, 20), [0, 1, most, most]])
        successes = rng.binomial(totals, rng.uniform(0, 1, len(totals)))
        successes[-2:] = 0, most
        posterior, grid = updated(prior, successes, totals), grid_for((prior, prior), margin, size)
        summed = survival(posterior, grid, margin)
        asked = by_incomplete_beta(posterior, places_of(grid, margin))
        assert (summed.first == asked.first).all()
        assert (summed.width == asked.width).all()
        assert np.abs(summed.values - asked.values).max(initial=0.0) < 1e-16 * (100 + size)


def test_survival_of_a_table_is_the_same_in_any_company():
    successes, totals = drawn(300, 250)
    posterior, grid = updated(ROBUST, successes[0], totals[0]), grid_for((ROBUST,) * 2, 0.05, 512)
    whole = survival(posterior, grid, 0.05)
    ends = whole.width.cumsum()
    for table in (0, 7, 150, 299):
        alone = survival(
            updated(ROBUST, successes[0, [table]], totals[0, [table]]), grid, 0.05
        ).values
        assert (alone == whole.values[ends[table] - whole.width[table] : ends[table]]).all()
