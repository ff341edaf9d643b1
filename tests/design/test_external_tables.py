"""External participants one by one: weights from their definition, and every way to go wrong."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import optimize

import adaptive_cart as ac
from adaptive_cart.design.file import load_design
from adaptive_cart.endpoints import KINDS
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.entropy_balance import NoOverlap, balanced
from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.summaries import Counts, Exposure
from adaptive_cart.results.result import open_result
from adaptive_cart.running.drift import drift
from adaptive_cart.running.run import simulate
from adaptive_cart.telling.check import described

DESIGN = """
name = "Hybrid"
[arms.soc]
control = true
[arms.cart]
allocation = 2
[endpoints.dfr]
type = "landmark"
month = 6
[external.registry]
source = "A registry"
endpoint = "dfr"
data = "registry.csv"
target = { age = 41.0, renal = 0.5 }
[analysis.dfr]
model = "beta_binomial"
prior.soc = { external = ["registry"], method = "power", weight = 0.5 }
[enrolment]
max_n = 36
per_month = 3
[looks]
observed = [18, 36]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.0 }
at_least = 0.97
[scenarios.null]
dfr = { soc = 0.2, cart = 0.2 }
[scenarios.expected]
dfr = { soc = 0.2, cart = 0.6 }
"""


def participants(number: int = 60) -> tuple[Any, Any, Any]:
    """Age, renal disease and response of some participants."""
    rng = np.random.default_rng(20261129)
    age = rng.normal(38.0, 9.0, number).round(1)
    renal = (rng.random(number) < 0.35).astype(float)
    return age, renal, (rng.random(number) < 0.1 + 0.2 * renal).astype(float)


def written(
    folder: Path, text: str = DESIGN, number: int = 60, lines: list[str] | None = None
) -> Path:
    age, renal, response = participants(number)
    rows = [f"P{k},{'yes' if y else 'no'},{a},{r:g}"
            for k, (a, r, y) in enumerate(zip(age, renal, response, strict=True))]  # fmt: skip
    table = ["id,responder,age,renal", *rows] if lines is None else lines
    (folder / "registry.csv").write_text("\n".join(table) + "\n")
    file = folder / "hybrid.toml"
    file.write_text(text)
    return file


def test_weights_have_the_largest_entropy_of_all_that_give_the_target() -> None:
    age, renal, _ = participants(12)
    covariates, target = np.stack([age, renal], axis=1), np.array([40.0, 0.45])
    found = balanced(covariates, target)
    np.testing.assert_allclose(found.weights @ covariates, target, atol=1e-7)
    assert found.weights.sum() == pytest.approx(1.0)
    # by the definition: a search over the weights themselves
    conditions = [
        {"type": "eq", "fun": lambda w: w.sum() - 1.0},
        {"type": "eq", "fun": lambda w: (w @ covariates - target) / np.array([9.0, 1.0])},
    ]
    searched = optimize.minimize(
        lambda w: float((w * np.log(w)).sum()), np.full(12, 1.0 / 12.0), method="SLSQP",
        jac=lambda w: np.log(w) + 1.0, bounds=[(1e-9, 1.0)] * 12, constraints=conditions,
        options={"ftol": 1e-15, "maxiter": 1_000},
    )  # fmt: skip
    np.testing.assert_allclose(found.weights, searched.x, atol=2e-6)
    assert found.effective == pytest.approx(1.0 / (searched.x**2).sum(), rel=1e-4)
    sd = covariates.std(axis=0, ddof=1)
    np.testing.assert_allclose(found.away, (covariates.mean(axis=0) - target) / sd)
    np.testing.assert_allclose(found.left, 0.0, atol=1e-8)


def test_who_is_like_the_target_already_counts_in_full() -> None:
    covariates = np.array([[1.0], [2.0], [3.0], [4.0]])
    found = balanced(covariates, np.array([2.5]))
    np.testing.assert_allclose(found.weights, 0.25)
    assert found.effective == pytest.approx(4.0)
    with pytest.raises(NoOverlap):
        balanced(covariates, np.array([4.5]))


def test_what_is_counted_is_the_weighted_sum(tmp_path: Path) -> None:
    design = load_design(written(tmp_path))
    data = design.external["registry"]
    age, renal, response = participants()
    weights = balanced(np.stack([age, renal], axis=1), np.array([41.0, 0.5])).weights
    effective = 1.0 / math.fsum(w * w for w in weights)
    rate = math.fsum(w * y for w, y in zip(weights, response, strict=True))
    assert data.total("participants") == pytest.approx(effective, abs=1e-4)
    assert data.total("responders") == pytest.approx(effective * rate, abs=1e-4)
    assert data.observed_as(Counts.external_level) == pytest.approx(rate, abs=1e-5)
    analysis = design.analysis_of("dfr")
    assert analysis is not None
    prior = analysis.fitted(design.arm_names, design.shares).priors[0]
    assert prior.a[0] == pytest.approx(1.0 + 0.5 * data.total("responders"))
    assert prior.b[0] == pytest.approx(
        1.0 + 0.5 * (data.total("participants") - data.total("responders"))
    )


def test_scores_and_events_are_weighted_too() -> None:
    age, renal, _ = participants()
    rng = np.random.default_rng(3)
    change, months = rng.normal(-2.0, 3.0, 60), rng.uniform(3.0, 12.0, 60)
    events = rng.poisson(0.1 * months).astype(float)
    rows = {"age": age.tolist(), "renal": renal.tolist()}
    target = {"age": 41.0, "renal": 0.5}
    w = balanced(np.stack([age, renal], axis=1), np.array([41.0, 0.5])).weights
    n = 1.0 / float((w**2).sum())
    score = External(
        source="s", endpoint="e", target=target, rows=rows | {"change": change.tolist()}
    )
    mean = float(w @ change)
    assert score.total("mean") == pytest.approx(mean, abs=1e-4)
    sd = math.sqrt(float(w @ (change - mean) ** 2) * n / (n - 1.0))
    assert score.total("sd") == pytest.approx(sd, abs=1e-4)
    outcome = {"events": events.tolist(), "months": months.tolist()}
    rate = External(source="s", endpoint="e", target=target, rows=rows | outcome)
    assert rate.total("events") == pytest.approx(n * float(w @ events), abs=1e-4)
    assert rate.observed_as(Exposure.external_level) == pytest.approx(
        12.0 * float(w @ events) / float(w @ months), rel=1e-4
    )


def test_the_balance_is_told_and_the_participants_are_kept(tmp_path: Path) -> None:
    file = written(tmp_path)
    design = load_design(file)
    text = described(design)
    effective = design.external["registry"].total("participants")
    assert f"of 60 participants {effective:.1f} are left in effect" in text
    assert "age: mean" in text
    assert "target 41; standardised difference" in text
    told = drift(design, region=(0.05, 0.4), points=11).words()
    assert f"{effective:.1f} are left in effect" in told
    simulate(design, jobs=1, out=tmp_path / "out", design_text=file.read_text())
    (tmp_path / "registry.csv").unlink()  # a result does not need the file any more
    again = open_result(tmp_path / "out").design
    assert again.external["registry"].total("responders") == design.external["registry"].total(
        "responders"
    )
    with pytest.raises(
        DesignError, match=r"external\.registry\.data: registry\.csv cannot be read"
    ):
        load_design(file)


def test_an_arm_is_compared_with_weighted_participants(tmp_path: Path) -> None:
    text = DESIGN.replace("[arms.soc]\ncontrol = true\n", "").replace("allocation = 2\n", "")
    text = text.replace(
        'prior.soc = { external = ["registry"], method = "power", weight = 0.5 }\n', ""
    )
    text = text.replace('minus = "soc"', 'minus = "registry"').replace("soc = ", "registry = ")
    design = load_design(written(tmp_path, text))
    analysis = design.analysis_of("dfr")
    assert analysis is not None
    prior = analysis.fitted(design.arm_names, design.shares).priors[1]
    data = design.external["registry"]
    assert prior.a[0] == pytest.approx(1.0 + data.total("responders"))
    assert "are left in effect" in described(design)
    story = ac.example(design, scenario="expected")
    assert "cart − registry" in ac.analyze(design, story.participants, look=1, fast=True).text


WRONG: list[tuple[dict[str, str], list[str] | None, str]] = [
    ({"age = 41.0": "agee = 41.0"}, None,
     "data: registry.csv has no column \"agee\" (did you mean 'age'?)"),
    ({"age = 41.0": "age = 99.0"}, None, "target: no overlap: the mean of age is to be 99"),
    ({"age = 41.0": "age = 53.0"}, None, "target: too little overlap: of 60 participants"),
    ({"target = { age = 41.0, renal = 0.5 }\n": ""}, None, "target: missing; means of covariates"),
    ({"registry.csv": "regstry.csv"}, None, "data: regstry.csv cannot be read"),
    ({"data = \"registry.csv\"": "data = \"registry.csv\"\nresponders = 3"}, None,
     "responders: the table of participants says it; leave it out"),
    ({}, ["responder,age,renal", "yes,40,1", "no,,0"], "line 3, age: found \"\"; a number"),
    ({}, ["responder,age,renal", "yes,40,1", "maybe,39,0"], "line 3, responder: found \"maybe\""),
    ({}, ["responder,age,renal", "2,40,1", "0,39,0"], "rows.responder: found 2 in row 1; 0 (no)"),
    ({}, ["age,renal", "40,1", "39,0"], "rows.responder: missing; participants of 'dfr' have"),
    ({}, ["responder,age,renal", *["0,40,1"] * 1_001], "has more than 1,000 rows"),
    ({}, ["responder,age,renal", "0,40,1"], "rows: found 1 rows; at least 2 are expected"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "lines", "words"), WRONG)
def test_what_is_refused(
    changes: dict[str, str], lines: list[str] | None, words: str, tmp_path: Path
) -> None:
    text = DESIGN
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    with pytest.raises(DesignError) as refused:
        load_design(written(tmp_path, text, lines=lines))
    assert f"external.registry.{words}" in str(refused.value) or words in str(refused.value)


MORE = {  # keys that an endpoint of a type needs
    "continuous": 'visits = [6.0]\nbetter = "lower"',
    "ordinal": 'categories = ["bad", "good"]\nmissing = "bad"',
}


@pytest.mark.parametrize("name", KINDS)
def test_of_every_type_of_endpoint_participants_are_read_or_refused(
    name: str, tmp_path: Path
) -> None:
    own = DESIGN.replace('type = "landmark"', f'type = "{name}"\n{MORE.get(name, "")}')
    with pytest.raises(DesignError) as refused:
        load_design(written(tmp_path, own, lines=["age,renal", "40,1", "39,0", "41,1"]))
    problems = [line for line in str(refused.value).splitlines() if "external.registry" in line]
    columns = KINDS[name].gives.external_columns
    if columns:
        assert any(f"rows.{columns[0]}: missing; participants" in line for line in problems)
    elif KINDS[name].gives.external:
        assert any("data: 'dfr' of type" in line and "write mean" in line for line in problems)
    else:
        assert any("there are no external data yet" in line for line in problems)


def test_in_python_rows_are_given() -> None:
    tables = tomllib.loads(DESIGN)
    with pytest.raises(DesignError, match="here write `rows`"):
        ac.Design(**tables)
