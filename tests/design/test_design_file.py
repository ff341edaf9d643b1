"""Right designs: what a file says is what the design means."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from adaptive_cart.cli import main
from adaptive_cart.commands import COMMANDS
from adaptive_cart.courses.group import GroupCourse
from adaptive_cart.design.arms import Arm
from adaptive_cart.design.design import Design, Enrolment
from adaptive_cart.design.file import digest_of, load_design, read_tables, template, templates
from adaptive_cart.design.json_schema import schema
from adaptive_cart.design.look_tables import Looks
from adaptive_cart.design.products import PRODUCTS
from adaptive_cart.design.rule_tables import PosteriorQuestion, PredictiveQuestion, Rule
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.design.truth import Truth
from adaptive_cart.endpoints import KINDS as ENDPOINTS
from adaptive_cart.endpoints.landmark import Landmark
from adaptive_cart.errors import DesignError
from adaptive_cart.models import ANALYSES
from adaptive_cart.models.binary.beta_binomial import BetaMixture
from adaptive_cart.nouns.distributions import Exponential, Fixed, Lognormal, Weibull
from adaptive_cart.nouns.parts import DAYS_PER_MONTH
from adaptive_cart.results import operating
from adaptive_cart.results.operating import COLUMNS
from adaptive_cart.running import exact

FOLDER = Path(__file__).parents[2] / "designs"
DESIGNS = sorted(FOLDER.glob("*.toml"))

DIRECT = """
name = "Direct"
[arms.soc]
control = true
[arms.cart]
product = "autologous"
[endpoints.dfr]
type = "landmark"
month = 12
[enrolment]
max_n = 100
per_month = 3
[looks]
observed = [50, 100]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.0 }
at_least = 0.975
[scenarios.null]
dfr = { soc = 0.1, cart = 0.1 }
"""

COURSE = """
name = "Course"
[arms.soc]
control = true
[arms.cart]
product = "autologous"
[endpoints.dfr]
type = "landmark"
month = 12
[endpoints.crs3]
type = "adverse_event"
within_months = 1.0
[enrolment]
max_n = 100
per_month = 3
[looks]
observed = [50, 100]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.0 }
at_least = 0.975
[truth]
dropout = { per_year = 0.12 }
[truth.soc]
remission = { probability = 0.03, onset = { dist = "weibull", shape = 1.5, scale = 5.0 } }
durability = { cured = 0.05, relapse = { dist = "exponential", median = 9.0 } }
rescue = { per_year = 0.36 }
[truth.cart]
remission = { probability = 0.66, onset = { dist = "weibull", shape = 1.5, scale = 2.5 } }
durability = { cured = 0.70, relapse = { dist = "weibull", shape = 1.5, median = 18.0 } }
dropout = { per_year = 0.06 }
death = { per_year = 0.012 }
events = { crs3 = 0.015 }
[scenarios.expected]
"""


def design_of(text: str) -> Design:
    return Design(**tomllib.loads(text))


def truth_of(text: str, scenario: str) -> Truth:
    return truths_of(design_of(text))[scenario]


def group(truth: Truth, arm: str, stratum: str = "") -> GroupCourse:
    assert truth.courses is not None
    return truth.courses[truth.arms.index(arm)][truth.strata.index(stratum)]


# ── the project's designs ─────────────────────────────────────────────────────────────────────
def test_the_seven_designs_are_there() -> None:
    assert {path.stem for path in DESIGNS} >= {
        "basket_diseases",
        "durability_event_driven",
        "enrichment_biomarker",
        "goldilocks_allogeneic",
        "hello",
        "products_multiarm",
        "sle_autologous",
    }


@pytest.mark.parametrize("path", DESIGNS, ids=lambda path: path.stem)
def test_a_design_of_the_project_loads(path: Path) -> None:
    design = load_design(path)
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    truths = truths_of(design)
    assert list(truths) == list(raw["scenarios"])
    assert set(design.arm_names) == set(raw["arms"])
    assert design.control in (None, design.arm_names[0])
    assert sum(design.planned) == raw["enrolment"]["max_n"]
    for name, endpoint in design.endpoints.items():
        for truth in truths.values():
            fed = truth.courses is not None and (
                endpoint.from_course or endpoint.named_in is not None
            )
            assert (name in truth.direct) != fed


@pytest.mark.parametrize("path", DESIGNS, ids=lambda path: path.stem)
def test_a_design_written_as_tables_is_the_same_design(path: Path) -> None:
    design = load_design(path)
    again = Design(**design.plain())
    assert again == design
    assert digest_of(again) == digest_of(design)


@pytest.mark.parametrize("name", templates())
def test_a_template_is_a_sound_design(name: str, tmp_path: Path) -> None:
    path = tmp_path / "design.toml"
    path.write_text(template(name), encoding="utf-8")
    assert truths_of(load_design(path))


def test_an_unknown_template_is_told_with_the_nearest() -> None:
    with pytest.raises(DesignError, match=r"no template 'helo' \(did you mean 'hello'\?\)"):
        template("helo")


def test_line_ends_of_any_system_are_read(tmp_path: Path) -> None:
    path = tmp_path / "design.toml"
    path.write_bytes(DIRECT.replace("\n", "\r\n").encode())
    assert read_tables(path) == tomllib.loads(DIRECT)
    assert load_design(str(path)) == design_of(DIRECT)


def test_a_design_made_of_parts_is_the_design_of_the_file() -> None:
    made = Design(
        name="Direct",
        arms={"soc": Arm(control=True), "cart": Arm(product="autologous")},
        endpoints={"dfr": Landmark(type="landmark", month=12)},
        enrolment=Enrolment(max_n=100, per_month=3),
        looks=Looks(observed=[50, 100]),
        rules=[
            Rule(
                name="efficacy",
                then="declare_success",
                posterior=PosteriorQuestion(endpoint="dfr", arm="cart", minus="soc", above=0.0),
                at_least=0.975,
            )
        ],
        scenarios={"null": {"dfr": {"soc": 0.1, "cart": 0.1}}},
        strata=None,
        calibration=None,
    )
    assert made == design_of(DIRECT)
    assert digest_of(made) == digest_of(design_of(DIRECT))


# ── a scenario is laid over [truth] ───────────────────────────────────────────────────────────
def test_a_scenario_that_says_nothing_is_the_truth_as_it_stands() -> None:
    cart = group(truth_of(COURSE, "expected"), "cart")
    assert cart.own.remission == 0.66
    assert cart.own.onset == Weibull(dist="weibull", shape=1.5, scale=2.5)
    assert cart.own.cured == 0.70
    assert cart.own.rescue == 0.0
    assert cart.dropout == pytest.approx(0.06 / 12)
    assert cart.death == pytest.approx(0.012 / 12)
    soc = group(truth_of(COURSE, "expected"), "soc")
    assert soc.own.rescue == pytest.approx(0.36 / 12)
    assert soc.dropout == pytest.approx(0.12 / 12)  # said once for every arm
    assert soc.death == 0.0
    assert cart.never_infused == soc.own
    assert not soc.infused
    assert cart.infused


def test_one_parameter_is_changed_and_the_others_stay() -> None:
    text = COURSE + "[scenarios.waning]\ncart.durability.relapse.median = 8.0\n"
    text += "cart.remission.probability = 0.76\n"
    cart = group(truth_of(text, "waning"), "cart")
    assert cart.own.relapse == Weibull(dist="weibull", shape=1.5, median=8.0)
    assert cart.own.cured == 0.70
    assert cart.own.remission == 0.76
    assert cart.own.onset == Weibull(dist="weibull", shape=1.5, scale=2.5)
    # and [truth] is what it was
    assert group(truth_of(text, "expected"), "cart") == group(truth_of(COURSE, "expected"), "cart")


def test_a_distribution_with_its_own_dist_replaces_the_one_before() -> None:
    text = (
        COURSE + '[scenarios.s]\ncart.durability.relapse = { dist = "exponential", rate = 0.1 }\n'
    )
    cart = group(truth_of(text, "s"), "cart")
    assert cart.own.relapse == Exponential(dist="exponential", rate=0.1)
    assert cart.own.cured == 0.70


def test_the_same_holds_of_a_truth_said_directly() -> None:
    text = DIRECT.replace("[scenarios.null]", "[truth]\ndfr = { soc = 0.1, cart = 0.2 }\n")
    text = text.replace("\ndfr = { soc = 0.1, cart = 0.1 }\n", "\n")
    text += "[scenarios.as_it_stands]\n[scenarios.better]\ndfr.cart = 0.4\n"
    truths = truths_of(design_of(text))
    assert truths["as_it_stands"].direct == {"dfr": ((0.1,), (0.2,))}
    assert truths["better"].direct == {"dfr": ((0.1,), (0.4,))}


def test_the_truth_of_a_time_is_changed_by_one_parameter_too() -> None:
    raw = tomllib.loads((FOLDER / "durability_event_driven.toml").read_text(encoding="utf-8"))
    late, early = raw["arms"]
    raw["truth"]["relapse"] = {
        late: {"dist": "weibull", "shape": 2.0, "median": 12.0},
        early: {"dist": "weibull", "shape": 2.0, "median": 12.0},
    }
    raw["scenarios"] = {
        "null": {},
        "longer": {"relapse": {early: {"median": 24.0}}},
        "cured": {"relapse": {early: {"cured": 0.5}}},
        "other": {"relapse": {early: {"dist": "exponential", "median": 24.0}}},
    }
    truths = truths_of(Design(**raw))
    arm = truths["null"].arms.index(early)
    before = Weibull(dist="weibull", shape=2.0, median=12.0)
    assert truths["null"].direct["relapse"][arm] == (before,)
    assert truths["longer"].direct["relapse"][arm] == (
        Weibull(dist="weibull", shape=2.0, median=24.0),
    )
    assert truths["cured"].direct["relapse"][arm] == (
        Weibull(dist="weibull", shape=2.0, median=12.0, cured=0.5),
    )
    assert truths["other"].direct["relapse"][arm] == (Exponential(dist="exponential", median=24.0),)
    assert all(truth.direct["relapse"][1 - arm] == (before,) for truth in truths.values())


def test_a_value_by_stratum_is_taken_by_stratum() -> None:
    text = DIRECT.replace("[endpoints.dfr]", "[strata]\nsle = 0.6\nssc = 0.4\n[endpoints.dfr]")
    text += "[scenarios.sle_only]\ndfr.soc = 0.1\ndfr.cart = { ssc = 0.1, sle = 0.4 }\n"
    truth = truth_of(text, "sle_only")
    assert truth.strata == ("sle", "ssc")
    assert truth.shares == (0.6, 0.4)
    assert truth.direct == {"dfr": ((0.1, 0.1), (0.4, 0.1))}


# ── products ──────────────────────────────────────────────────────────────────────────────────
def test_what_the_file_does_not_say_of_infusion_comes_from_the_product() -> None:
    truth = truth_of(COURSE, "expected")
    cart = group(truth, "cart")
    assert cart.failure == PRODUCTS["autologous"].failure == 0.06
    assert cart.delay == Lognormal(dist="lognormal", median=40.0 / DAYS_PER_MONTH, sigma=0.30)
    assert truth.sources == {
        "cart.infusion.failure": "product autologous",
        "cart.infusion.delay": "product autologous",
    }


@pytest.mark.parametrize("where", ["truth", "scenarios.expected"])
def test_truth_and_scenario_override_the_product_piece_by_piece(where: str) -> None:
    raw = tomllib.loads(COURSE)
    place = raw["truth"] if where == "truth" else raw["scenarios"]["expected"]
    place.setdefault("cart", {})["infusion"] = {"failure": 0.2}
    truth = truths_of(Design(**raw))["expected"]
    assert group(truth, "cart").failure == 0.2
    assert group(truth, "cart").delay == PRODUCTS["autologous"].delay
    assert truth.sources == {
        "cart.infusion.failure": "file",
        "cart.infusion.delay": "product autologous",
    }
    place["cart"]["infusion"] = {"delay": {"dist": "fixed", "value": 2.0}}
    truth = truths_of(Design(**raw))["expected"]
    assert group(truth, "cart").failure == 0.06
    assert group(truth, "cart").delay == Fixed(dist="fixed", value=2.0)
    assert truth.sources["cart.infusion.delay"] == "file"


def test_an_arm_without_product_is_infused_if_the_truth_says_so() -> None:
    raw = tomllib.loads(COURSE)
    del raw["arms"]["cart"]["product"]
    assert not group(truths_of(Design(**raw))["expected"], "cart").infused
    raw["truth"]["cart"]["infusion"] = {"delay": {"dist": "fixed", "value": 2.0}}
    truth = truths_of(Design(**raw))["expected"]
    assert group(truth, "cart").infused
    assert group(truth, "cart").failure == 0.0
    assert set(truth.sources.values()) == {"file"}


# ── same_as and strata ────────────────────────────────────────────────────────────────────────
def test_same_as_takes_the_disease_and_the_follow_up_of_the_other_arm() -> None:
    text = COURSE + '[scenarios.null]\ncart = { same_as = "soc" }\n'
    truths = truths_of(design_of(text))
    null, expected = (group(truths[name], "cart") for name in ("null", "expected"))
    soc = group(truths["null"], "soc")
    assert null.own == null.never_infused == soc.own
    assert (null.dropout, null.death) == (soc.dropout, soc.death)
    assert null.from_randomisation
    assert not expected.from_randomisation
    assert (null.infused, null.failure, null.delay) == (True, expected.failure, expected.delay)
    assert null.events == expected.events == {"crs3": 0.015}


def stratified(more: str) -> str:
    return (
        COURSE.replace("[endpoints.dfr]", "[strata]\nsle = 0.6\nssc = 0.4\n[endpoints.dfr]") + more
    )


def test_a_stratum_differs_in_what_it_says_and_in_nothing_else() -> None:
    text = stratified("[scenarios.s]\ncart.strata.ssc.remission.probability = 0.45\n")
    truths = truths_of(design_of(text))
    sle, ssc = (group(truths["s"], "cart", stratum) for stratum in ("sle", "ssc"))
    assert sle == group(truths["expected"], "cart", "ssc")
    assert (sle.own.remission, ssc.own.remission) == (0.66, 0.45)
    assert sle.own.onset == ssc.own.onset
    assert sle.own.relapse == ssc.own.relapse
    assert group(truths["s"], "soc", "sle") == group(truths["s"], "soc", "ssc")


def test_a_scenario_changes_the_arm_and_what_differs_by_stratum_stays() -> None:
    text = stratified(
        "[truth.cart.strata.ssc]\nremission.probability = 0.45\nremission.onset.scale = 4.0\n"
        "[scenarios.s]\ncart.remission.probability = 0.5\ncart.durability.cured = 0.1\n"
        "[scenarios.t]\ncart.strata.ssc.remission.probability = 0.2\n"
    )
    truths = truths_of(design_of(text))
    s = [group(truths["s"], "cart", stratum).own for stratum in ("sle", "ssc")]
    assert [course.remission for course in s] == [0.5, 0.45]
    assert [course.cured for course in s] == [0.1, 0.1]
    assert [course.onset for course in s] == [
        Weibull(dist="weibull", shape=1.5, scale=scale) for scale in (2.5, 4.0)
    ]
    t = [group(truths["t"], "cart", stratum).own for stratum in ("sle", "ssc")]
    assert [course.remission for course in t] == [0.66, 0.2]
    assert t[1].onset == s[1].onset


def test_one_stratum_may_be_null() -> None:
    text = stratified('[scenarios.s]\ncart.strata.ssc.same_as = "soc"\n')
    truth = truth_of(text, "s")
    assert group(truth, "cart", "ssc").own == group(truth, "soc", "ssc").own
    assert group(truth, "cart", "sle").own.remission == 0.66


# ── roles, analysis, planned numbers, looks ───────────────────────────────────────────────────
def test_the_role_is_as_written_or_follows_from_the_name() -> None:
    text = DIRECT
    for name, role in (("a", ""), ("b", "null"), ("c", "robustness"), ("d", "alternative")):
        text += f"[scenarios.{name}]\ndfr = {{ soc = 0.1, cart = 0.2 }}\n"
        text += f'role = "{role}"\n' if role else ""
    roles = {name: truth.role for name, truth in truths_of(design_of(text)).items()}
    assert roles == {
        "null": "null",
        "a": "alternative",
        "b": "null",
        "c": "robustness",
        "d": "alternative",
    }
    text = DIRECT + 'role = "robustness"\n'
    assert truth_of(text, "null").role == "robustness"


def test_a_binary_endpoint_has_a_uniform_prior_in_every_arm() -> None:
    design = design_of(COURSE)
    uniform = BetaMixture.single(1.0, 1.0)
    for name in ("dfr", "crs3"):
        analysis = design.analysis_of(name)
        assert analysis is not None
        assert analysis.model == "beta_binomial"
        assert analysis.fitted(design.arm_names, design.shares).priors == (uniform, uniform)


def test_an_arm_that_the_prior_does_not_name_has_a_uniform_prior() -> None:
    text = DIRECT.replace(
        "[enrolment]",
        '[analysis.dfr]\nmodel = "beta_binomial"\nprior.cart = { a = 2.0, b = 5.0 }\n[enrolment]',
    )
    design = design_of(text)
    analysis = design.analysis_of("dfr")
    assert analysis is not None
    assert analysis.fitted(design.arm_names, design.shares).priors == (
        BetaMixture.single(1.0, 1.0),
        BetaMixture.single(2.0, 5.0),
    )


def test_only_a_binary_endpoint_has_an_analysis_by_default() -> None:
    raw = tomllib.loads(COURSE)
    raw["endpoints"]["infection"] = {"type": "event_rate"}
    raw["truth"]["cart"]["rates"] = {"infection": 0.1}
    assert Design(**raw).analysis_of("infection") is None


def test_the_first_endpoint_is_primary_unless_one_says_so() -> None:
    raw = tomllib.loads(COURSE)
    assert Design(**raw).primary == "dfr"
    raw["endpoints"]["late"] = {"type": "landmark", "month": 24, "primary": True}
    assert Design(**raw).primary == "late"


@pytest.mark.parametrize(
    ("max_n", "allocation", "planned"),
    [
        (150, (1, 2), (50, 100)),
        (100, (1, 2), (33, 67)),
        (101, (1, 1), (51, 50)),
        (100, (1, 1, 1), (34, 33, 33)),
        (10, (3, 2, 2), (4, 3, 3)),
        (11, (1, 2, 4), (2, 3, 6)),
        (10, (1, 1, 4), (2, 2, 6)),  # equal remainders, which differ in floating point
        (14, (1, 1, 4), (3, 2, 9)),
        (4, (1, 1, 1, 1), (1, 1, 1, 1)),
        (999_999, (1, 1), (500_000, 499_999)),
    ],
)
def test_planned_numbers_are_by_largest_remainder(
    max_n: int, allocation: tuple[int, ...], planned: tuple[int, ...]
) -> None:
    raw = tomllib.loads(DIRECT)
    names = [f"arm_{number}" for number in range(len(allocation))]
    raw["arms"] = {name: {"allocation": n} for name, n in zip(names, allocation, strict=True)}
    raw["arms"]["arm_0"]["control"] = True
    raw["rules"][0]["posterior"] |= {"arm": "arm_1", "minus": "arm_0"}
    raw["scenarios"]["null"]["dfr"] = dict.fromkeys(names, 0.1)
    raw["enrolment"]["max_n"] = max_n
    raw["looks"] = {"months": [12.0]}
    assert Design(**raw).planned == planned


def test_the_control_comes_first_wherever_it_is_written() -> None:
    raw = tomllib.loads(DIRECT)
    raw["arms"] = {"cart": {"allocation": 2}, "soc": {"control": True}}
    design = Design(**raw)
    assert design.arm_names == ("soc", "cart")
    assert design.allocation == (1, 2)


def rules_design(**rule: Any) -> Design:
    raw = tomllib.loads(DIRECT)
    raw["looks"] = {"observed": [20, 50], "final": "all_observed"}
    raw["rules"][0] |= rule
    return Design(**raw)


@pytest.mark.parametrize(
    ("looks", "judged"),
    [
        (None, (1, 2, 3)),
        ([1, 2], (1, 2)),
        ([3], (3,)),
        (["final"], (3,)),
        ([1, "final"], (1, 3)),
    ],
)
def test_a_rule_is_judged_at_its_looks(looks: Any, judged: tuple[int, ...]) -> None:
    design = rules_design() if looks is None else rules_design(looks=looks)
    assert design.looks.number == 3
    assert design.judged_at(design.rules[0]) == judged


def test_a_threshold_is_one_for_all_or_one_for_each_look() -> None:
    design = rules_design(at_least=0.9875)
    assert [design.threshold_at(design.rules[0], look) for look in (1, 2, 3)] == [0.9875] * 3
    design = rules_design(at_least=[0.99, 0.98], looks=[2, "final"])
    assert [design.threshold_at(design.rules[0], look) for look in (2, 3)] == [0.99, 0.98]
    assert design.rules[0].sign == ">="


def test_a_predictive_rule_has_its_sample_by_default() -> None:
    assert PredictiveQuestion(rule="efficacy").with_ == "max_n"


# ── the digest ────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('name = "Direct"', 'name = "Direct" # with a comment\n\n\n'),
        ('name = "Direct"', 'name = "Another"\ndescription = "more"'),
        ("max_n = 100\nper_month = 3", "per_month = 3.0\nmax_n = 1_00"),
        ("dfr = { soc = 0.1, cart = 0.1 }", "dfr.cart = 1e-1\ndfr.soc = 0.10"),
        ("[endpoints.dfr]\n", "[endpoints]\n[endpoints.dfr]\nstate = 'drug_free_remission'\n"),
        ("[enrolment]\n", '[enrolment]\narrivals = "poisson"\n'),
        ("[scenarios.null]\n", "[simulation]\ntrials = 5\nseed = 3\n[scenarios.null]\n"),
        ("above = 0.0", "above = 0"),
        ("[looks]\nobserved = [50, 100]", "looks = { observed = [\n 50,\n 100,\n] }"),
    ],
)
def test_the_digest_does_not_see_how_a_design_is_written(before: str, after: str) -> None:
    assert before in DIRECT
    text = DIRECT.replace(before, after)
    if after.startswith("looks = "):  # not below a table
        text = f"{after}\n{DIRECT.replace(before, '')}"
    assert digest_of(design_of(text)) == digest_of(design_of(DIRECT))


def test_the_digest_does_not_see_whether_a_whole_number_has_a_point() -> None:
    whole, decimal = (
        DIRECT.replace("{ soc = 0.1, cart = 0.1 }", f"{{ soc = {zero}, cart = {one} }}")
        for zero, one in ((0, 1), (0.0, 1.0))
    )
    assert whole != decimal
    assert digest_of(design_of(whole)) == digest_of(design_of(decimal))


def test_the_digest_does_not_see_the_order_of_keys_in_a_truth() -> None:
    raw = tomllib.loads(COURSE + '[scenarios.null]\ncart = { same_as = "soc" }\nrole = "null"\n')
    digest = digest_of(Design(**raw))

    def turned(table: Any) -> Any:
        if not isinstance(table, dict):
            return table
        return {key: turned(table[key]) for key in reversed(table)}

    raw["truth"] = turned(raw["truth"])
    raw["scenarios"] = {name: turned(table) for name, table in raw["scenarios"].items()}
    assert digest_of(Design(**raw)) == digest


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in pairs:
            yield from leaves(inner, (*path, key))
    else:
        yield path, value


def others(value: Any) -> Iterator[Any]:
    """Values that might stand in the place of one."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value - 1, value + 1, value * 2, value * 3)
    elif isinstance(value, float):
        yield from (value * 0.9 or 0.01, value + 0.001, value * 1.1 + 0.01)


