"""The cured-fraction Weibull posterior against sums over dense grids written from its statement."""

import dataclasses

import numpy as np
import pytest
from scipy import special, stats

from adaptive_cart.models.durability.weibull_cure import WeibullCure
from checks import median_above, median_mean

EXAMPLE = WeibullCure((2.0, 2.0), (12.0, 0.7), (1.2, 0.3))
VAGUE = WeibullCure((0.5, 0.5), (12.0, 1.5), (1.2, 0.3))
VAGUE_SHAPE = WeibullCure((1.0, 1.0), (12.0, 1.0), (1.2, 0.7))
INFORMATIVE = WeibullCure((20.0, 30.0), (9.0, 0.2), (1.0, 0.1))
MONTHS = (1.0, 6.0, 24.0, 60.0)
VALUES = (0.1, 0.3, 0.5, 0.7, 0.9)


class DenseGrid:
    """The posterior of one table by summing over a box of (log shape, log median, cured)."""

    def __init__(self, model, months, relapsed, size=(56, 150, 120), since=None):
        """`since`: months up to which each who relapsed is known to have been in remission."""
        since = np.full(len(months), np.nan) if since is None else np.maximum(since, 1e-300)
        months = np.log(np.maximum(months, 1e-6))
        centre = np.log([model.shape[0], model.median_months[0]])
        sigma = np.array([model.shape[1], model.median_months[1]])
        box = [(middle - 6 * sd, middle + 6 * sd) for middle, sd in zip(centre, sigma, strict=True)]
        box.append((0.0, np.pi / 2))  # the angle of the cured fraction
        for number in ((30, 60, 40), (40, 80, 60), size):
            edges = [np.linspace(*ends, count + 1) for ends, count in zip(box, number, strict=True)]
            shape, median, angle = ((side[1:] + side[:-1]) / 2 for side in edges)
            a, b = model.cured
            log_cured, log_others = 2 * np.log(np.sin(angle)), 2 * np.log(np.cos(angle))
            cured = np.sin(angle) ** 2
            k = np.exp(shape)[:, None]
            logs = (a - 0.5) * log_cured + (b - 0.5 + relapsed.sum()) * log_others
            logs = logs - 0.5 * (((median - centre[1]) / sigma[1]) ** 2)[:, None]
            logs = logs - 0.5 * (((shape - centre[0]) / sigma[0]) ** 2)[:, None, None]
            for month, event, first in zip(months, relapsed, since, strict=True):
                w = k * (month - median)
                hazard = np.log(2) * np.exp(np.minimum(w, 500))
                if event and first >= 0.0:  # S(first) - S(month)
                    before = np.log(2) * np.exp(np.minimum(k * (np.log(first) - median), 500))
                    logs += (np.log(-np.expm1(before - hazard)) - before)[:, :, None]
                elif event:
                    logs += (shape[:, None] + w - hazard)[:, :, None]
                else:
                    left = np.exp(-hazard)[:, :, None]
                    logs += np.log(left + (1 - left) * cured)
            inside = logs > logs.max() - 17
            for axis in range(3):
                other = tuple(i for i in range(3) if i != axis)
                found = np.flatnonzero(inside.any(axis=other))
                box[axis] = edges[axis][found[0]], edges[axis][found[-1] + 1]
        self.weight = np.exp(logs - logs.max())
        self.weight /= self.weight.sum()
        self.shape, self.median, self.cured, self.edges = shape, median, cured, edges

    def remaining(self, month):
        hazard = np.exp(self.shape)[:, None] * (np.log(month) - self.median)
        left = np.exp(-np.log(2) * np.exp(np.minimum(hazard, 500)))[:, :, None]
        return left + (1 - left) * self.cured

    def remaining_above(self, month, value):
        """Count the nodes above; one whose cell the value cuts counts in part."""
        left = self.remaining(month)[:, :, 0]
        left = (left - self.cured[0]) / (1 - self.cured[0])
        cut = np.arcsin(np.sqrt(np.clip((value - left) / np.maximum(1 - left, 1e-300), 0, 1)))
        low, high = self.edges[2][:-1], self.edges[2][1:]
        part = np.clip((high - cut[:, :, None]) / (high - low), 0, 1)
        part[left >= value] = 1
        return (self.weight * part).sum()

    def remaining_mean(self, month):
        return (self.weight * self.remaining(month)).sum()

    def cured_mean(self):
        return (self.weight * self.cured).sum()

    def median_mean(self):
        return (self.weight.sum(axis=(0, 2)) * np.exp(self.median)).sum()


