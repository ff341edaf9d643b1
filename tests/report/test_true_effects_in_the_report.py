"""What a report tells as the true effect: of a utility that is claimed, of every arm of several."""

from __future__ import annotations

import pytest

import adaptive_cart as ac
from adaptive_cart.conduct.claimed_utility import claimed_utility
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.figures.tables_measures import size_tables, success_tables
from adaptive_cart.report.chapters.assumptions import CHAPTER as ASSUMPTIONS
from adaptive_cart.report.chapters.examples import whose_success
from adaptive_cart.report.chapters.size_and_time import consequences
from adaptive_cart.report.chapters.summary import CHAPTER as SUMMARY
from adaptive_cart.report.document import Block, Items, Table, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.results.result import Result
from checks import raw_design

WEIGHTS = {"dfr": 1.0, "crs3": -0.4, "serious_infection": -0.8}


@pytest.fixture(scope="module")
def run() -> Result:
    return ac.simulate(Design(**raw_design("lupus_net_benefit")), trials=20, jobs=1)


def utility(run: Result, scenario: str) -> float:
    """The weighted sum of differences of true values, typed as the design has it."""

    def true(endpoint: str, arm: str) -> float:
        return float(run.figure(scenario, f"true_{endpoint}", arm=arm).estimate)

    return sum(w * (true(e, "cart") - true(e, "soc")) for e, w in WEIGHTS.items())


def table_of(blocks: list[Block], key: str) -> list[list[str]]:
    (table,) = [block for block in blocks if isinstance(block, Table) and block.key == key]
    return [
        [plain(cell) for cell in cells] for cells in (table.head, *(r.cells for r in table.rows))
    ]


def test_scenarios_are_shown_by_the_true_utility(run: Result) -> None:
    for made in (success_tables, size_tables):
        tables = made(run)
        assert isinstance(tables, dict)
        frame, about = next(iter(tables.values())), tables["about"].iloc[0]
        told = dict(zip(frame["scenario"], frame["true_effect"], strict=True))
        assert set(told) == {"null", "outweighed", "expected", "more_infections"}
        for name, value in told.items():
            assert value == pytest.approx(utility(run, name), abs=2e-3)
        assert about["estimand"] == "difference in the utility net_benefit: cart − soc"
    assert success_tables(run)["about"].iloc[0]["margin"] == 0.10


def test_the_text_tells_it_beside_the_estimand(run: Result) -> None:
    evidence = Evidence(run, Facts(), 0)
    first = [block for section in SUMMARY.sections for block in section(evidence)]
    said = [plain(line) for block in first if isinstance(block, Items) for line in block.lines]
    own = f"{utility(run, 'expected'):.3f}"
    (power,) = [line for line in said if line.startswith("Power.")]
    assert f"that in the utility net_benefit, which success claims, {own}," in power
    head, *rows = table_of(ASSUMPTIONS.sections[0](evidence), "t-scenarios")
    place = head.index("True difference in net_benefit, which success claims")
    for row in rows:
        shown = float(row[place].replace("−", "-"))
        assert shown == pytest.approx(utility(run, row[0]), abs=2e-3)
    head, *rows = table_of(consequences(evidence), "t-consequences")
    place = head.index("serious infection, events a year, cart")
    for row in rows:
        seen = run.figure(row[0], "observed_serious_infection", arm="cart").estimate
        assert float(row[place]) == pytest.approx(seen, abs=6e-3)


def test_arms_that_success_belongs_to_are_told_one_by_one() -> None:
    """A platform: true effects of every arm, whose success it was, and who is waited for."""
    run = ac.simulate(Design(**raw_design("platform_three_products")), trials=20, jobs=1)
    evidence = Evidence(run, Facts(), 0)
    head, *rows = table_of(ASSUMPTIONS.sections[0](evidence), "t-scenarios")
    for arm in ("auto", "allo", "vivo"):
        place = head.index(f"True difference, {arm}")
        for row in rows:
            true = run.figure(row[0], "estimand", arm=arm).estimate
            assert float(row[place].replace("−", "-")) == pytest.approx(true, abs=6e-4)
    won = run.trials[run.trials["scenario"] == "expected"].iloc[0]
    looks = {arm: int(won[f"success_{arm}"]) for arm in ("auto", "allo", "vivo")}
    assert sum(look > 0 for look in looks.values()) > 0
    said = plain(whose_success(evidence, won, ""))
    for arm, look in looks.items():
        assert (f"{arm} (look {look})" in said) == (look > 0)
    rule = next(one for one in evidence.plan.rules if one.name == "inferior")
    assert rule.when(run.design) == ("every look, silent about an arm before 20 of it are analysed")


def test_success_that_asks_more_than_a_utility_is_about_the_estimand() -> None:
    raw = raw_design("lupus_net_benefit")
    assert claimed_utility(Plan.of(Design(**raw))) is not None
    rule = raw["rules"][1]
    rule |= {"all": [{"posterior": rule.pop("posterior"), "at_least": 0.9},
                     {"posterior": {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0},
                      "at_least": 0.9}]}  # fmt: skip
    del rule["at_least"]
    assert claimed_utility(Plan.of(Design(**raw))) is None
    assert claimed_utility(Plan.of(Design(**raw_design("hello")))) is None