@pytest.mark.parametrize("path", DESIGNS, ids=lambda path: path.stem)
def test_the_digest_sees_every_number(path: Path) -> None:
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    digests = {digest_of(Design(**raw))}
    number = 1
    for place, value in leaves(raw):
        if place[0] in ("name", "description", "simulation") or isinstance(value, str | bool):
            continue
        if place[0] == "strata" or place[-1] == "weight" or "looks" in place[1:]:
            continue  # what cannot be changed alone: the next test
        if "first_part" in raw and place in (
            ("first_part", "participants"),
            ("looks", "observed", 0),
        ):
            continue  # the first look is that of the first part
        for other in others(value):
            changed = copy.deepcopy(raw)
            inner: Any = changed
            for step in place[:-1]:
                inner = inner[step]
            inner[place[-1]] = other
            try:
                digests.add(digest_of(Design(**changed)))
            except DesignError:
                continue
            number += 1
            break
        else:
            pytest.fail(f"no other value of {place} was allowed")
    assert len(digests) == number


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("hello", {"arms.cart.product": "allogeneic"}),
        ("hello", {"endpoints.dfr.missing": "exclude"}),
        ("hello", {"endpoints.dfr.label": "Response"}),
        ("hello", {"enrolment.arrivals": "regular"}),
        ("hello", {"rules.0.then": "stop_for_safety"}),
        ("hello", {"rules.0.name": "success", "rules.1.predictive.rule": "success"}),
        ("hello", {"rules.1.predictive.with": "enrolled"}),
        ("hello", {"scenarios.expected.role": "robustness"}),
        ("hello", {"rules.1.looks": [1]}),
        ("basket_diseases", {"strata.sle": 0.51, "strata.ssc": 0.29}),
        (
            "sle_autologous",
            {
                "analysis.dfr.prior.soc.mixture.0.weight": 0.7,
                "analysis.dfr.prior.soc.mixture.1.weight": 0.3,
            },
        ),
        (
            "lupus_two_parts",
            {
                "first_part.participants": 48,
                "looks": {"observed": [48, 95], "final": "all_observed"},
            },
        ),
        ("products_multiarm", {"multiarm.ends": "first_success"}),
        ("products_multiarm", {"randomisation.control": 0.2}),
        ("enrichment_biomarker", {"rules.2.at_least": 0.99}),
        ("durability_event_driven", {"looks": {"months": [12.0, 24.0, 36.0]}}),
    ],
)
def test_the_digest_sees_every_choice(name: str, change: dict[str, Any]) -> None:
    raw = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    before = digest_of(Design(**raw))
    for path, value in change.items():
        inner: Any = raw
        *around, last = path.split(".")
        for step in around:
            inner = inner[int(step) if step.isdigit() else step]
        inner[last] = value
    assert digest_of(Design(**raw)) != before


