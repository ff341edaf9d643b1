"""How many trials are run before others help, and whether they are asked to."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import pytest

from adaptive_cart.running import stretches, workers
from adaptive_cart.running.first_trials import shortly_first


@pytest.mark.parametrize(
    ("seconds", "cold", "trials", "jobs", "here"),
    [
        (0.0001, 0.0, 10_000, 1, 250),  # a second in all, which the very first ones tell
        (0.0001, 1.0, 10_000, 1, 500),  # or those after them
        (0.0008, 0.0, 10_000, 2, 1_000),  # eight seconds, known after less than one
        (0.0008, 1.0, 10_000, 2, 1_000),  # what the first ones took beside does not tell
        (0.0008, 0.0, 5_000, 1, 250),  # four seconds less what has been run: not worth a process
        (0.02, 0.0, 10_000, 2, 250),  # the first ones took five seconds
        (0.02, 0.0, 400, 1, 250),
    ],
)
def test_few_trials_are_run_before_others_help(monkeypatch, seconds, cold, trials, jobs, here):
    clock, ran = [0.0], []

    def run(_, piece):
        start, stop, positions = piece
        clock[0] += (stop - start) * len(positions) * seconds + (0.0 if ran else cold)
        ran.append(piece)
        return (stop - start) * len(positions)

    monkeypatch.setattr(stretches, "run_stretch", run)
    monkeypatch.setattr(stretches.time, "process_time", lambda: clock[0])
    monkeypatch.setattr(workers, "can_be_copied", lambda: False)  # processes take a second to start
    left = stretches.pieces_of({0: [(0, trials)]}, 2_500)
    told: list[int] = []
    found = stretches._worthwhile(SimpleNamespace(block=2_500), left, 2, told.append)
    assert found == jobs
    assert sum(told) == here
    pieces = sorted([*ran, *left])
    assert (pieces[0][0], pieces[-1][1]) == (0, trials)
    assert all(one[1] == other[0] for one, other in itertools.pairwise(pieces))


@pytest.mark.parametrize(
    ("copied", "seconds", "jobs", "here"),
    [
        (True, 0.0001, 2, 2_000),  # two seconds: worth copies of this process,
        (False, 0.0001, 1, 250),  # which take milliseconds, but no processes that are started anew
        (True, 0.00004, 1, 250),
    ],
)
def test_copies_are_made_for_less(monkeypatch, copied, seconds, jobs, here):
    clock = [0.0]

    def run(_, piece):
        clock[0] += (piece[1] - piece[0]) * seconds
        return piece[1] - piece[0]

    monkeypatch.setattr(stretches, "run_stretch", run)
    monkeypatch.setattr(stretches.time, "process_time", lambda: clock[0])
    monkeypatch.setattr(workers, "can_be_copied", lambda: copied)
    told: list[int] = []
    left = stretches.pieces_of({0: [(0, 20_000)]}, 2_500)
    assert stretches._worthwhile(SimpleNamespace(block=5_000), left, 2, told.append) == jobs
    assert sum(told) == here


@pytest.mark.parametrize(
    ("seconds", "fixed", "trials", "block", "jobs", "here"),
    [
        (0.0001, 0.07, 10_000, 5_000, 2, 1_000),  # nine tenths of a second are left
        (0.0001, 0.07, 8_000, 5_000, 1, 1_000),  # seven, where 250 told of three seconds
        (0.0001, 0.07, 8_000, 250, 2, 500),  # no more than 250 are ever run together
        (0.0001, 0.07, 50_000, 5_000, 2, 500),  # three seconds beyond doubt
        (0.002, 0.05, 2_000, 5_000, 2, 500),  # of a slow design little can be fixed
        (0.00001, 0.07, 50_000, 5_000, 1, 1_000),
    ],
)
def test_what_any_number_of_trials_costs_does_not_make_the_rest_long(
    monkeypatch, seconds, fixed, trials, block, jobs, here
):
    clock = [0.0]

    def run(_, piece):
        clock[0] += fixed + (piece[1] - piece[0]) * seconds
        return piece[1] - piece[0]

    monkeypatch.setattr(stretches, "run_stretch", run)
    monkeypatch.setattr(stretches.time, "process_time", lambda: clock[0])
    monkeypatch.setattr(workers, "can_be_copied", lambda: True)
    told: list[int] = []
    left = stretches.pieces_of({0: [(0, trials)]}, 2_500)
    assert stretches._worthwhile(SimpleNamespace(block=block), left, 2, told.append) == jobs
    assert sum(told) == here
    assert stretches.trials_in(left) == trials - here


@pytest.mark.parametrize("jobs", [2, 3, 16])
def test_stretches_become_shorter_and_hold_every_trial_once(jobs):
    one, other = (0, 1), (1,)
    left = [(250, 5_000, one), (5_000, 30_000, one), (30_000, 41_000, other), (50_000, 50_100, one)]
    found = stretches.tapered(left, jobs, 300)
    assert stretches.joined(found, math.inf) == stretches.joined(left, math.inf)
    lengths = [stop - start for start, stop, _ in found]
    assert max(lengths) <= stretches.STRETCH
    rest = 40_850
    shortest = max(300, math.ceil(rest / (24 * jobs)))
    ends = {stop for _, stop, _ in stretches.joined(left, math.inf)}
    for length, (_, stop, _) in zip(lengths, found, strict=True):
        # at any moment two more stretches as long as the next are left for each job, or it is
        # short, or followed by what is too little for a stretch of its own
        usual = max(math.ceil(rest / (2 * jobs)), shortest)
        assert length <= usual or (stop in ends and length < usual + shortest / 2)
        rest -= length
    assert [length for length in lengths if length < shortest / 2] == [100]  # between two gaps


@pytest.mark.parametrize(("jobs", "trials"), [(2, 9_001), (2, 110_000), (7, 110_000)])
def test_no_job_waits_for_more_than_a_small_part_of_its_share(jobs, trials):
    """Stretches are given to whoever is free; each takes as long as it has trials."""
    free = [0] * jobs
    found = stretches.tapered([(0, trials, (0,))], jobs, 250)
    for start, stop, _ in found:
        free[free.index(min(free))] += stop - start
    assert max(free) - min(free) <= max(trials / (jobs * 24) * 1.5, 375) + 1
    assert len(found) <= trials / stretches.STRETCH + 12 * jobs


def test_of_a_short_run_every_job_has_some_stretches():
    found = stretches.tapered([(0, 9_000, (0,))], 2, 5_000)
    lengths = [stop - start for start, stop, _ in found]
    assert sum(lengths) == 9_000
    assert max(lengths) <= 9_000 / 4
    assert min(lengths) >= 9_000 / 6 / 2


def test_what_one_job_does_is_cut_as_for_one():
    one, other = (0, 1), (1,)
    left = [(250, 2_500, one), (2_500, 5_000, one), (5_000, 7_500, one), (7_500, 9_000, other)]
    left += [(9_000, 9_500, other), (10_000, 10_500, other)]
    found = stretches.joined(left)
    assert found == [
        (250, 5_000, one), (5_000, 7_500, one), (7_500, 9_500, other), (10_000, 10_500, other)
    ]  # fmt: skip
    longest = max(stop - start for start, stop, _ in found)
    assert longest <= stretches.STRETCH
    assert stretches.trials_in(found) == stretches.trials_in(left)


@pytest.mark.parametrize(
    ("seconds", "edges"),
    [
        (0.0001, [0, 250, 5_000, 9_000]),  # a whole stretch takes half a second
        (0.0005, [0, 250, 2_000, 4_000, 6_000, 8_000, 9_000]),  # no more than a second of work
        (0.1, [0, 250, *range(1_000, 9_001, 1_000)]),  # stretches are not cut further
    ],
)
def test_one_job_makes_stretches_as_long_as_it_may_lose(monkeypatch, seconds, edges):
    clock, told = [0.0], []

    def run(_, piece):
        clock[0] += (piece[1] - piece[0]) * seconds
        return piece[1] - piece[0]

    monkeypatch.setattr(stretches, "run_stretch", run)
    monkeypatch.setattr(stretches.time, "perf_counter", lambda: clock[0])
    left = shortly_first(stretches.pieces_of({0: [(0, 9_000)]}, 1_000))
    assert stretches._alone(SimpleNamespace(block=2_500), left, told.append) == 1
    assert told == [250]
    assert [0, *(start for start, _, _ in left), left[-1][1]] == edges
