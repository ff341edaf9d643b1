"""Reports of designs of other kinds: times, strata, several arms; clean sentences, full columns."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import integrate
from scipy.stats import binom

from adaptive_cart.design.design import Design
from adaptive_cart.models.periods.kinds import ADJUSTED
from adaptive_cart.report.build import Source
from adaptive_cart.report.chapters.aims import _why
from adaptive_cart.report.chapters.design import planned_if_chosen
from adaptive_cart.report.columns import PADDING, SHORT, SIZES, breadth, columns, kept_with_next
from adaptive_cart.report.document import (
    WITHHELD_SHORT,
    Block,
    Heading,
    Items,
    Report,
    Row,
    Table,
    code,
    for_audience,
    line,
    lines_of,
    plain,
    row,
    secret,
    without_blank_columns,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.report.layout import LOOSE, TIGHT, contents_leading
from adaptive_cart.report.numbers import Bound, counted, significant
from adaptive_cart.results.figure import mean
from adaptive_cart.running.run import simulate
from checks import DESIGNS, raw_design, tiny_design
from report_case import source, text_of, without_figures

NAMES = (
    "durability_event_driven",
    "basket_diseases",
    "products_multiarm",
    "lupus_single_arm",
    pytest.param("enrichment_biomarker", marks=pytest.mark.slow),
    pytest.param("lupus_first_flare", marks=pytest.mark.slow),
)
OWN_COLUMNS = ("t-example", "t-boundaries")  # a rule may not be judged, or hold for no count
CLUMSY = (
    r"\bnan\b", r"\bNone\b", r"\binf\b", r"\b1 (looks|rules|scenarios|items|analyses|trials)\b",
    r"\bone (looks|rules|scenarios|items|analyses)\b", r"  ", r"\.\.", r" [,.;)]", r"\( ",
    r"(?<!a)\bthe rules \w+, which ask",
)  # fmt: skip


@cache
def folder_of(name: str) -> Any:
    from pathlib import Path
    from tempfile import mkdtemp

    raw = raw_design(name)
    return simulate(Design(**raw), trials=12, jobs=1, out=Path(mkdtemp(prefix="report_")) / "run")


@cache
def report_of(name: str) -> Report:
    """The restricted report of a design, without figures."""
    with pytest.MonkeyPatch.context() as patched:
        without_figures(patched)
        return Source(folder_of(name), sensitivity_trials=0).report("restricted")


def paragraphs(blocks: tuple[Block, ...]) -> list[str]:
    return [plain(p) for b in blocks if not isinstance(b, Table) for p in lines_of(b)]


@pytest.mark.parametrize("name", NAMES)
def test_sentences_are_clean(name: str) -> None:
    report = report_of(name)
    for text in paragraphs(report.blocks):
        for pattern in CLUMSY:
            assert not re.search(pattern, text), (pattern, text)
    for block in report.blocks:
        if isinstance(block, Items):
            ends = [plain(item)[-1:] for item in block.lines]
            assert ends[-1] == ".", plain(block.lines[-1])
    told = text_of(report)
    assert "+nan" not in told
    assert " (nan" not in told


@pytest.mark.parametrize("name", NAMES)
def test_no_column_is_empty(name: str) -> None:
    for table in (b for b in report_of(name).blocks if isinstance(b, Table)):
        if table.key.startswith(OWN_COLUMNS):
            continue
        told = [r.cells for r in table.rows if not r.heading]
        assert told, table.key
        for place, head in enumerate(table.head):
            shown = {plain(cells[place]).strip() for cells in told}
            assert not shown <= {"", "–"}, (table.key, plain(head))


PREDICTS = {"name": "hopeless", "then": "declare_futility", "below": 0.05, "looks": [1],
            "predictive": {"rule": "efficacy"}}  # fmt: skip


@pytest.mark.parametrize(
    ("looks", "more", "said", "not_said"),
    [
        ([24], [], "Not adaptive", "can end the trial"),
        ([12, 24], [], "can end the trial before all 24", "predicted"),
        ([12, 24], [PREDICTS], "is predicted at a look", "Not adaptive"),
    ],
)
def test_why_it_is_adaptive_and_bayesian_is_what_its_rules_make_of_it(
    looks: list[int], more: list[Any], said: str, not_said: str
) -> None:
    raw = tiny_design(looks={"observed": looks})
    raw["rules"] = [*raw["rules"], *more]
    run = simulate(Design(**raw), trials=4, jobs=1, engine="simulate")
    heading, why, *_ = _why(Evidence(run, Facts(), 0))
    assert isinstance(heading, Heading)
    told = " ".join(map(plain, lines_of(why)))
    assert said in told
    assert not_said not in told
    assert "Bayesian, since the rules are read as statements" in told
    assert heading.text == ("Why Bayesian" if looks == [24] else "Why adaptive, and why Bayesian")


def test_nobody_is_still_to_be_followed_up_where_all_are_analysed() -> None:
    told = text_of(report_of("durability_event_driven"))  # a time is analysed as far as it is seen
    assert "all of them in the primary analysis with what has been seen of them" in told
    assert "the others are still to be followed up" not in told
    others = text_of(report_of("products_multiarm"))
    assert "the others are still to be followed up" in others
    assert "all of them in the primary analysis" not in others


def test_a_time_to_an_event_is_told_as_one() -> None:
    told = text_of(report_of("durability_event_driven"))
    assert "when 30, 60 and 90 events of the primary endpoint have been seen" in told
    assert "At a look everybody randomised is analysed" in told
    assert "so that its estimate is too favourable on average" in told
    assert "the months at risk in which they were seen" in told
    assert "Predictive probabilities" not in told
    heads = {b.key: [plain(h) for h in b.head]
             for b in report_of("durability_event_driven").blocks
             if isinstance(b, Table)}  # fmt: skip
    assert "Futility" not in heads["t-main"]
    assert not any(h.startswith("Safety") for h in heads["t-stopping"])
    assert heads["t-priors"] == ["Prior of", "Prior", "Mean", "Interval", "ESS"]
    rows = next(b for b in report_of("durability_event_driven").blocks
                if isinstance(b, Table) and b.key == "t-priors").rows  # fmt: skip
    told_rows = [[plain(c) for c in r.cells[2:]] for r in rows]
    # Gamma(shape 0.1, rate 1): its mean by hand, the upper end by integrating its density
    assert told_rows[0][0] == "0.100"
    upper = float(told_rows[0][1].split()[-1])
    above = integrate.quad(lambda x: x**-0.9 * math.exp(-x) / math.gamma(0.1), upper, 60.0)[0]
    assert above == pytest.approx(0.025, abs=2e-5)
    assert told_rows[0][2] == "0.1 events in 1 month"
    assert told_rows[1] == ["0.000", "−3.92 to 3.92", "1 event"]  # Normal(0, 2): 4 / variance


def _error_at_the_goal() -> float:
    """Success at a rate of 0.20, by a walk over responders with the numbers that `check` tells."""
    alive, won, before = {0: 1.0}, 0.0, 0
    for n, fewest, most in ((20, 11, 3), (40, 15, 10), (60, 20, -1)):
        step, now = binom(n - before, 0.2), {}
        for x, mass in alive.items():
            for k in range(n - before + 1):
                now[x + k] = now.get(x + k, 0.0) + mass * float(step.pmf(k))
        won += sum(mass for x, mass in now.items() if x >= fewest)
        alive, before = {x: mass for x, mass in now.items() if most < x < fewest}, n
    return won


def test_a_single_arm_says_what_replaces_its_control() -> None:
    report = report_of("lupus_single_arm")
    file = (DESIGNS / "lupus_single_arm.toml").read_text(encoding="utf-8").splitlines()
    told = "\n".join(text for text in text_of(report).splitlines() if text not in file)
    assert "Single-arm trial against a performance goal" in told
    assert "compares cart with a number, its performance goal, and has no rand" in told
    assert "What replaces a randomised control" in told
    assert "probability of drug-free remission at month 12 in cart: more than 0.20" in told
    limits = told.split("Limitations\n")[-1]
    for assumed in ("No concurrent control: ", "Selection: ", "Known standard of care: "):
        assert assumed in limits
    assert "only if what is assumed in the place of randomisation is so" in limits
    rates = next(b for b in report.blocks if isinstance(b, Table) and b.key == "t-rates")
    told_rates = {plain(r.cells[0]): float(plain(r.cells[1])) for r in rates.rows}
    assert told_rates["0.2 (the goal)"] == pytest.approx(_error_at_the_goal(), abs=6e-5)
    allowed = ("no arm is the control", "o concurrent control", "randomised control", "control = f")
    words = told
    for phrase in allowed:
        words = words.replace(phrase, "")
    assert not re.search(r"\bcontrol", words), re.findall(r"(?s).{60}\bcontrol.{40}", words)
    assert "randomised 1" not in told
    assert "true probability" in told.lower()


def test_what_is_furthest_off_is_looked_for_in_every_stratum() -> None:
    result = folder_of("basket_diseases")
    frame = result.operating_characteristics
    bias = frame[frame["measure"] == "bias"]
    worst = bias.loc[bias["estimate"].abs().idxmax()]
    told = next(t for t in paragraphs(report_of("basket_diseases").blocks)
                if t.startswith("The posterior mean is furthest"))  # fmt: skip
    assert str(worst["scenario"]) in told
    if isinstance(worst["stratum"], str):
        assert worst["stratum"] in told


def test_rules_that_lead_nowhere_have_no_column() -> None:
    heads = next(b.head for b in source().blocks if isinstance(b, Table) and b.key == "t-main")
    assert {"Futility", "Safety"} <= {plain(head) for head in heads}


# ── columns ───────────────────────────────────────────────────────────────────────────────────
def table_of(rows: tuple[Row, ...], head: tuple[str, ...], **more: Any) -> Table:
    return Table(key="t", title=line("T"), head=tuple(map(line, head)), rows=rows, **more)


def test_columns_keep_their_widths_where_all_fits() -> None:
    table = table_of((row("a", "b"),), ("A", "B"), widths=(1.0, 3.0))
    assert columns(table, {}, 400.0).widths == pytest.approx((100.0, 300.0))
    assert columns(table, {}, 400.0).size == SIZES[0]


def test_a_long_name_takes_room_from_the_others() -> None:
    name = "early_data_do_not_hold_up"
    table = table_of((row(code(name), "few words that may be broken over several lines"),),
                     ("Scenario", "What"), widths=(1.0, 4.0))  # fmt: skip
    fitted = columns(table, {}, 300.0)
    assert sum(fitted.widths) == pytest.approx(300.0)
    assert fitted.widths[0] >= breadth(name, fitted.size, typed=True) + PADDING - 1e-9


def test_a_number_and_its_interval_stay_on_a_line() -> None:
    text = "+16.98 (+16.58 to +17.38)"
    assert len(text) <= SHORT
    table = table_of((row("null", text, text, text),), ("S", "A", "B", "C"),
                     widths=(4.0, 1.0, 1.0, 1.0))  # fmt: skip
    fitted = columns(table, {}, 468.0)
    assert min(fitted.widths[1:]) >= breadth(text, fitted.size) + PADDING - 1e-9


def test_too_much_becomes_smaller_and_still_fits() -> None:
    cells = tuple(f"number{k}" * 2 for k in range(12))
    fitted = columns(table_of((row(*cells),), cells), {}, 468.0)
    assert fitted.size == SIZES[-1]
    assert sum(fitted.widths) <= 468.0 + 1e-9


def test_rows_that_stay_together() -> None:
    assert kept_with_next(3) == {0, 1}
    assert kept_with_next(40) == {0, 1, 37, 38}


def test_columns_of_dashes_are_left_out() -> None:
    table = table_of((row("a", "–", "1"), row("b", "", "–")), ("A", "B", "C"), widths=(1, 2, 3))
    left = without_blank_columns(table)
    assert [plain(head) for head in left.head] == ["A", "C"]
    assert left.widths == (1, 3)
    assert [[plain(c) for c in r.cells] for r in left.rows] == [["a", "1"], ["b", "–"]]


def test_columns_that_are_withheld_leave_nothing_behind() -> None:
    table = table_of(
        (row("1", secret("0.975", otherwise=WITHHELD_SHORT), "x"),),
        ("Look", "if", "N"),
        notes=(line(secret("Above 0.975.", otherwise="")), line("N: number.")),
    )
    (open_,) = for_audience([table], "open")
    assert isinstance(open_, Table)
    assert [plain(head) for head in open_.head] == ["Look", "N"]
    assert [plain(note) for note in open_.notes] == ["N: number."]
    (whole,) = for_audience([table], "restricted")
    assert isinstance(whole, Table)
    assert [plain(c) for c in whole.rows[0].cells] == ["1", "0.975", "x"]


def test_the_contents_fill_a_page_at_most_as_dense_as_can_be_read() -> None:
    assert contents_leading("letter", 10) == LOOSE
    assert contents_leading("letter", 500) == LOOSE  # two pages, and not one and a few lines
    assert TIGHT < contents_leading("letter", 50) < LOOSE


# ── numbers ───────────────────────────────────────────────────────────────────────────────────
def test_counts_in_words_and_powers_of_ten() -> None:
    assert counted(1, "").text == "one"
    assert counted(3, "", capital=True).text == "Three"
    assert counted(13, "").text == "13"
    assert significant(2.2e-15, 1, "").text == "2 × 10⁻¹⁵"
    assert significant(0.0351, 2, "").text == "0.035"


def test_one_trial_has_no_interval() -> None:
    bound = Bound(mean(np.array([0.1712])), "one trial", "difference")
    assert bound.interval() == ()
    assert bound.number().text == "+0.17"


def test_who_is_planned_after_a_choice_stands_below_the_arms() -> None:
    """The first 45 in three arms, and the other 99 in the control and in the one chosen."""
    design = Design(**raw_design("lupus_two_parts"))
    evidence = Evidence.__new__(Evidence)
    evidence.design = design
    assert [plain(note) for note in planned_if_chosen(evidence)] == [
        "Planned if regimen_1 is chosen: soc 65, regimen_1 64 and regimen_2 15.",
        "Planned if regimen_2 is chosen: soc 65, regimen_1 15 and regimen_2 64.",
    ]
    evidence.design = Design(**raw_design("products_multiarm"))
    assert not list(planned_if_chosen(evidence))


def test_one_model_that_knows_the_calendar_in_two_ways_is_told_twice() -> None:
    raw = raw_design("platform_three_products")
    raw["endpoints"]["sooner"] = raw["endpoints"]["dfr"] | {"month": 3}
    raw["analysis"]["sooner"] = {"model": "beta_binomial", "time_trend": {"model": "concurrent"}}
    raw["truth"]["time_trend"]["sooner"] = raw["truth"]["time_trend"]["dfr"]
    for scenario in raw["scenarios"].values():
        scenario["sooner"] = scenario["dfr"]
    asked = raw["rules"][0]["posterior"] | {"endpoint": "sooner"}
    claim = {"name": "soon", "then": "claim", "at_least": 0.95, "posterior": asked}
    raw["rules"].append(claim)
    with pytest.MonkeyPatch.context() as patched:
        without_figures(patched)
        result = simulate(Design(**raw), scenarios=["null"], trials=4, jobs=1)
        told = text_of(Source(result, sensitivity_trials=0).report("restricted"))
    for way in ADJUSTED["periods"], ADJUSTED["concurrent"]:
        assert way["beta_binomial"].title in told