def test_a_design_keeps_its_digest_when_the_language_gains_a_key() -> None:
    """What is known of it is kept under the digest: results, calibrations, comparisons with PyMC.

    If this fails, a key was given a value in every design, or changed its default: that is another
    design, and the changelog says so.
    """
    assert digest_of(load_design(FOLDER / "hello.toml")) == "3d96f87e6803c131"


def test_no_two_kinds_share_a_digest_since_each_is_named() -> None:
    """A name that were the default would be left out of what is hashed."""
    named = [kind.model_fields["type"] for kind in ENDPOINTS.values()]
    named += [kind.model_fields["model"] for kind in ANALYSES.values()]
    assert len(named) > 15
    assert all(field.is_required() for field in named)


def test_the_digest_sees_the_order_of_what_arrays_follow() -> None:
    raw = tomllib.loads(COURSE)
    raw["truth"]["soc"]["events"] = {"crs3": 0.0}  # what is primary is asked of every arm
    before = digest_of(Design(**raw))
    raw["endpoints"] = {key: raw["endpoints"][key] for key in ("crs3", "dfr")}
    raw["looks"] = {"enrolled": [50, 100]}
    middle = digest_of(Design(**raw))
    raw["endpoints"] = {key: raw["endpoints"][key] for key in ("dfr", "crs3")}
    assert len({before, middle, digest_of(Design(**raw))}) == 3


