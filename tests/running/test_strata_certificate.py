"""Errors and certificates by stratum, against all orders of participants one by one."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

import adaptive_cart as ac
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, EngineError, Problem
from adaptive_cart.figures.worst_case import write_worst_case
from adaptive_cart.report.chapters.worst_case import WorstCaseExhibit, between_the_points
from adaptive_cart.report.document import Paragraph, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.results.kept_worst_case import read_worst_case
from adaptive_cart.results.worst_case import Certificate, WorstCase
from adaptive_cart.running import strata_certificate
from adaptive_cart.running.bernstein import Bounds
from adaptive_cart.running.strata_error import StrataError, tables_by_stratum
from adaptive_cart.running.strata_numbers import NumbersByStratum
from checks import assert_close_in_mcse, tiny_design

SHARES = {"a": 0.6, "b": 0.4}


def small(number: int = 12, looks: tuple[int, ...] = (6, 12), **more: Any) -> dict[str, Any]:
    return tiny_design(
        strata=SHARES, enrolment={"max_n": number, "per_month": 3},
        looks={"observed": [*looks]}, **more,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Few random truths at which a certificate is tried, but in long tests."""
    if request.node.get_closest_marker("slow") is None:
        monkeypatch.setattr(strata_certificate, "POINTS", 200)


def certificate(found: WorstCase) -> Certificate:
    assert found.certificate is not None
    assert found.certificate.holds
    return found.certificate


