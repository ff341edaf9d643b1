"""The JSON Schema: what an editor underlines, and what it says of a key."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from adaptive_cart.cli import main
from adaptive_cart.design.design import Design
from adaptive_cart.design.json_schema import schema
from adaptive_cart.design.products import PRODUCTS
from adaptive_cart.errors import DesignError

jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema (the `test` extra)")

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "designs").glob("*.toml"))
FILES += sorted((ROOT / "adaptive_cart" / "design" / "templates").glob("*.toml"))


class Gone:
    """Stands for a key that is left out."""

    def __repr__(self) -> str:
        return "gone"


GONE = Gone()


@pytest.fixture(scope="module")
def validator() -> Any:
    document = schema()
    jsonschema.Draft202012Validator.check_schema(document)
    return jsonschema.Draft202012Validator(document)


def design(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / "designs" / f"{name}.toml").read_text(encoding="utf-8"))


def changed(raw: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    for path, value in changes.items():
        *around, last = [int(step) if step.isdigit() else step for step in path.split("/")]
        inner: Any = raw
        for step in around:
            inner = inner.setdefault(step, {}) if isinstance(inner, dict) else inner[step]
        if value is GONE:
            del inner[last]
        else:
            inner[last] = value
    return raw


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_right_design_is_valid(validator: Any, path: Path) -> None:
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    assert [error.message for error in validator.iter_errors(raw)] == []


WRONG = [
    ("hello", {"name": GONE}),
    ("hello", {"name": 3}),
    ("hello", {"enrollment": {}}),
    ("hello", {"arms/cart/alocation": 2}),
    ("hello", {"arms/cart/allocation": 0}),
    ("hello", {"arms/cart/product": "autologus"}),
    ("hello", {"arms/cart": GONE}),
    ("hello", {"endpoints/dfr/type": "landmrk"}),
    ("hello", {"endpoints/dfr/mnth": 12}),
    ("hello", {"endpoints/dfr/month": "12"}),
    ("hello", {"endpoints/dfr/month": GONE}),
    ("hello", {"enrolment/max_n": 40.7}),
    ("hello", {"enrolment/max_n": "150"}),
    ("hello", {"enrolment/max_n": True}),
    ("hello", {"enrolment/per_month": {"ramp_months": 6, "plato": 3.0}}),
    ("hello", {"looks/enrolled": [60]}),
    ("hello", {"looks": {}}),
    ("hello", {"rules": []}),
    ("hello", {"rules": {"name": "x"}}),
    ("hello", {"rules/0/then": "declare_sucess"}),
    ("hello", {"rules/0/at_least": 1.4}),
    ("hello", {"rules/0/at_least": "0.99"}),
    ("hello", {"rules/0/at_least": GONE}),
    ("hello", {"rules/0/below": 0.5}),
    ("hello", {"rules/0/posterior": GONE}),
    ("hello", {"rules/0/posterior/endpont": "dfr"}),
    ("hello", {"rules/1/looks": ["last"]}),
    ("hello", {"scenarios": {}}),
    ("hello", {"scenarios/null/role": "nul"}),
    ("hello", {"scenarios/null/dfr": 0.1}),
    ("hello", {"scenarios/null/dfr/soc": "0.1"}),
    ("hello", {"scenarios/null/dfr/soc": -0.1}),
    ("hello", {"scenarios/null/dfr/soc": {"probability": 0.1}}),
    ("hello", {"simulation/trials": 0}),
    ("basket_diseases", {"strata/sle": 1.5}),
    ("basket_diseases", {"analysis/dfr/prior/effect_sd/dist": "normal"}),
    ("durability_event_driven", {"scenarios/null/relapse/consolidate/dist": "weibul"}),
    ("durability_event_driven", {"scenarios/null/relapse/consolidate/rate": 0.1}),
    ("durability_event_driven", {"scenarios/null/relapse/consolidate/median": GONE}),
    ("durability_event_driven", {"truth/dropout": 0.05}),
    ("durability_event_driven", {"truth/dropout/per_month": 0.05}),
    ("products_multiarm", {"randomisation/control": "match"}),
    ("products_multiarm", {"randomisation/method": "permuted_blocks"}),
    ("sle_autologous", {"analysis/dfr/prior/cart/a": 0}),
    ("sle_autologous", {"analysis/dfr/prior/soc/mixture/0/wieght": 1.0}),
    ("sle_autologous", {"truth/cart/remision": {"probability": 0.3}}),
    ("sle_autologous", {"truth/cart/remission/probabilty": 0.3}),
    ("sle_autologous", {"truth/cart/remission/probability": 1.3}),
    ("sle_autologous", {"truth/cart/remission/onset/scale": GONE}),
    ("sle_autologous", {"truth/cart/remission/onset/dist": GONE}),
    ("sle_autologous", {"truth/cart/remission/onset": 3.0}),
    ("sle_autologous", {"truth/cart/infusion/delay/sigm": 0.3}),
    ("sle_autologous", {"truth/cart/rescue": 0.05}),
    ("sle_autologous", {"truth/cart/events/crs3": 1.5}),
    ("sle_autologous", {"truth/cart/strata/ssc/remision": {"probability": 0.3}}),
    ("sle_autologous", {"scenarios/null/cart/same_as": 3}),
    ("sle_autologous", {"scenarios/toxic/cart/remision": {"probability": 0.3}}),
    ("sle_autologous", {"scenarios/toxic/cart/remission/onset": {"shap": 3.0}}),
    ("hello", {"scenarios/null/dfr/cart": {"same_as": 3}}),
    ("sle_autologous", {"scenarios/toxic/cart": {"remision": {"probability": 0.3}}}),
]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        pytest.param(*case, id=f"{'+'.join(case[1])}={next(iter(case[1].values()))!r}")
        for case in WRONG
    ],
)
def test_a_typical_mistake_is_invalid(validator: Any, name: str, changes: dict[str, Any]) -> None:
    raw = changed(design(name), changes)
    assert not validator.is_valid(raw)
    with pytest.raises(DesignError):
        Design(**raw)


RIGHT = [
    ("hello", {"scenarios/null/dfr/cart": {"same_as": "soc"}}),
    ("hello", {"enrolment/per_month": {"ramp_months": 6, "plateau": 3.0}}),
    ("hello", {"rules/0/at_least": [0.99, 0.98, 0.97]}),
    ("hello", {"rules/1/looks": [1, "final"]}),
    ("hello", {"truth": {"dropout": {"per_year": 0.1}, "cart": {"dropout": {"per_year": 0.2}}}}),
    ("basket_diseases", {"rules/1/at_least": "calibrate", "calibration/type_one_error": 0.025}),
    (
        "durability_event_driven",
        {"truth/relapse": {"withdraw_late": {"dist": "fixed", "value": 1.0}}},
    ),
    (
        "durability_event_driven",
        {
            "truth/relapse": {"consolidate": {"dist": "exponential", "median": 12.0}},
            "scenarios/expected/relapse/consolidate": {"median": 24.0},
        },
    ),
    ("sle_autologous", {"scenarios/toxic/cart/durability": {"relapse": {"median": 9.0}}}),
    ("sle_autologous", {"scenarios/toxic/cart/infusion": {"failure": 0.2}}),
    (
        "sle_autologous",
        {
            "strata": {"young": 0.5, "old": 0.5},
            "truth/cart/strata": {"old": {"remission": {"onset": {"scale": 4.0}}}},
        },
    ),
]


@pytest.mark.parametrize(
    ("name", "changes"), [pytest.param(*case, id="+".join(case[1])) for case in RIGHT]
)
def test_what_a_design_may_say_is_valid(validator: Any, name: str, changes: dict[str, Any]) -> None:
    raw = changed(design(name), changes)
    Design(**copy.deepcopy(raw))
    assert [error.message for error in validator.iter_errors(raw)] == []


def properties(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, table in {"": document, **document["$defs"]}.items():
        for key, value in table.get("properties", {}).items():
            yield f"{name}.{key}", value


def test_an_editor_can_say_what_a_key_means() -> None:
    """Every key does, but parameters whose table says it: those of a prior or a distribution."""
    document = schema()
    silent = [place for place, value in properties(document) if "description" not in value]
    parameters = re.compile(
        r"(Beta|Exponential|Fixed|Gamma|GammaPrior|Gompertz|HalfNormal|LogLogistic|Lognormal|Normal"
        r"|Parameters|Piecewise|Weibull"
        r"|Crossing|(Commensurate|Pooled|Power|RobustMap|Sam)(Hazard|Rates)|\w+Prior|\w+Analysis)\.\w+|\w+Change\.\w+"
    )
    assert [place for place in silent if not parameters.fullmatch(place)] == []
    assert all("description" in table for table in document["$defs"].values())


def test_keys_of_a_trend_say_what_is_shifted_of_whatever_drifts() -> None:
    trend = schema()["$defs"]["TimeTrend"]
    assert {"logit", "logarithm", "mean"} <= set(re.findall(r"\w+", trend["description"]))
    assert not any("logit" in key["description"] for key in trend["properties"].values())


def test_products_and_decisions_are_offered() -> None:
    definitions = schema()["$defs"]
    assert definitions["Arm"]["properties"]["product"]["enum"] == list(PRODUCTS)
    assert "drop_arm" in definitions["Rule"]["properties"]["then"]["enum"]


def test_nothing_may_be_null() -> None:
    """TOML has no null, so that no editor should offer it."""
    assert '"null"' not in json.dumps(schema()).replace('["null", "alternative"', "")


def test_the_command_prints_the_schema() -> None:
    result = CliRunner().invoke(main, ["schema"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == schema()


UNDERLINED = [
    ("hello", {"endpoints/dfr/mnth": 12}, "endpoints/dfr", "mnth"),
    ("hello", {"endpoints/dfr/month": "12"}, "endpoints/dfr/month", "'12'"),
    ("sle_autologous", {"truth/cart/infusion/delay/sgm": 1}, "truth/cart/infusion/delay", "sgm"),
    ("sle_autologous", {"truth/cart/remision": {}}, "truth/cart", "remision"),
    ("sle_autologous", {"analysis/relapse/prior/curd": 1}, "analysis/relapse/prior", "curd"),
    ("products_multiarm", {"randomisation/burnin": 3}, "randomisation", "burnin"),
    ("hello", {"endpoints/dfr/type": "landmrk"}, "endpoints/dfr/type", "landmrk"),
]


@pytest.mark.parametrize(("name", "changes", "place", "word"), UNDERLINED)
def test_an_editor_underlines_the_key_that_is_wrong(
    validator: Any, name: str, changes: dict[str, Any], place: str, word: str
) -> None:
    """One error, at the table that the key stands in; not one for every kind of table there is."""
    errors = list(validator.iter_errors(changed(design(name), changes)))
    assert ["/".join(map(str, error.absolute_path)) for error in errors] == [place]
    assert word in errors[0].message
    assert errors[0].context == []
