"""A few of the designs and tables that are meant to hurt; sims/robustness tries thousands."""

from __future__ import annotations

import shutil
import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adaptive_cart.design.file import load_design
from adaptive_cart.design.json_schema import schema
from adaptive_cart.telling.walkthrough import example
from hostile.commands import every_command, run_command
from hostile.designs import DESIGNS, broken_texts, designs, of_keys, places, spoilt, starting
from hostile.held import design_holds, table_holds
from hostile.tables import tables
from test_every_key_counts import SAME

FEW = settings(
    max_examples=60, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
MANY = settings(FEW, max_examples=600)


def example_of(name: str) -> str:
    return example(load_design(DESIGNS / name), trial=3).participants_csv()


@pytest.fixture(scope="module")
def table() -> str:
    return example_of("hello.toml")


def test_designs_are_changed_from_all_that_is_shipped():
    assert len(starting()) > 20


def test_designs_are_changed_from_such_as_say_each_key_of_the_schema():
    document = schema()
    tables = {"": document, **document["$defs"]}
    like = {*SAME, "Parameters"}  # the keys of other tables again
    keys = {(name, key) for name, table in tables.items() if name not in like
            for key in table.get("properties", {})}  # fmt: skip
    unsaid = [
        key
        for name, key in sorted(keys)
        if not any(
            key in (place[-1] for place in places(make()))
            for make in of_keys().get(f"{name}.{key}", ())
        )
    ]
    assert unsaid == []


@FEW
@given(designs())
def test_any_design_is_refused_clearly_or_told(text):
    design_holds(text, run=False)


def test_what_reads_the_other_tables_bears_endpoints_that_are_wrong():
    wrong = {"kind": "no such kind"}
    spoiled = [spoilt(text, ("endpoints",), dict.fromkeys(tomllib.loads(text)["endpoints"], wrong))
               for _, text in starting()]  # fmt: skip
    assert len(spoiled) > 20
    assert {design_holds(text, run=False) for text in spoiled} == {"refused"}


def test_a_score_may_be_named_by_a_correlation_that_is_no_table():
    text = (DESIGNS / "myasthenia_scores.toml").read_text(encoding="utf-8")
    wrong = {"mgadl": {"qmg": 0.5}, "qmg": 5}
    place = ("scenarios", "scores_agree", "correlation")
    assert design_holds(spoilt(text, place, wrong), run=False) == "refused"


def test_a_rate_of_more_events_than_memory_holds_is_refused():
    text = (DESIGNS / "enrichment_biomarker.toml").read_text(encoding="utf-8")
    place = ("scenarios", "all", "infection", "cart")
    assert design_holds(spoilt(text, place, 1e6), run=False) == "refused"
    assert design_holds(spoilt(text, place, 100.0), run=False) == "accepted"


ODDS = ("analysis", "dfr", "prior", "control_logit")
BEYOND = [
    ("enrichment_biomarker", ("analysis", "dfr", "prior", "intercept", "mean"), 1e9, 9.0),
    ("basket_diseases", (*ODDS, "mean"), 1e308, -9.0),
    ("basket_diseases", (*ODDS, "sd"), 1e9, 30.0),
    ("durability_event_driven", ("analysis", "relapse", "prior", "log_hazard_ratio", "mean"),
     1e9, -10.0),
    ("durability_event_driven", ("analysis", "relapse", "prior", "log_hazard_ratio", "sd"),
     1e9, 100.0),
    ("sle_autologous", ("endpoints", "dfr", "month"), 1e308, 1e5),
    ("myasthenia_scores", ("truth", "mgadl", "cart", "sd", 1), 1e13, 30.0),
    ("lupus_hybrid_control", ("analysis", "doris", "prior", "soc", "heterogeneity"), 4.0, 1.5),
    ("enrichment_biomarker", ("analysis", "dfr", "prior", "treatment", "sd"), 1e-300, 1e-6),
    ("desirability_of_outcome", ("truth", "cart", "infusion", "delay", "median"), 1e13, 1e9),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "place", "beyond", "within"),
    [pytest.param(*case, id=f"{case[0]}-{case[1][-2]}.{case[1][-1]}") for case in BEYOND],
)
def test_numbers_that_leave_the_floating_range_are_refused_and_others_run(
    name: str, place: tuple[str | int, ...], beyond: float, within: float
) -> None:
    text = (DESIGNS / f"{name}.toml").read_text(encoding="utf-8")
    assert design_holds(spoilt(text, place, beyond), run=False) == "refused"
    assert design_holds(spoilt(text, place, within)) in ("ran", "run refused")


def test_a_wide_spread_between_sources_is_refused_in_words():
    text = (DESIGNS / "lupus_hybrid_control.toml").read_text(encoding="utf-8")
    place = ("analysis", "doris", "prior", "soc", "heterogeneity")
    assert design_holds(spoilt(text, place, 3.0), run=False) == "refused"


@pytest.mark.slow
def test_every_place_of_the_longest_design_may_be_wrong():
    text = dict(starting())["all_keys"]
    tried = list(places(tomllib.loads(text)))
    assert len(tried) > 300
    for place in tried:
        design_holds(spoilt(text, place, "nothing like it"), run=False)


@FEW
@given(broken_texts())
def test_any_file_is_refused_clearly_or_told(raw):
    design_holds(raw, run=False)


@FEW
@given(data=st.data())
def test_any_table_is_refused_clearly_or_analysed(data, table):
    table_holds(data.draw(tables(table)), load_design(DESIGNS / "hello.toml"))


@pytest.mark.slow
@MANY
@given(designs())
def test_any_design_that_is_accepted_runs(text):
    design_holds(text)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["early_single_arm.toml", "lupus_external_hazard.toml"])
def test_every_command_takes_a_design_or_refuses_it_clearly(name, tmp_path):
    for beside in (name, *(path.name for path in DESIGNS.glob("*.csv"))):
        shutil.copy(DESIGNS / beside, tmp_path / beside)
    ended = [run_command(words) for words in every_command(tmp_path / name, tmp_path)]
    assert not [one for one in ended if not one.clear]
    done = {one.words[0] for one in ended if one.status in (0, 1)}
    assert done >= {"check", "example", "analyze", "simulate", "report", "figures", "sweep"}