def remitters(seed, number, follow_up=24.0, cured=0.4, median=12.0, shape=1.2):
    rng = np.random.default_rng(seed)
    relapse = median * (rng.exponential(size=number) / np.log(2)) ** (1 / shape)
    relapse[rng.random(number) < cured] = np.inf
    end = rng.uniform(0, follow_up, number)
    return np.minimum(relapse, end), relapse < end


def fit(model, *tables):
    """Posterior of tables given as (months, relapsed), the empty places full of nonsense."""
    most = max(len(months) for months, _ in tables)
    durations = np.full((len(tables), most), np.nan)
    relapsed = np.ones((len(tables), most), dtype=bool)
    included = np.zeros((len(tables), most), dtype=bool)
    for table, (months, events) in enumerate(tables):
        durations[table, : len(months)] = months
        relapsed[table, : len(months)] = events
        included[table, : len(months)] = True
    return model.posterior(durations, relapsed, included)


def answers(posterior, other=None):
    other = posterior if other is None else other
    return np.stack(
        [
            posterior.remaining_above(24.0, 0.5),
            posterior.remaining_above(1.0, 0.9),
            posterior.remaining_mean(24.0),
            posterior.remaining_quantile(24.0, 0.1),
            posterior.remaining_difference_above(other, 24.0, 0.05),
            posterior.cured_above(0.3),
            posterior.cured_mean(),
            median_above(posterior, 10.0),
            median_mean(posterior),
        ],
        axis=1,
    )


def nobody():
    return np.zeros(0), np.zeros(0, dtype=bool)


def all_relapsed(seed, number):
    months, _ = remitters(seed, number, follow_up=1e9, cured=0.0)
    return months, np.ones(number, dtype=bool)


def none_relapsed(seed, number, follow_up):
    months = np.random.default_rng(seed).uniform(0, follow_up, number)
    return months, np.zeros(number, dtype=bool)


CASES = {
    "nobody": (EXAMPLE, nobody()),
    "one relapsed": (EXAMPLE, (np.array([5.0]), np.array([True]))),
    "one censored, vague": (VAGUE, (np.array([12.0]), np.array([False]))),
    "a few": (EXAMPLE, remitters(1, 7)),
    "a few, vague": (VAGUE, remitters(2, 7)),
    "sixty": (EXAMPLE, remitters(3, 60)),
    "sixty, vague": (VAGUE, remitters(3, 60)),
    "sixty, informative": (INFORMATIVE, remitters(4, 60)),
    "eighty, long follow-up": (EXAMPLE, remitters(5, 80, follow_up=60.0)),
    "forty, none relapsed, vague": (VAGUE, none_relapsed(6, 40, 6.0)),
    "thirty, all relapsed, vague shape": (VAGUE_SHAPE, all_relapsed(7, 30)),
    "twenty, heavy censoring, vague shape": (VAGUE_SHAPE, remitters(8, 20, follow_up=8.0)),
}


QUICK = (
    "one relapsed",
    "twenty, heavy censoring, vague shape",
)  # a grid takes three to six seconds


@pytest.mark.parametrize(
    "case",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CASES],
)
def test_answers_are_those_of_a_dense_grid(case):
    model, table = CASES[case]
    grid, posterior = DenseGrid(model, *table), fit(model, table)
    assert not posterior.failed.any()
    for month in MONTHS:
        for value in VALUES:
            expected = grid.remaining_above(month, value)
            # the grid itself is good to about 3e-4
            np.testing.assert_allclose(
                posterior.remaining_above(month, value), expected, atol=1e-3, err_msg=f"{month}"
            )
        np.testing.assert_allclose(
            posterior.remaining_mean(month), grid.remaining_mean(month), rtol=1e-3
        )
    np.testing.assert_allclose(posterior.cured_mean(), grid.cured_mean(), rtol=1e-3)
    np.testing.assert_allclose(median_mean(posterior), grid.median_mean(), rtol=1e-3)


