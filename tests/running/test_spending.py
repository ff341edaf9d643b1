"""Thresholds free by look, against the twin: no more is spent, and none could be smaller."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, EngineError
from adaptive_cart.results.calibration import Calibrated
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.calibrating import spending
from adaptive_cart.running.exact_error import ExactError, distinct
from adaptive_cart.running.region import with_found
from adaptive_cart.telling.check import described
from checks import raw_design, tiny_design
from twin import enumeration

SPEND = [0.02, 0.06, 0.1]


def small(**more: Any) -> dict[str, Any]:
    """Three looks; a region of control rates whose ends and middle are scenarios too."""
    raw: dict[str, Any] = copy.deepcopy(raw_design("hello"))
    raw["enrolment"]["max_n"] = 24
    raw["looks"]["observed"] = [9, 15, 24]
    raw["rules"][0]["at_least"] = "calibrate"
    raw["calibration"] = {
        "type_one_error": SPEND[-1],
        "spend": SPEND,
        "null_region": {"soc": [0.1, 0.6]},
    } | more
    return raw


def without_futility() -> dict[str, Any]:
    raw = small()
    raw["rules"] = raw["rules"][:1]
    return raw


def spent(raw: dict[str, Any], thresholds: list[float], rates: list[float]) -> np.ndarray[Any, Any]:
    """The largest probability of a success up to each look where both arms have one rate."""
    tables = copy.deepcopy(raw)
    tables["rules"][0]["at_least"] = thresholds
    tables.pop("calibration")
    tables["scenarios"] = {f"rate{k}": {"dfr": {"soc": r, "cart": r}} for k, r in enumerate(rates)}
    rows = enumeration.enumerate_design(tables)
    looks = range(1, len(thresholds) + 1)
    by_look = [
        [rows[f"rate{k}", "stop_success", None, look] for look in looks] for k in range(len(rates))
    ]
    return np.cumsum(by_look, axis=1).max(axis=0)


@pytest.mark.parametrize("raw", [small(), without_futility()], ids=["futility", "alone"])
def test_no_more_is_spent_and_no_threshold_could_be_smaller(raw: dict[str, Any]) -> None:
    design = Design(**raw)
    found = calibrate(design, jobs=1)
    assert isinstance(found, Calibrated)
    thresholds = [*found.by_look["efficacy"]]
    rates = [float(rate) for rate in np.linspace(0.1, 0.6, 41)]
    told = spent(raw, thresholds, rates)
    assert (told <= np.array(SPEND) + 1e-9).all()
    error = ExactError(with_found(design, found), set(), (0.1, 0.6))
    for look, most in enumerate(SPEND, start=1):
        values = distinct(error.looks[look - 1].asked["efficacy"])
        lower = values[values < thresholds[look - 1]]
        assert (abs(values - thresholds[look - 1]) > 1e-11).all()
        tried = [*thresholds[: look - 1], float(lower[-1]) - 1e-9, *thresholds[look:]]
        assert spent(raw, tried, rates)[look - 1] > most
    assert found.must_not_count == pytest.approx(lower[-1])


def test_one_amount_at_one_look_is_the_usual_threshold() -> None:
    raw = without_futility()
    raw["looks"]["observed"] = [24]
    usual = copy.deepcopy(raw)
    raw["calibration"]["spend"] = [0.1]
    usual["calibration"].pop("spend")
    one, other = (calibrate(Design(**tables), jobs=1) for tables in (raw, usual))
    assert one.of_rule("efficacy") == other.of_rule("efficacy")


def test_check_and_the_words_say_what_is_spent() -> None:
    design = Design(**small())
    assert "at most 0.02, 0.06, 0.1 of it is spent" in described(design)
    found = calibrate(design, jobs=1)
    assert "0.02 up to look 1, 0.06 up to look 2, 0.1 up to look 3" in found.words()
    again = Calibrated.of(found.plain())
    assert again == found
    assert found.matches(with_found(design, found))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"spend": [0.02, 0.1]}, r"has 2 amounts; 'efficacy' is judged at 3 looks"),
        ({"spend": [0.05, 0.02, 0.1]}, "never falls"),
        ({"spend": [0.02, 0.05, 0.08]}, r"calibration\.type_one_error is 0\.1"),
        ({"spend": [0.0, 0.05, 0.1]}, r"calibration\.spend\[0\]"),
        ({"spend": []}, "has 0 amounts"),
        ({"shape": "pocock"}, "so does shape"),
    ],
)
def test_what_cannot_be_spent_is_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(DesignError, match=words):
        Design(**small(**more))


SIMULATED = [(without_futility(), "upper"), (without_futility(), "estimate"),
             (small(), "upper"), (small(), "estimate")]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "confidence"),
    [SIMULATED[0], *(pytest.param(*one, marks=pytest.mark.slow) for one in SIMULATED[1:])],
)
def test_what_is_simulated_is_spent_as_the_twin_says(raw: dict[str, Any], confidence: str) -> None:
    raw = copy.deepcopy(raw)
    raw["calibration"]["confidence"] = confidence
    design, trials = Design(**raw), 2_000
    found = calibrate(design, trials=trials, jobs=1, engine="simulate")
    assert isinstance(found, Calibrated)
    assert (found.method, found.shape) == ("simulated", "spending")
    thresholds = [*found.by_look["efficacy"]]
    told = spent(raw, thresholds, [float(rate) for rate in np.linspace(0.1, 0.6, 41)])
    n = trials * (10 if confidence == "upper" else 1)
    limits = np.array(SPEND)
    assert (told <= limits + 3.0 * np.sqrt(limits * (1.0 - limits) / n)).all()
    assert told[-1] > 0.5 * SPEND[-1]  # and it is spent
    assert found.fresh is not None
    assert found.fresh.n == n
    named = float(found.worst.split(", ")[0].rsplit(" ", 1)[1])
    exact = spent(raw, thresholds, [named])[-1]
    assert abs(found.fresh.estimate - exact) < 4.5 * np.sqrt(exact * (1.0 - exact) / n)
    # any threshold just below what must not count would spend too much up to its look
    error = ExactError(with_found(design, found), set(), (0.1, 0.6))
    for look, most in enumerate(SPEND, start=1):
        values = distinct(error.looks[look - 1].asked["efficacy"])
        lower = values[values < thresholds[look - 1]]
        tried = [*thresholds[: look - 1], float(lower[-1]) - 1e-9, *thresholds[look:]]
        over = spent(raw, tried, [float(rate) for rate in np.linspace(0.1, 0.6, 41)])[look - 1]
        assert over > most - 4.0 * np.sqrt(most * (1.0 - most) / n)
    assert found.answers(design)


def test_strata_spend_by_look() -> None:
    raw = tiny_design(strata={"a": 0.5, "b": 0.5})
    raw["rules"][0]["at_least"] = "calibrate"
    raw["calibration"] = {"type_one_error": 0.1, "spend": [0.02, 0.1], "confidence": "estimate"}
    found = calibrate(Design(**raw), trials=200, jobs=1)
    assert isinstance(found, Calibrated)
    assert "at most so much of the error is spent: 0.02 up to look 1" in found.words()
    with pytest.raises(EngineError, match="cannot be enumerated"):
        calibrate(Design(**raw), engine="exact")
    raw["calibration"]["confidence"] = "upper"
    with pytest.raises(DesignError, match=r"calibration\.spend: found 0\.02, which 100 trials"):
        calibrate(Design(**raw), trials=10, jobs=1)


@pytest.mark.parametrize("predicts", [True, False])
def test_what_predicts_a_success_is_judged_again_until_it_knows_the_threshold(
    predicts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round takes the last threshold halfway to 15 sixteenths, rounded up to whole ones."""
    rounds = []

    class Error:
        predicted = 0.0

    Error.predicts = predicts  # type: ignore[attr-defined]

    def once(error: Error, *_: Any) -> dict[int, float]:
        rounds.append(error.predicted)
        return {1: 0.999, 2: np.ceil((error.predicted + 0.9375) * 8.0) / 16.0}

    monkeypatch.setattr(spending, "_once", once)
    error, none = Error(), lambda *_: None
    found = spending.thresholds_spending(error, None, [0.01, 0.5], none)  # type: ignore[arg-type]
    if predicts:
        assert len(rounds) > 2
        assert found[2] == rounds[-1] == error.predicted
    else:
        assert rounds == [0.5]


def test_thresholds_that_do_not_settle_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Error:
        predicts, predicted = True, 0.0

    class Rule:
        name = "efficacy"

    def once(error: Error, *_: Any) -> dict[int, float]:
        return {1: 0.99, 2: 0.9 if error.predicted != 0.9 else 0.8}

    monkeypatch.setattr(spending, "_once", once)
    with pytest.raises(DesignError, match="do not settle in"):
        spending.thresholds_spending(Error(), Rule(), [0.01, 0.05], lambda *_: None)  # type: ignore[arg-type]