# ── the slow twin ─────────────────────────────────────────────────────────────────────────────
def everybody(number: int) -> Iterator[tuple[tuple[tuple[int, int], ...], float]]:
    """Stratum and arm of all participants in order, with probability; blocks of two in strata."""
    for strata in itertools.product((0, 1), repeat=number):
        chance = float(np.prod([tuple(SHARES.values())[s] for s in strata]))
        blocks = [(strata.count(s) + 1) // 2 for s in (0, 1)]
        orders = itertools.product(((0, 1), (1, 0)), repeat=sum(blocks))
        for order in orders:
            lists = [
                [arm for block in part for arm in block]
                for part in (order[: blocks[0]], order[blocks[0] :])
            ]
            places = [iter(lists[0]), iter(lists[1])]
            told = tuple((s, next(places[s])) for s in strata)
            yield told, chance / 2.0 ** sum(blocks)


@cache
def succeeds(soc: int, of_soc: int, cart: int, of_cart: int) -> bool:
    """Whether P(cart > soc) is 0.8 at least, flat priors, by quadrature."""
    one, other = stats.beta(1 + soc, 1 + of_soc - soc), stats.beta(1 + cart, 1 + of_cart - cart)
    value, _ = integrate.quad(lambda x: one.pdf(x) * other.sf(x), 0.0, 1.0, limit=200)
    return bool(value >= 0.8)


def one_by_one(rates: np.ndarray, looks: tuple[int, ...]) -> float:
    """Probability of a success: everybody's stratum, arm and response, all of them."""
    total = 0.0
    for who, chance in everybody(looks[-1]):
        for responds in itertools.product((0, 1), repeat=looks[-1]):
            here = chance
            for (stratum, arm), yes in zip(who, responds, strict=True):
                here *= rates[stratum, arm] if yes else 1.0 - rates[stratum, arm]
            for look in looks:
                seen = [(arm, yes) for (_, arm), yes in zip(who[:look], responds, strict=False)]
                counts = [Counter(yes for one, yes in seen if one == arm) for arm in (0, 1)]
                if succeeds(*(n for c in counts for n in (c[1], c[0] + c[1]))):
                    total += here
                    break
    return total


def test_the_error_by_stratum_is_that_of_all_participants_one_by_one() -> None:
    raw = small(5, (3, 5))
    raw["rules"][0]["at_least"] = 0.8
    error = StrataError(Design(**raw))
    rates = np.array([[0.2, 0.6], [0.5, 0.7]])
    slow = one_by_one(rates, (3, 5))
    assert slow > 0.1
    assert error.at(rates[None], ["efficacy"])[0] == pytest.approx(slow, abs=1e-12)


def test_numbers_by_stratum_are_those_of_all_orders() -> None:
    design = Design(**small(6, (6,)))
    law = NumbersByStratum(design)
    fast = dict(law.onward(law.nobody, 3))
    slow: Counter[Any] = Counter()
    for who, chance in everybody(3):
        numbers = Counter(who)
        slow[tuple(tuple(numbers[s, arm] for arm in (0, 1)) for s in (0, 1))] += chance
    assert fast.keys() == slow.keys()
    assert all(fast[key] == pytest.approx(slow[key]) for key in fast)
    onward = [(late, p * q) for now, p in fast.items() for late, q in law.onward(now, 3)]
    at_once = dict(law.onward(law.nobody, 6))
    for numbers, chance in at_once.items():
        assert chance == pytest.approx(sum(p for late, p in onward if late == numbers))


# ── the certificate ───────────────────────────────────────────────────────────────────────────
def test_urns_say_the_same_as_looks() -> None:
    error = StrataError(Design(**small()))
    rates = np.random.default_rng(2).random((5, 2, 2))
    event = error.event(["efficacy"])
    for one, found in zip(rates, error.at(rates, ["efficacy"]), strict=True):
        told: Any = event
        for n, p in zip(error.most, one.ravel(), strict=True):
            told = np.tensordot(stats.binom.pmf(np.arange(n + 1), n, p), told, axes=(0, 0))
        assert float(told) == pytest.approx(found, abs=1e-13)


@pytest.mark.parametrize("margin", [0.0, -0.2, 0.1])
def test_the_certificate_lies_just_above_the_largest_error(margin: float) -> None:
    raw = small()
    raw["rules"][0]["posterior"]["above"] = margin
    found = ac.worst_case(Design(**raw), over="strata", points=5)
    assert found.engine == "exact"
    assert 0.0 <= certificate(found).gap <= 1e-4
    error = StrataError(Design(**raw))
    lowest = max(-margin, 0.0)
    draw = np.random.default_rng(7)
    control = draw.uniform(lowest, 1.0, (2_000, 2))
    for part in (1.0, draw.random((2_000, 2))):  # at the margin, and at smaller effects
        other = np.clip(control + margin, 0.0, 1.0) * part
        errors = error.at(np.stack([control, other], axis=2), ["efficacy"])
        assert errors.max() <= certificate(found).bound
    assert "at every smaller effect" in found.words()


def test_a_loosened_bound_is_found_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    right = strata_certificate.largest

    def loosened(*asked: Any) -> Bounds:
        told = right(*asked)
        return Bounds(0.9 * told.upper, 0.8 * told.found, told.at, told.boxes, told.halvings)

    monkeypatch.setattr(strata_certificate, "largest", loosened)
    found = ac.worst_case(Design(**small(8, (8,))), over="strata", points=2)
    assert found.certificate is not None
    assert not found.certificate.holds
    assert found.certificate.exceeded > 0
    assert "BROKEN" in found.words()
    write_worst_case(found, tmp_path, ("svg",))


def test_what_is_certified_is_told_in_the_report(tmp_path: Path) -> None:
    raw = small(6, (6,))
    raw["calibration"] = {"type_one_error": 0.2, "null_region": {"soc.a": [0.1, 0.4]}}
    found = ac.worst_case(Design(**raw), points=2)
    assert found.over == "region"  # what the null region names is enumerated too
    assert found.axes == ("soc a", "soc")
    write_worst_case(found, tmp_path, ("svg",))
    run = ac.simulate(Design(**raw), trials=20, jobs=1)
    read = read_worst_case(tmp_path)
    assert read == found
    blocks = WorstCaseExhibit(read).blocks(Evidence(run, Facts(), 0))
    said = " ".join(plain(block.line) for block in blocks if isinstance(block, Paragraph))
    assert "bounded in Bernstein form over the control rates of all strata" in said
    assert "proven by the certificate" in said


def test_where_success_can_fall_smaller_effects_are_not_bounded() -> None:
    raw = small(8, (8,))
    asked = {"endpoint": "dfr", "arm": "cart", "minus": "soc"}
    sides = ({"above": -0.3}, {"below": 0.3})
    parts = [{"posterior": asked | side, "at_least": 0.7} for side in sides]
    raw["rules"] = [{"name": "alike", "then": "declare_success", "all": parts}]
    found = ac.worst_case(Design(**raw), over="strata", points=3)
    assert not certificate(found).monotone
    assert "smaller effects are not bounded" in found.words()


def test_what_is_not_enumerated_by_stratum_says_why() -> None:
    raw = small()
    raw["looks"] = {"months": [8, 12]}
    with pytest.raises(EngineError, match="analyse a number that varies"):
        ac.worst_case(Design(**raw), over="strata", engine="exact")
    large = Design(**small(200, (200,)))
    assert tables_by_stratum(large) > 20_000_000
    with pytest.raises(EngineError, match="tables by stratum, and 20,000,000 at most"):
        ac.worst_case(large, over="strata", engine="exact")
    dropout = Design(**small(8, (8,)) | {"truth": {"dropout": {"per_year": 0.4}}})
    told = ac.worst_case(dropout, over="strata", points=3)
    assert told.engine == "exact"
    assert told.certificate is None
    assert "dropout leaves no rates near 1" in told.words()


@pytest.mark.slow
def test_the_certificate_is_tried_at_ten_thousand_truths() -> None:
    """Two looks of 12 and 24, with futility: none is above it, and it lies within 1e-4."""
    raw = small(24, (12, 24))
    stop = {"name": "futility", "then": "declare_futility", "looks": [1]}
    raw["rules"].append(stop | {"posterior": raw["rules"][0]["posterior"], "below": 0.2})
    found = ac.worst_case(Design(**raw), over="strata")
    assert certificate(found).tried == 10_000
    assert certificate(found).gap <= 1e-4


@pytest.mark.slow
def test_the_error_by_stratum_is_what_trials_show() -> None:
    """With a rule for futility, two of three in the arm, three strata."""
    raw = tiny_design(
        strata={"a": 0.5, "b": 0.3, "c": 0.2}, enrolment={"max_n": 15, "per_month": 3},
        looks={"observed": [7, 15]},
    )  # fmt: skip
    raw["arms"] = {"soc": {"control": True}, "cart": {"allocation": 2}}
    stop = {"name": "futility", "then": "declare_futility", "looks": [1]}
    asked = {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0}
    raw["rules"].append(stop | {"posterior": asked, "below": 0.3})
    rates = {"soc": {"a": 0.1, "b": 0.4, "c": 0.7}, "cart": {"a": 0.5, "b": 0.4, "c": 0.9}}
    raw["scenarios"] = {"null": {"dfr": rates}}
    design = Design(**raw)
    run = ac.simulate(design, trials=200_000, seed=5).operating_characteristics
    row = run[(run["measure"] == "success")].iloc[0]
    told = np.array([[[rates[arm][s] for arm in ("soc", "cart")] for s in "abc"]])
    exact = float(StrataError(design).at(told, ["efficacy"])[0])
    assert_close_in_mcse(row["estimate"], exact, row["mcse"], "success")


@pytest.mark.parametrize("beside", [True, False])
def test_the_chapter_of_the_threshold_says_what_is_bounded_between_null_points(
    beside: bool,
) -> None:
    design = Design(**small(8, (8,)))
    run = ac.simulate(design, trials=20, jobs=1)
    worst = WorstCaseExhibit(ac.worst_case(design, over="strata", points=2))
    assert worst.found.certificate is not None
    evidence = Evidence(run, Facts(), 0, [worst] if beside else [])
    said = plain(between_the_points(evidence, simulated=True))
    assert "Between these truths the search bounds nothing" in said
    assert ("proven" in said) == beside


def test_why_a_design_has_no_region_to_be_mapped_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(design: Design) -> None:
        raise DesignError([Problem("calibration.null_region", "found nothing")])

    monkeypatch.setattr("adaptive_cart.running.worst_case.region_of", none)
    with pytest.raises(DesignError, match=r"--over: found strata.*calibration.null_region: found"):
        ac.worst_case(Design(**small(8, (8,))), over="strata", points=2)