@pytest.mark.parametrize("model", [EXAMPLE, VAGUE, VAGUE_SHAPE, INFORMATIVE])
def test_without_remitters_the_posterior_is_the_prior(model):
    posterior = fit(model, nobody())
    median, sigma = model.median_months
    cured = stats.beta(*model.cured)
    for value in (0.05, 0.3, 0.5, 0.8, 0.97):
        assert posterior.cured_above(value) == pytest.approx(cured.sf(value), abs=1e-4)
    for months in (3.0, 12.0, 40.0):
        expected = stats.lognorm(sigma, scale=median).sf(months)
        assert median_above(posterior, months) == pytest.approx(expected, abs=1e-4)
    assert posterior.cured_mean() == pytest.approx(cured.mean(), rel=1e-4)
    assert median_mean(posterior) == pytest.approx(median * np.exp(sigma**2 / 2), rel=1e-3)


def test_relapses_alone_leave_the_cured_fraction_a_beta():
    """Without censoring the likelihood of the cured fraction is (1 - c)^relapses."""
    posterior = fit(VAGUE, all_relapsed(9, 12))
    for value in (0.01, 0.05, 0.2):
        expected = stats.beta(0.5, 0.5 + 12).sf(value)
        assert posterior.cured_above(value) == pytest.approx(expected, abs=2e-4)


def test_a_vague_shape_with_a_single_relapse_still_has_an_answer_to_two_thousandths():
    model = WeibullCure((0.5, 0.5), (12.0, 1.5), (1.2, 1.5))
    months, relapsed = np.array([3.0, 8.0]), np.array([True, False])
    grid = DenseGrid(model, months, relapsed, size=(120, 240, 30))
    posterior = fit(model, (months, relapsed))
    assert not posterior.failed.any()
    for month in (6.0, 24.0):
        for value in (0.3, 0.7):
            expected = grid.remaining_above(month, value)
            assert posterior.remaining_above(month, value) == pytest.approx(expected, abs=4e-3)


@pytest.mark.slow
def test_the_difference_of_two_arms_is_that_of_two_dense_grids():
    pairs = [
        (remitters(11, 30), remitters(12, 8, cured=0.1)),
        (remitters(13, 60, cured=0.7), nobody()),
        (remitters(14, 5), remitters(15, 5)),
    ]
    first = fit(EXAMPLE, *(pair[0] for pair in pairs))
    second = fit(EXAMPLE, *(pair[1] for pair in pairs))
    grids = [[DenseGrid(EXAMPLE, *arm, size=(40, 90, 90)) for arm in pair] for pair in pairs]
    bins = np.linspace(0, 1, 2001)
    middles = (bins[1:] + bins[:-1]) / 2
    for month, margin in ((24.0, 0.0), (24.0, 0.2), (6.0, -0.05)):
        found = first.remaining_difference_above(second, month, margin)
        for table, pair in enumerate(grids):
            one, two = (
                np.histogram(grid.remaining(month).ravel(), bins, weights=grid.weight.ravel())[0]
                for grid in pair
            )
            above = np.concatenate([[0.0], np.cumsum(one[::-1])])[::-1]  # at the bins' edges
            expected = (two * np.interp(middles + margin, bins, above)).sum()
            assert found[table] == pytest.approx(expected, abs=2e-3)


def test_the_difference_of_an_arm_and_its_equal_is_even():
    posterior = fit(EXAMPLE, remitters(16, 20), nobody(), remitters(17, 60))
    even = posterior.remaining_difference_above(posterior, 24.0, 0.0)
    np.testing.assert_allclose(even, 0.5, atol=2e-4)
    other = fit(EXAMPLE, remitters(18, 40), remitters(19, 3), nobody())
    there = posterior.remaining_difference_above(other, 12.0, 0.1)
    back = other.remaining_difference_above(posterior, 12.0, -0.1)
    np.testing.assert_allclose(there + back, 1.0, atol=3e-4)


def test_after_a_very_long_time_only_the_cured_remain():
    posterior = fit(EXAMPLE, remitters(20, 30), nobody())
    for month in (1e6, np.inf):
        np.testing.assert_allclose(posterior.remaining_mean(month), posterior.cured_mean())
        np.testing.assert_allclose(
            posterior.remaining_above(month, 0.4), posterior.cured_above(0.4), atol=2e-4
        )