# ── lists that are kept beside what they list ─────────────────────────────────────────────────
def _named(document: Any) -> Iterator[str]:
    """Keys, and words that a key may have, of a JSON Schema; products have a table of their own."""
    if isinstance(document, list):
        for item in document:
            yield from _named(item)
    elif isinstance(document, dict):
        properties = document.get("properties", {})
        if isinstance(properties, dict):
            yield from properties
        words = [document.get("const"), *document.get("enum", ())]
        yield from (word for word in words if isinstance(word, str) and word not in PRODUCTS)
        for item in document.values():
            yield from _named(item)


def test_one_template_shows_every_key_and_word() -> None:
    text = template("all_keys")
    names = sorted({name for name in _named(schema()) if isinstance(name, str)})
    assert len(names) > 140
    assert [name for name in names if not re.search(rf"\b{re.escape(name)}\b", text)] == []


def test_the_help_of_init_lists_the_templates() -> None:
    text = " ".join(CliRunner().invoke(main, ["init", "--help"]).stdout.split())
    assert all(name in text for name in templates())


DOCS = Path(__file__).parents[2] / "docs"


def test_the_documents_name_every_command_and_measure() -> None:
    commands = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"adaptive-cart {name}" not in commands] == []
    results = (DOCS / "results.md").read_text(encoding="utf-8")
    assert [name for name in COLUMNS if f"`{name}`" not in results] == []
    source = inspect.getsource(operating) + inspect.getsource(exact)
    written = set(re.findall(r'rows\.add\(\s*f?"([a-z_]+?)_?["{]', source))
    written = {re.sub("_(mean|sd)$", "_", name) for name in written}
    assert len(written) > 15
    assert sorted(name for name in written if not re.search(rf"`{name}", results)) == []


def test_the_documents_name_every_option_of_simulate() -> None:
    commands = (DOCS / "commands.md").read_text(encoding="utf-8")
    simulate = import_module(COMMANDS["simulate"]).command
    options = [word for option in simulate.params for word in option.opts]
    assert "--trials" in options
    assert [word for word in options if word.startswith("--") and word not in commands] == []


def test_a_design_holds_its_resolved_truths() -> None:
    """Resolved when first asked for and kept, so that all who ask have the same."""
    design = load_design(FOLDER / "sle_autologous.toml")
    assert design.truths is design.truths
    assert list(design.truths) == list(design.scenarios)
    assert design.truths == truths_of(load_design(FOLDER / "sle_autologous.toml"))
    assert pickle.loads(pickle.dumps(design)).truths == design.truths
