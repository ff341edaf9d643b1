"""What the report says: every number bound to a cell, nothing restricted in the open one."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.models import ANALYSES, AnalysisBase
from adaptive_cart.models.binary.beta_binomial import BetaBinomial, BetaMixture
from adaptive_cart.models.binary.early_counts_analysis import EarlyBetaBinomialAnalysis
from adaptive_cart.models.periods.kinds import ADJUSTED
from adaptive_cart.nouns.questions import Question
from adaptive_cart.report import accuracy, build, grid, sensitivity
from adaptive_cart.report.chapters import chapter, examples
from adaptive_cart.report.counts_alone import enumerated
from adaptive_cart.report.document import (
    Heading,
    Number,
    Paragraph,
    Reference,
    Table,
    Text,
    for_audience,
    line,
    lines_of,
    listed,
    numbered,
    plain,
    prose,
    secret,
)
from adaptive_cart.report.equations import parsed
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts, facts_template, load_facts
from adaptive_cart.report.layout import sheets
from adaptive_cart.report.mathml import mathml
from adaptive_cart.report.numbers import Bound, given
from adaptive_cart.report.omml import NAMESPACE, omml
from adaptive_cart.report.tracing import checklist, guidance
from adaptive_cart.results.figure import Figure, proportion
from adaptive_cart.results.result import Result
from adaptive_cart.results.tables import summary
from report_case import THRESHOLDS, TRIALS, result, source, tables, text_of, without_figures


# ── sentences ─────────────────────────────────────────────────────────────────────────────────
def test_a_typed_number_is_refused() -> None:
    with pytest.raises(ValueError, match="a number is typed"):
        prose("Power is 0.9.")
    with pytest.raises(ValueError, match="not filled"):
        prose("Power is {power}.")
    with pytest.raises(ValueError, match="not used"):
        prose("Power is high.", power="0.9")
    assert plain(prose("Power is {power}.", power=Number("0.9", "cell"))) == "Power is 0.9."


def test_lists_read_as_a_sentence_does() -> None:
    assert plain(listed(["a"])) == "a"
    assert plain(listed(["a", "b"])) == "a and b"
    assert plain(listed(["a", "b", "c"])) == "a, b and c"


@pytest.mark.parametrize(
    ("events", "n", "shown", "interval"),
    [
        (0, 10_000, "0 (at most 0.00038)", "0 to 0.00038"),
        (0, 600, "0 (at most 0.0064)", "0 to 0.0064"),  # as figures have it, in per cent
        (0, 10, "0 (at most 0.28)", "0 to 0.28"),
        (3767, 10_000, "0.377", "0.367 to 0.386"),
        (748, 1000, "0.75", "0.72 to 0.77"),
        (1000, 1000, "1.0000", "0.9962 to 1.0000"),
    ],
)
def test_digits_follow_the_monte_carlo_error(
    events: int, n: int, shown: str, interval: str
) -> None:
    bound = Bound(proportion(events, n), "cell")
    assert bound.number().text == shown
    assert plain(bound.interval()) == interval


def test_kinds_of_numbers() -> None:
    near = Figure(72.0, 0.2, 71.6, 72.4, 1000)
    assert Bound(near, "cell", "mean").number().text == "72.0"
    percentile = Figure(72.0, 0.25, 72.0, 73.0, 1000)
    assert Bound(percentile, "cell", "mean").number().text == "72"
    assert Bound(Figure(-0.0104, 0.001, -0.012, -0.008, 900), "c", "difference").number().text == (
        "−0.010"
    )
    large = Figure(1234.5, 3.0, 1228.5, 1240.5, 1000)
    assert Bound(large, "cell", "mean").number().text == "1,234"
    assert plain(Bound(large, "cell", "mean").with_interval()) == "1,234 (1,228 to 1,240)"
    nothing = Figure(math.nan, math.nan, math.nan, math.nan, 0)
    assert Bound(nothing, "cell").number().text == "–"
    exact = Bound(Figure(0.1234567, 0.0, 0.1234567, 0.1234567, None), "cell")
    assert exact.number().text == "0.1235"
    assert exact.with_interval() == (exact.number(),)
    assert given(90, "x").text == "90"
    assert given(0.995, "x").text == "0.995"
    assert given(10_000, "x").text == "10,000"


def test_the_report_shows_the_numbers_of_the_summary_table() -> None:
    told = summary(result()).splitlines()
    evidence = source().evidence
    for scenario in evidence.scenarios:
        words = next(text for text in told if text.split()[:1] == [scenario]).split()
        shown = evidence.cell(scenario, "success").beside_interval().text
        assert words[1] == shown or (float(words[1]) == 0.0 and shown == "0")
        lower = evidence.cell(scenario, "success").interval()[0].text  # type: ignore[union-attr]
        assert float(words[2]) == float(lower)


class _Changed(Result):
    """A result in which one cell is another."""

    def __init__(self, other: Result, cell: tuple[str, str], figure: Figure) -> None:
        super().__init__(other.design, other.folder)
        self.cell, self.other = cell, figure

    def figure(self, scenario: str, measure: str, **where: Any) -> Figure:
        if (scenario, measure) == self.cell and not any(where.values()):
            return self.other
        return super().figure(scenario, measure, **where)


def test_another_cell_another_sentence() -> None:
    figure = proportion(4321, 9973)
    changed = _Changed(result(), ("expected", "success"), figure)
    before, after = (Evidence(r, Facts(), 0) for r in (result(), changed))

    def told(evidence: Evidence) -> str:
        told = ("summary", "conduct", "conclusions")
        blocks = [block for name in told for block in chapter(name).blocks(evidence)]
        return "\n".join(plain(p) for block in blocks for p in lines_of(block))

    new = Bound(figure, "").number().text
    assert new == "0.433"
    assert told(before).count(new) == 0
    # the verdict, what is vulnerable, the sample size paragraph, the conclusion
    assert told(after).count(new) >= 3
    assert told(before).replace("1.0000", "") != told(after).replace(new, "")


def test_every_digit_in_prose_has_a_source() -> None:
    """Plain words hold no digit, in any paragraph, list, table or caption."""
    loose = [
        piece.text
        for block in source().blocks
        for pieces in lines_of(block)
        for piece in pieces
        if isinstance(piece, Text) and piece.style != "code" and re.search(r"\d", piece.text)
    ]
    assert [words for words in loose if words not in ("True crs3, cart", "crs3, cart")] == []


# ── numbering and layout ──────────────────────────────────────────────────────────────────────
def test_numbers_of_headings_and_tables() -> None:
    def table(key: str) -> Table:
        return Table(key=key, title=line("T"), head=(line("a"),), rows=())

    blocks, labels = numbered(
        [
            Heading(text="One", key="one"),
            Heading(text="In it", key="in", level=2),
            table("t1"),
            Heading(text="Two", key="two"),
            table("t2"),
            Heading(text="End", key="end", appendix=True),
            Heading(text="In end", key="in-end", level=2),
        ]
    )
    assert labels == {
        "one": "section 1",
        "in": "section 1.1",
        "t1": "Table 1",
        "two": "section 2",
        "t2": "Table 2",
        "end": "appendix A",
        "in-end": "section A.1",
    }
    assert [b.number for b in blocks if isinstance(b, Table)] == [1, 2]
    with pytest.raises(ValueError, match="two blocks"):
        numbered([table("t"), table("t")])


def test_a_wide_table_takes_its_words_along() -> None:
    words = Paragraph(line=line("w"))
    wide = Table(key="w", title=line("T"), head=(line("a"),), rows=(), wide=True)
    upright = replace(wide, key="u", wide=False)
    found = sheets([upright, Heading(text="H", key="h"), words, wide, words, upright])
    assert [(s.landscape, len(s.blocks)) for s in found] == [(False, 1), (True, 4), (False, 1)]


def test_every_reference_has_a_target() -> None:
    for audience in ("open", "restricted"):
        report = source().report(audience)  # type: ignore[arg-type]
        keys = {r.target for b in source().blocks for p in lines_of(b) for r in p
                if isinstance(r, Reference)}  # fmt: skip
        whole = numbered(for_audience(source().blocks, "restricted"))[1]
        assert keys <= whole.keys()
        assert set(report.labels) <= set(whole)


# ── two audiences ─────────────────────────────────────────────────────────────────────────────
def flat_thresholds() -> list[str]:
    values = []
    for value in THRESHOLDS.values():
        values += [str(v) for v in (value if isinstance(value, list) else [value])]
    return values


def runs_of_boundaries() -> set[str]:
    """Boundaries as they are written, the distinctive ones: "14-40"."""
    found = set()
    for boundary in source().evidence.boundaries:
        for row in range(boundary.holds.shape[0]):
            found |= {part for part in boundary.runs(row).split(";") if len(part) >= 5}
    return found


def leaks(text: str) -> list[str]:
    """Restricted numbers that a text holds."""
    found = [value for value in flat_thresholds() if value in text]
    found += [value for value in flat_thresholds() if f"{100 * float(value):.3f}" in text]
    found += [run for run in runs_of_boundaries() if re.search(rf"(?<![\d-]){run}(?![\d-])", text)]
    return found


def test_no_restricted_number_is_in_the_open_report() -> None:
    restricted = text_of(source().report("restricted"))
    assert [value for value in flat_thresholds() if value not in restricted] == []
    missing = [run for run in runs_of_boundaries() if run not in restricted]
    assert missing == []
    assert len(runs_of_boundaries()) > 20
    assert leaks(restricted)
    assert leaks(text_of(source().report("open"))) == []


def test_the_open_report_does_not_depend_on_the_thresholds(monkeypatch: Any) -> None:
    """With the same results and other thresholds the open report is the same, to the letter."""
    # these calculate from the rules; what they show are operating characteristics
    monkeypatch.setattr(grid, "grid_of", lambda evidence: None)
    without_figures(monkeypatch)
    monkeypatch.setattr(examples, "_replayed", lambda *arguments: True)
    other = {"safety": 0.8712, "efficacy": [0.9911, 0.9822, 0.9733], "futility": 0.0333}
    changed = Result(Design(**tables(other)), result().folder)
    texts = [
        text_of(build.Source(r, sensitivity_trials=0).report("open")) for r in (result(), changed)
    ]
    assert texts[0] == texts[1]
    texts = [
        text_of(build.Source(r, sensitivity_trials=0).report("restricted"))
        for r in (result(), changed)
    ]
    assert texts[0] != texts[1]


def test_secrets_are_withheld_wherever_they_stand() -> None:
    hidden = secret("0.9876", otherwise="withheld")
    blocks = [
        Paragraph(line=line("a ", hidden)),
        Table(key="t", title=line(hidden), head=(line(hidden),), rows=(), notes=(line(hidden),)),
        Paragraph(line=line("0.9876"), audience="restricted"),
    ]
    open_ = list(for_audience(blocks, "open"))
    told = "".join(plain(p) for b in open_ for p in lines_of(b))
    assert "0.9876" not in told
    assert told.count("withheld") == 4
    assert len(list(for_audience(blocks, "restricted"))) == 3


# ── what is asked for ─────────────────────────────────────────────────────────────────────────
def test_seventy_items_with_known_guidance() -> None:
    items = checklist()
    assert [item.number for item in items] == list(range(1, 71))
    assert {key for item in items for key in item.by} <= guidance().keys()
    assert all(entry.checked and entry.status and entry.date for entry in guidance().values())


def test_most_items_are_reported_and_the_others_say_why() -> None:
    findings = source().evidence.trace.findings()
    reported = [f for f in findings if f.status == "reported"]
    assert len(reported) >= 40
    labels = source().report("restricted").labels
    for finding in findings:
        if finding.status == "reported":
            assert finding.where
            assert set(finding.where) <= set(labels), finding.item.number
        else:
            assert finding.note


FACTS = """
[protocol]
title = "A trial"
number = "P-1"
version = "2.0"
date = "2026-11-01"
sponsor = "Sponsor"
author = "Author"
[[versions]]
version = "2.0"
date = "2026-11-01"
change = "first"
[conduct]
roles = "An independent statistician."
access = "Closed reports only."
if_overruled = "Recorded."
long_term_follow_up = "Fifteen years."
"""


def test_facts_make_a_report_final(tmp_path: Any, monkeypatch: Any) -> None:
    assert source().report("open").draft.startswith("DRAFT: 3 mandatory items")
    keys = [f.note for f in source().evidence.trace.findings() if f.item.number == 12]
    named = re.findall(r'"([^"]+)"', " ".join(keys))
    assert "dfr.soc" in named
    path = tmp_path / "facts.toml"
    endpoints = ("dfr", "remission", "crs3")
    priors = [f'"{e}.{a}" = "why"' for e in endpoints for a in ("soc", "cart")]
    priors += [f'"relapse.{part}" = "why"' for part in ("cured", "median_months", "shape")]
    path.write_text(FACTS + "[priors]\n" + "\n".join(priors), encoding="utf-8")
    without_figures(monkeypatch)
    done = build.Source(result(), load_facts(path), 0)
    assert done.report("open").draft == ""
    assert "Fifteen years." in text_of(done.report("open"))


def test_the_template_of_facts_shows_every_key(tmp_path: Any) -> None:
    path = tmp_path / "facts.toml"
    path.write_text(facts_template(), encoding="utf-8")
    assert load_facts(path) == Facts()
    open_ = re.sub(r"^# (?=[a-z\[\"].*(=|\]))", "", facts_template(), flags=re.M)
    path.write_text(open_, encoding="utf-8")
    filled = load_facts(path)
    assert filled.lacking_identity() == filled.lacking_conduct() == []
    assert all(getattr(filled, name) for name in Facts.model_fields)


def test_wrong_facts_are_told_all_at_once(tmp_path: Any) -> None:
    path = tmp_path / "facts.toml"
    path.write_text("sponser = 1\n[protocol]\ntitle = 3\n", encoding="utf-8")
    with pytest.raises(DesignError) as told:
        load_facts(path)
    assert "sponser: unknown key" in str(told.value)
    assert "protocol.title" in str(told.value)
    with pytest.raises(DesignError, match="no such file"):
        load_facts(tmp_path / "none.toml")


# ── equations ─────────────────────────────────────────────────────────────────────────────────
EVERY_WAY = [  # each model by itself, over the calendar, and with the state at earlier months
    *ANALYSES.values(),
    *(way for kinds in ADJUSTED.values() for way in kinds.values()),
    EarlyBetaBinomialAnalysis,
]


@pytest.mark.parametrize("model", EVERY_WAY)
def test_equations_are_well_formed_in_every_language(model: type[AnalysisBase]) -> None:
    for statement in model.statements:
        shown = ElementTree.fromstring(mathml(statement.source, statement.words))
        word = ElementTree.fromstring(omml(statement.source))
        letters = ["".join(tree.itertext()).replace(" ", "") for tree in (shown, word)]
        # Word keeps the sign of a sum as a property of it
        letters[1] += "".join(
            sign.attrib[f"{{{NAMESPACE}}}val"]
            for name in ("chr", "begChr", "endChr")
            for sign in word.iter(f"{{{NAMESPACE}}}{name}")
        )
        assert sorted(letters[0]) == sorted(letters[1])


def test_scripts_fractions_and_sums() -> None:
    assert mathml(r"x_i^2").count("<msubsup>") == 1
    assert mathml(r"\sum_{i} x_i").count("<munder>") == 1
    assert mathml(r"\frac{1}{n}").count("<mfrac>") == 1
    assert "<m:nary>" in omml(r"\sum_{i} x_i")
    assert "<m:sSubSup>" in omml(r"x_i^2")
    for wrong in (r"\unknown", "x_{i", "x}", "€", "(x", "x)"):
        with pytest.raises(ValueError, match=r"outside|brace"):
            parsed(wrong)


# ── what is worked out ────────────────────────────────────────────────────────────────────────
@pytest.mark.slow
def test_accuracy_finds_a_wrong_posterior(monkeypatch: Any) -> None:
    found = accuracy.measured(source().evidence)
    assert found is not None
    assert found.tables > 50
    assert found.largest < 1e-9
    assert found.disagreements == 0
    right = accuracy._fast
    monkeypatch.setattr(accuracy, "_fast", lambda *a: right(*a) - 2e-3)
    wrong = accuracy.measured(source().evidence)
    assert wrong is not None
    assert wrong.largest == pytest.approx(2e-3, rel=1e-6)
    assert wrong.disagreements > 0


def test_the_grid_agrees_with_simulation() -> None:
    """Type I error on the boundary, enumerated, against trials drawn from binomial counts."""
    found = grid.grid_of(source().evidence)
    assert found is not None
    assert found.left_out == ("safety",)
    control, draws = 0.2, 4000
    generator = np.random.Generator(np.random.Philox(7))
    evidence = source().evidence
    arms = [generator.random((draws, n)) < p for n, p in ((30, control), (60, control + 0.15))]
    wins = np.zeros(draws, dtype=bool)
    running = np.ones(draws, dtype=bool)
    for look, (a, b) in enumerate(((12, 24), (20, 40), (30, 60)), start=1):
        counts = arms[0][:, :a].sum(axis=1), arms[1][:, :b].sum(axis=1)
        for name in ("efficacy", "futility"):
            holds = [x.holds for x in evidence.boundaries if (x.rule, x.look) == (name, look)]
            if holds:
                hit = running & holds[0][counts]
                wins |= hit & (name == "efficacy")
                running &= ~hit
    error = math.sqrt(0.1 * 0.9 / draws)
    assert wins.mean() == pytest.approx(found.success[control, 0.15], abs=5 * error)


def test_the_largest_error_on_the_boundary_is_no_grids() -> None:
    """The engine that runs designs has it at that control rate, and less on either side of it."""
    found = grid.grid_of(source().evidence)
    assert found is not None
    control, error = found.worst
    controls = [control + step for step in (-0.002, 0.0, 0.002)]
    near = tuple((rate, rate + found.margin) for rate in controls)
    text = json.dumps(found.design.plain())
    below, there, above = (success for success, _ in enumerated(text, near))
    assert there == pytest.approx(error, abs=1e-9)
    assert max(below, above) < there
    assert error > max(found.success[c, d] for c, d in found.success if d == found.margin)
    assert found.worst_between(0.3, 0.5)[0] == pytest.approx(0.3)


def test_examples_are_the_median_of_their_kind() -> None:
    evidence = source().evidence
    chosen = examples.picked(evidence)
    assert {e.title for e in chosen} >= {"early success", "early futility", "stop for safety"}
    trials = evidence.trials
    for example in chosen:
        if example.title != "early success":
            continue
        here = trials[
            (trials["scenario"] == example.scenario)
            & (trials["reason"] == "success")
            & (trials["look"] < 3)
            & ~trials["reversal"]
        ]
        sizes = sorted(zip(here["n_randomised"], here["months"], here["trial"], strict=True))
        assert example.trial == sizes[(len(sizes) - 1) // 2][2]
        assert example.among == len(sizes)
    assert examples.all_replayed(evidence) == (len(chosen), len(chosen))


def test_variants_are_paired_with_the_design() -> None:
    evidence = source().evidence
    plain_design = evidence.design
    base = sensitivity._simulated(evidence, plain_design, evidence.truths["expected"], 40)
    stored = evidence.trials
    here = stored[(stored["scenario"] == "expected") & (stored["trial"] < 40)]
    assert (base[1] == here["n_randomised"].to_numpy()).all()
    assert (base[2] == here["months"].to_numpy()).all()
    found = {v.key: v for v in sensitivity.variants(plain_design, evidence.truths)}
    assert {"fixed", "no_futility", "slower", "faster", "vague", "dropout"} <= found.keys()
    fixed = sensitivity._simulated(evidence, found["fixed"].design, evidence.truths["expected"], 40)
    assert (fixed[1] == 90).all()
    assert (found["fixed"].design.looks.number, len(found["fixed"].design.rules)) == (1, 2)
    slower = found["slower"].design
    slow = sensitivity._simulated(evidence, slower, slower.truths["expected"], 40)
    assert slow[2].mean() > base[2].mean()


def test_the_run_is_told_with_its_own_numbers() -> None:
    text = text_of(source().report("open"))
    assert f"{TRIALS} simulated trials a scenario" in text
    assert result().manifest["digest"] in text


@pytest.mark.parametrize("kind", ["level", "ratio", "odds_ratio"])
@pytest.mark.parametrize("value", [0.6, 1.4])
def test_accuracy_works_out_what_is_asked_of_two_arms(kind: str, value: float) -> None:
    question = Question("dfr", 1, 0, value=value - (kind == "level"), kind=kind)
    rng = np.random.default_rng(11)
    control, arm = rng.beta(2.5, 10.5, 200_000), rng.beta(6.0, 5.0, 200_000)
    compared = np.broadcast_to(question.of.compare(arm, control), arm.shape)
    model = BetaBinomial((BetaMixture.single(1.5, 1.5), BetaMixture.single(2.0, 1.0)))
    slow = accuracy._slow(model, question, (10, 8), (1, 4))
    assert slow == pytest.approx((compared > question.value).mean(), abs=0.006)