def test_a_quantile_is_exceeded_with_the_complementary_probability():
    posterior = fit(EXAMPLE, remitters(21, 40), remitters(22, 4), nobody())
    for probability in (0.025, 0.3, 0.5, 0.975):
        quantile = posterior.remaining_quantile(18.0, probability)
        for table, value in enumerate(quantile):
            above = posterior.remaining_above(18.0, float(value))[table]
            assert above == pytest.approx(1 - probability, abs=5e-4)


def test_a_table_s_answers_do_not_depend_on_its_company_or_its_order():
    rng = np.random.default_rng(23)
    months, relapsed = remitters(24, 60 * 70)
    months, relapsed = months.reshape(60, 70), relapsed.reshape(60, 70)
    included = rng.random(months.shape) < rng.random((60, 1)) ** 1.5
    included[0] = False
    together = answers(EXAMPLE.posterior(months, relapsed, included))
    for table in range(0, 60, 6):
        one = slice(table, table + 1)
        alone = answers(EXAMPLE.posterior(months[one], relapsed[one], included[one]))
        np.testing.assert_array_equal(alone[0], together[table])
    order, places = rng.permutation(60), rng.permutation(70)
    mixed = np.ix_(order, places)
    shuffled = EXAMPLE.posterior(months[mixed], relapsed[mixed], included[mixed])
    np.testing.assert_array_equal(answers(shuffled), together[order])


def test_who_is_not_included_is_ignored_whatever_is_written_there():
    months, relapsed = remitters(25, 10)
    plain = fit(EXAMPLE, (months, relapsed))
    durations = np.concatenate([months, [np.nan, -3.0, np.inf]])[None]
    events = np.concatenate([relapsed, [True, False, True]])[None]
    included = np.arange(13)[None] < 10
    np.testing.assert_array_equal(
        answers(EXAMPLE.posterior(durations, events, included)), answers(plain)
    )


def test_a_remitter_censored_at_once_says_nothing():
    for number in (0, 6, 31, 50):
        months, relapsed = remitters(26, number)
        longer = np.append(months, 0.0), np.append(relapsed, False)
        np.testing.assert_allclose(
            answers(fit(EXAMPLE, longer)), answers(fit(EXAMPLE, (months, relapsed))), atol=2e-4
        )


def test_a_relapse_lowers_the_fraction_expected_to_remain():
    months, relapsed = remitters(27, 25)
    tables = []
    for participant in np.flatnonzero(~relapsed)[:8]:
        worse = relapsed.copy()
        worse[participant] = True
        tables.append((months, worse))
    posterior = fit(EXAMPLE, (months, relapsed), *tables)
    for month in (12.0, 36.0):
        mean = posterior.remaining_mean(month)
        assert (mean[1:] < mean[0]).all()
    assert (posterior.cured_mean()[1:] < posterior.cured_mean()[0]).all()


def test_probabilities_fall_with_the_value_and_the_month():
    posterior = fit(EXAMPLE, remitters(28, 15), none_relapsed(29, 9, 20.0), all_relapsed(30, 9))
    by_value = np.stack([posterior.remaining_above(24.0, v) for v in np.linspace(-0.1, 1.1, 25)])
    assert (np.diff(by_value, axis=0) <= 1e-6).all()
    np.testing.assert_array_equal(by_value[[0, -1]], [[1.0] * 3, [0.0] * 3])
    by_month = np.stack([posterior.remaining_above(m, 0.5) for m in (0.0, 0.5, 3, 12, 60, 600)])
    assert (np.diff(by_month, axis=0) <= 1e-6).all()
    np.testing.assert_array_equal(by_month[0], 1.0)


@pytest.mark.parametrize("event", [True, False])
def test_time_zero_and_extreme_times_do_not_blow_up(event):
    for months in ([0.0], [0.0] * 40, [1e-9, 500.0], [1e4] * 50, [7.0] * 80):
        posterior = fit(EXAMPLE, (np.array(months), np.full(len(months), event)))
        found = answers(posterior)
        assert np.isfinite(found).all()
        assert ((found[:, :7] >= 0) & (found[:, :7] <= 1)).all()


def test_no_tables_and_no_participants_are_data():
    empty = EXAMPLE.posterior(np.zeros((0, 4)), np.zeros((0, 4), bool), np.zeros((0, 4), bool))
    assert empty.remaining_above(12.0, 0.5).shape == (0,)
    assert empty.failed.shape == (0,)
    bare = EXAMPLE.posterior(np.zeros((2, 0)), np.zeros((2, 0), bool), np.zeros((2, 0), bool))
    np.testing.assert_allclose(bare.cured_mean(), 0.5, rtol=1e-4)


def test_equal_tables_are_analysed_once_and_answered_each():
    months, relapsed = remitters(34, 12)
    once = nobody(), (months, relapsed), remitters(35, 3)
    many = [once[which] for which in (0, 1, 0, 2, 1, 0)]
    posterior, other = fit(EXAMPLE, *many), fit(EXAMPLE, *many[::-1])
    found = answers(posterior, other)
    np.testing.assert_array_equal(found[0, :4], answers(fit(EXAMPLE, once[0]))[0, :4])
    np.testing.assert_array_equal(found[[0, 0, 1], :4], found[[2, 5, 4], :4])
    assert len(np.unique(found[:, 0])) == 3
    for table in range(6):
        alone = answers(fit(EXAMPLE, many[table]), fit(EXAMPLE, many[5 - table]))
        np.testing.assert_array_equal(alone[0], found[table])


class BothWays:
    """The difference of two dense grids: the distribution of one against the cells of the other."""

    def __init__(self, first, second, month):
        self.first, self.second = (
            (grid.remaining(month).ravel(), grid.weight.ravel()) for grid in (first, second)
        )

    def above(self, margin):
        values, weights = self.first
        order = np.argsort(values)
        beyond = np.concatenate([np.cumsum(weights[order][::-1])[::-1], [0.0]])
        values = values[order]
        at, mass = self.second
        # half of the ties, so that the cells' own width does not tell
        low = beyond[np.searchsorted(values, at + margin, side="left")]
        high = beyond[np.searchsorted(values, at + margin, side="right")]
        return (0.5 * (low + high) * mass).sum()


@pytest.mark.parametrize(
    ("model", "one", "two"),
    [
        pytest.param(EXAMPLE, remitters(36, 40, cured=0.7), nobody(), marks=pytest.mark.slow),
        pytest.param(EXAMPLE, remitters(37, 25), all_relapsed(38, 4), marks=pytest.mark.slow),
        pytest.param(
            EXAMPLE, none_relapsed(39, 20, 18.0), none_relapsed(40, 2, 18.0), marks=pytest.mark.slow
        ),
        pytest.param(VAGUE, remitters(41, 15), nobody(), marks=pytest.mark.slow),
        (VAGUE_SHAPE, none_relapsed(42, 8, 12.0), remitters(43, 6)),
    ],
    ids=["nobody", "all relapsed", "none relapsed", "vague", "vague shape"],
)
def test_differences_of_hard_tables_are_those_of_dense_grids(model, one, two):
    size = (36, 90, 70)
    grids = DenseGrid(model, *one, size=size), DenseGrid(model, *two, size=size)
    first, second = fit(model, one), fit(model, two)
    for month in (6.0, 24.0):
        twin = BothWays(*grids, month)
        for margin in (-0.2, 0.0, 0.1):
            found = first.remaining_difference_above(second, month, margin)
            # the grids' own steps leave about 1e-3
            assert found[0] == pytest.approx(twin.above(margin), abs=2e-3)


def test_rows_of_a_vague_shape_are_added_only_where_the_lattice_resolves_them():
    """Added in spite of it, the first prior's probability would be wrong by 0.05."""
    for cured, sigma in (((50.0, 50.0), 1.5), ((1.0, 1.0), 0.7)):
        model = WeibullCure(cured, (12.0, 0.7), (1.2, sigma))
        posterior = fit(model, nobody())
        rng = np.random.default_rng(44)
        number = 400_000
        c = rng.beta(*cured, number)
        median, shape = rng.lognormal(0.0, [[0.7], [sigma]], (2, number))
        for month in (1.0, 24.0):
            log_hazard = 1.2 * shape * np.log(month / (12.0 * median))
            remain = c + (1 - c) * np.exp(-np.log(2) * np.exp(np.minimum(log_hazard, 500)))
            for value in (0.4, 0.55, 0.7, 0.9):
                expected = (remain > value).mean()
                # 4 standard errors of the draws, and 2e-4
                tolerance = 2e-4 + 4 * np.sqrt(expected * (1 - expected) / number)
                assert abs(posterior.remaining_above(month, value)[0] - expected) < tolerance


def test_impossible_input_is_refused():
    good = np.ones((1, 2)), np.zeros((1, 2), dtype=bool), np.ones((1, 2), dtype=bool)
    for bad in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="finite and not negative"):
            EXAMPLE.posterior(np.array([[1.0, bad]]), *good[1:])
    with pytest.raises(ValueError, match=r"\(table, participant\)"):
        EXAMPLE.posterior(np.ones((1, 3)), *good[1:])
    for change in ({"cured": (0.0, 1.0)}, {"shape": (1.0, -1.0)}, {"median_months": (np.nan, 1.0)}):
        with pytest.raises(ValueError, match="two positive numbers"):
            dataclasses.replace(EXAMPLE, **change)
    posterior = EXAMPLE.posterior(*good)
    with pytest.raises(ValueError, match="month"):
        posterior.remaining_mean(-1.0)
    with pytest.raises(ValueError, match="probability"):
        posterior.remaining_quantile(12.0, 1.0)
    with pytest.raises(ValueError, match="tables"):
        posterior.remaining_difference_above(fit(EXAMPLE, nobody(), nobody()), 12.0, 0.0)


def test_the_cured_fraction_s_prior_is_reached_from_its_log_odds():
    """The tail of a strongly informative prior, far from the data, is still found."""
    model = WeibullCure((40.0, 4.0), (12.0, 0.3), (1.2, 0.2))
    posterior = fit(model, all_relapsed(31, 40))
    expected = stats.beta(40.0, 44.0)
    assert posterior.cured_mean() == pytest.approx(expected.mean(), rel=1e-3)
    value = float(special.expit(-0.1))
    assert posterior.cured_above(value) == pytest.approx(expected.sf(value), abs=3e-4)


@pytest.mark.parametrize("cured", [(1.0007, 0.593), (0.7016, 1.0038), (1.0, 1.0), (60.0, 0.5)])
def test_priors_whose_quantiles_are_hard_to_find(cured):
    """SciPy's inverse of the incomplete beta function fails in the far tails of some of these."""
    posterior = fit(WeibullCure(cured, (12.0, 0.7), (1.2, 0.3)), nobody(), all_relapsed(32, 9))
    for table, relapses in enumerate((0, 9)):
        expected = stats.beta(cured[0], cured[1] + relapses)
        assert posterior.cured_mean()[table] == pytest.approx(expected.mean(), rel=1e-4)
        for value in expected.ppf([0.1, 0.5, 0.9]):
            found = posterior.cured_above(float(value))[table]
            assert found == pytest.approx(expected.sf(value), abs=2e-4)


def test_one_relapse_far_beyond_the_others_is_not_overlooked():
    months, relapsed = all_relapsed(33, 60)
    months[0] = 300.0
    grid, posterior = DenseGrid(EXAMPLE, months, relapsed), fit(EXAMPLE, (months, relapsed))
    assert not posterior.failed.any()
    assert median_mean(posterior) == pytest.approx(grid.median_mean(), rel=1e-3)
    for month in (6.0, 24.0):
        expected = grid.remaining_mean(month)
        assert posterior.remaining_mean(month) == pytest.approx(expected, rel=1e-3)


def test_a_single_table_is_summed_as_many_are() -> None:
    """NumPy adds one column pairwise and several row by row: seen in a single table of sixty."""
    generator = np.random.default_rng(30)
    shape = (60, 92)
    months = generator.exponential(12.0, shape)
    relapsed = generator.random(shape) < generator.random((60, 1))
    included = generator.random(shape) < generator.random((60, 1)) ** 2
    model = WeibullCure((2.0, 2.0), (12.0, 0.7), (1.2, 0.3))
    together = median_mean(model.posterior(months, relapsed, included))
    for table in range(60):
        one = slice(table, table + 1)
        alone = median_mean(model.posterior(months[one], relapsed[one], included[one]))
        assert alone[0] == together[table]
