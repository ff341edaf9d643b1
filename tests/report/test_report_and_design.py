"""Reports read against their design files: rules, dates, labels, thresholds, what was not done."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from adaptive_cart.design.design import Design
from adaptive_cart.report.build import Source
from adaptive_cart.report.chapters import chapter, model
from adaptive_cart.report.chapters.provisions import enrolment_between_looks, provisions
from adaptive_cart.report.document import (
    Audience,
    Block,
    Heading,
    Items,
    Paragraph,
    Reference,
    Report,
    Table,
    lines_of,
    plain,
)
from adaptive_cart.report.evidence import UNKNOWN, Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.report.measure_words import measure_words
from adaptive_cart.report.numbers import Bound
from adaptive_cart.results.calibration import Calibrated, NullPoint
from adaptive_cart.results.figure import proportion
from adaptive_cart.results.result import Result
from adaptive_cart.running.run import simulate
from checks import raw_design
from report_case import text_of, without_figures

SAFETY = """
name = "Donor cells in myositis"
[arms.ctl]
control = true
label = "Usual immunosuppression"
[arms.trt]
product = "allogeneic"
allocation = 2
label = "Donor CAR-T cells"
[endpoints.free]
type = "landmark"
month = 6
label = "Drug-free remission"
[endpoints.icans]
type = "adverse_event"
within_months = 1.0
label = "ICANS grade 3 or higher"
[endpoints.infection]
type = "event_rate"
label = "Serious infection"
[analysis.free]
model = "beta_binomial"
prior.ctl = { mixture = [
    { weight = 0.7, a = 6.0, b = 24.0 },
    { weight = 0.3, a = 1.0, b = 1.0 },
] }
[analysis.icans]
model = "beta_binomial"
prior.trt = { a = 0.2, b = 3.8 }
[analysis.infection]
model = "gamma_poisson"
prior = { a = 0.5, b = 5.0 }
[enrolment]
max_n = 75
per_month = 5
[looks]
observed = [45, 75]
[[rules]]
name = "icans"
then = "stop_for_safety"
posterior = { endpoint = "icans", arm = "trt", above = 0.10 }
at_least = 0.9017
every = 5
[[rules]]
name = "infection"
then = "stop_for_safety"
posterior = { endpoint = "infection", arm = "trt", minus = "ctl", above = 0.20 }
at_least = 0.9029
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "free", arm = "trt", minus = "ctl", above = 0.0 }
at_least = 0.6031
[calibration]
type_one_error = 0.025
[truth.ctl]
remission = { probability = 0.20, onset = { dist = "exponential", median = 3.0 } }
durability = { cured = 1.0 }
rates = { infection = 0.10 }
[truth.trt]
remission = { probability = 0.50, onset = { dist = "exponential", median = 2.0 } }
durability = { cured = 1.0 }
events = { icans = 0.03 }
rates = { infection = 0.20 }
[scenarios.null]
trt = { same_as = "ctl" }
[scenarios.expected]
[scenarios.toxic]
role = "robustness"
trt = { events = { icans = 0.25 } }
"""
STRATA = """
name = "Two diseases"
[arms.ctl]
control = true
label = "Best standard of care"
[arms.trt]
product = "autologous"
label = "Autologous CAR-T cells"
[strata]
sle = 0.6
myositis = 0.4
[endpoints.response]
type = "landmark"
month = 6
primary = true
label = "Response"
[endpoints.flare]
type = "time_to_event"
label = "Flare"
[analysis.response]
model = "logistic"
prior.intercept = { dist = "normal", mean = -1.5, sd = 1.0 }
prior.treatment = { dist = "normal", mean = 0.0, sd = 1.5 }
prior.stratum = { dist = "normal", mean = 0.0, sd = 0.7 }
prior.interaction = { dist = "normal", mean = 0.0, sd = 0.7 }
[analysis.flare]
model = "piecewise_exponential"
cuts = [12.0]
prior.baseline = { a = 0.1, b = 1.0 }
prior.log_hazard_ratio = { dist = "normal", mean = 0.0, sd = 2.0 }
[enrolment]
max_n = 60
per_month = 6
[looks]
observed = [30]
final = "all_observed"
[[rules]]
name = "harm"
then = "declare_futility"
posterior = { endpoint = "flare", arm = "trt", hazard_ratio_to = "ctl", above = 1.0 }
at_least = 0.9041
looks = [1]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "response", arm = "trt", minus = "ctl", above = 0.0, stratum = "each" }
at_least = 0.9753
[scenarios.null]
response = { ctl = 0.20, trt = 0.20 }
flare.ctl = { dist = "exponential", median = 10.0 }
flare.trt = { dist = "exponential", median = 10.0 }
[scenarios.expected]
response = { ctl = 0.20, trt = 0.60 }
flare.ctl = { dist = "exponential", median = 10.0 }
flare.trt = { dist = "exponential", median = 20.0 }
"""
FLARES = STRATA.replace("declare_futility", "stop_for_safety")
DROPS = SAFETY.replace("stop_for_safety", "drop_arm")
DESIGNS = {"safety": SAFETY, "strata": STRATA, "flares": FLARES, "drops": DROPS}
THRESHOLDS = ("0.9017", "0.9029", "0.6031", "0.9041", "0.9753")


@cache
def run_of(name: str) -> Result:
    folder = Path(mkdtemp(prefix="report_and_design_")) / "run"
    text = DESIGNS[name]
    return simulate(Design(**tomllib.loads(text)), trials=60, seed=1, jobs=1, out=folder,
                    design_text=text)  # fmt: skip


@cache
def source_of(name: str) -> Source:
    """The report without figures and variants."""
    with pytest.MonkeyPatch.context() as patched:
        without_figures(patched)
        return Source(run_of(name), sensitivity_trials=0)


@cache
def report_of(name: str, audience: Audience) -> Report:
    return source_of(name).report(audience)


def table(name: str, key: str, audience: Audience = "open") -> Table:
    found = [b for b in report_of(name, audience).blocks if isinstance(b, Table) and b.key == key]
    return found[0]


def said(name: str, audience: Audience = "open") -> str:
    return text_of(report_of(name, audience))


def section(name: str, key: str, audience: Audience = "open") -> str:
    """What stands under a heading, to the next one."""
    blocks = report_of(name, audience).blocks
    start = next(k for k, b in enumerate(blocks) if isinstance(b, Heading) and b.key == key)
    told: list[str] = []
    for block in blocks[start + 1 :]:
        if isinstance(block, Heading):
            break
        told += [plain(pieces, report_of(name, audience).labels) for pieces in lines_of(block)]
    return "\n".join(told)


# ── rules ─────────────────────────────────────────────────────────────────────────────────────
INFECTION = (
    "the rate of Serious infection in Donor CAR-T cells exceeds that in Usual immunosuppression "
    "by more than 0.20 a year"
)
RHYTHM = "every look and, between looks, every 5th infusion (all arms counted)"


@pytest.mark.parametrize("audience", ["open", "restricted"])
@pytest.mark.parametrize("where", ["criterion", "safety", "paste-interim"])
def test_rules_are_told_as_they_are_judged(where: str, audience: Audience) -> None:
    told = section("safety", where, audience)
    assert INFECTION in told
    assert RHYTHM in told
    assert ("0.9029" in told) == (audience == "restricted" and where != "criterion")


def test_a_safety_rule_stands_beside_the_truth_that_it_judges() -> None:
    found = table("safety", "t-safety")
    heads = [plain(head) for head in found.head]
    place = next(k for k, head in enumerate(heads) if "Serious infection" in head)
    assert heads[place] == (
        "True rate of Serious infection, Donor CAR-T cells − Usual immunosuppression (limit 0.20 "
        "a year)"
    )
    rows = {plain(r.cells[0]): [plain(cell) for cell in r.cells] for r in found.rows}
    assert rows["expected"][place] == "0.100"  # 0.20 a year against 0.10
    trials = run_of("safety").trials
    toxic = trials[trials["scenario"] == "toxic"]
    for rule in ("icans", "infection"):
        shown = float(rows["toxic"][heads.index(f"Stopped by {rule}")].split()[0])
        assert shown == pytest.approx((toxic["rule"] == rule).mean(), abs=0.006)


def test_arms_dropped_for_harm_are_told_where_nothing_stops_the_trial_for_it() -> None:
    told = section("drops", "safety", "restricted")
    assert "No rule of this design stops the trial for safety." in told
    dropping = [rule for rule in Design(**tomllib.loads(DROPS)).rules if rule.decision.drops_arms]
    assert dropping
    for rule in dropping:
        assert f"{rule.name} drops an arm for harm if the posterior probability" in told


def test_a_safety_rule_on_a_hazard_ratio_stands_beside_the_true_one() -> None:
    found = table("flares", "t-safety")
    heads = [plain(head) for head in found.head]
    place = next(k for k, head in enumerate(heads) if head.startswith("True hazard ratio"))
    rows = {plain(r.cells[0]): plain(r.cells[place]) for r in found.rows}
    assert rows == {"null": "1.000", "expected": "0.500"}  # medians of 10, and of 10 and 20 months


def test_rules_of_strata_and_hazard_ratios_are_told_whole() -> None:
    told = section("strata", "paste-interim", "restricted")
    assert (
        "the hazard ratio of Flare in Autologous CAR-T cells against Best standard of care" in told
    )
    assert "exceeds 1.00 is at least 0.9041, judged at look 1" in told
    assert "the probability of Response in Autologous CAR-T cells in each stratum exceeds" in told


def test_a_board_can_look_up_the_counts_that_stop_the_trial() -> None:
    """By the definition: the fewest events whose posterior probability reaches the threshold."""
    from scipy.stats import beta

    found = table("safety", "t-stops-icans", "restricted")
    told: dict[int, int] = {}
    for row in found.rows:
        ends = [int(part) for part in plain(row.cells[0]).split(" to ")]
        fewest = int(plain(row.cells[1]).split()[0])
        told |= dict.fromkeys(range(ends[0], ends[-1] + 1), fewest)
    assert sorted(told) == list(range(1, 51))
    for n, fewest in told.items():
        above = [beta.sf(0.10, 0.2 + x, 3.8 + n - x) >= 0.9017 for x in range(n + 1)]
        assert fewest == (above.index(True) if any(above) else n + 1), n
    assert "t-stops-icans" not in {b.key for b in report_of("safety", "open").blocks
                                   if isinstance(b, Table)}  # fmt: skip


def test_what_is_decided_between_looks_is_no_exception_that_is_hidden() -> None:
    told = section("safety", "looks")
    assert "But for icans, judged between looks too, nothing is decided before 45" in told


PROVISIONS = [
    ("products_multiarm", {"multiarm": {"ends": "first_success"}}, "ends at the first success"),
    ("products_multiarm", {"multiarm": {"ends": "all_arms_resolved"}}, "when every experimental "
     "arm has succeeded"),
    ("products_multiarm", {"randomisation": {"method": "response_adaptive"}}, "as large as the "
     "largest"),
    ("products_multiarm", {"randomisation": {"method": "response_adaptive", "control": 0.3}},
     "fixed at 0.3"),
    ("basket_diseases", {"enrolment": {"after_closing": "keep"}}, "are lost, which slows"),
    ("basket_diseases", {"enrolment": {"after_closing": "redistribute"}}, "go to the open strata"),
    ("sle_autologous", {"crossover": {"from": "soc", "to": "cart", "after_month": 12.0}},
     "at month 12 may take the treatment of cart from then on; crossover before the outcome"),
    ("sle_autologous", {"crossover": {"from": "soc", "to": "cart", "after_month": 12.0,
                                      "strategy": "treatment_policy"}}, "(treatment policy)"),
    ("goldilocks_allogeneic", {}, "ends when a rule stops it"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "changed", "said"), PROVISIONS)
def test_every_provision_of_the_design_is_told(
    name: str, changed: dict[str, Any], said: str
) -> None:
    raw = raw_design(name)
    for key, value in changed.items():
        whole = key in ("randomisation", "multiarm")
        raw[key] = value if whole else {**raw.get(key, {}), **value}
    if "crossover" in changed:
        raw["truth"]["soc"]["crossover"] = {"probability": 0.5}
    evidence = Evidence.__new__(Evidence)  # nothing but the design and its scenarios is asked
    evidence.design = Design(**raw)
    roles = {name: truth.role for name, truth in evidence.design.truths.items()}
    evidence.result = SimpleNamespace(roles=roles)
    told = [plain(text) for text in provisions(evidence)]
    assert said in " ".join([*told, enrolment_between_looks(evidence)])


# ── labels ────────────────────────────────────────────────────────────────────────────────────
OWN_NAMES = ("t-register", "t-scenarios", "t-all", "t-priors")  # the names of the design file


@pytest.mark.parametrize("name", DESIGNS)
def test_arms_have_their_labels_wherever_endpoints_have_theirs(name: str) -> None:
    """The name of the design file stands beside the label at its first mention, and in its own."""
    beside = set()
    for block in report_of(name, "open").blocks:
        if isinstance(block, Table) and block.key in OWN_NAMES:
            continue
        for pieces in lines_of(block):
            told = plain(pieces)
            for found in re.finditer(r"(?<![.\w])(ctl|trt)\b", told):
                assert f"({found.group()})" in told, told
                beside.add(found.group())
    assert beside == {"ctl", "trt"}
    for label in ("Best standard of care", "Usual immunosuppression"):
        assert (label in said(name)) == (label in DESIGNS[name])


# ── thresholds ────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("audience", ["open", "restricted"])
def test_no_calibration_is_told_that_was_not_made(audience: Audience) -> None:
    told = said("safety", audience)
    evidence = source_of("safety").evidence
    error = evidence.cell("null", "success")
    assert error.figure.estimate > 0.025
    assert "thresholds were calibrated so" not in told
    assert "The threshold for success is the smallest" not in told
    where = section("safety", "thresholds", audience)
    assert where.startswith(
        "The thresholds were set by hand. The type I error of the null scenario"
    )
    assert error.number().text in where
    assert "above the 0.025 that [calibration] asks for" in where
    status = {f.item.number: f.status for f in evidence.trace.findings()}
    assert status[19] == status[17] == "missing"
    assert "type I error above its target" in report_of("safety", audience).draft


# ── stops between looks ───────────────────────────────────────────────────────────────────────
def test_stops_between_looks_have_a_place_of_their_own() -> None:
    trials = run_of("safety").trials
    toxic = trials[trials["scenario"] == "toxic"]
    between = (toxic["between"] & (toxic["look"] == 1)).to_numpy()
    assert 0.2 < between.mean() < 1.0
    found = table("safety", "t-stopping")
    heads = [plain(head) for head in found.head]
    rows = [[plain(cell) for cell in row.cells] for row in found.rows]
    first = next(k for k, cells in enumerate(rows) if cells[0] == "toxic")
    assert [cells[1] for cells in rows[first : first + 4]] == ["before 1", "1", "before 2", "2"]
    safety, reached = heads.index("Safety: all"), heads.index("Safety: reached")
    stops = ((toxic["reason"] == "safety") & (toxic["look"] == 1)).to_numpy()
    at = stops & ~between
    assert float(rows[first][safety]) == pytest.approx(between.mean(), abs=0.006)
    assert float(rows[first + 1][2]) == pytest.approx(1.0 - between.mean(), abs=0.006)
    assert float(rows[first + 1][reached].split()[0]) == pytest.approx(
        at.sum() / (~between).sum(), abs=0.006
    )


def test_only_trials_that_reach_a_look_are_told_to_be_there() -> None:
    trials = run_of("safety").trials
    here = trials[trials["scenario"] == "expected"]
    found = table("safety", "t-sets")
    rows = {plain(row.cells[0]): [plain(cell) for cell in row.cells[1:]] for row in found.rows}
    heads = [plain(head) for head in found.head[1:]]
    early = int((here["between"] & (here["look"] == 1)).sum())
    assert int(rows["Trials that reach it, or stop there"][heads.index("Look 1")]) == 60 - early
    assert rows["In the primary analysis"][heads.index("Look 1")].split()[0] == "45"


# ── what the open report leaves out ───────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", DESIGNS)
def test_nothing_restricted_leaves_a_hole_in_the_open_report(name: str) -> None:
    report = report_of(name, "open")
    own = {b.key for b in report.blocks if hasattr(b, "key")}
    text = text_of(report)
    assert [value for value in THRESHOLDS if value in text] == []
    for block in report.blocks:
        if isinstance(block, Table):
            check_table(block)
        for pieces in lines_of(block):
            assert [p.target for p in pieces if isinstance(p, Reference)
                    and p.target not in own] == []  # fmt: skip
            told = plain(pieces, report.labels)
            assert not re.search(r"(\bif|:|,|\band|\()\s*$", told) or _leads(block), told
            assert "withheld" not in told
        if isinstance(block, Paragraph):
            assert plain(block.line).strip()


def _leads(block: Block) -> bool:
    """Whether a line may end in a colon: it leads up to a list, or to what is quoted."""
    return isinstance(block, Paragraph | Items) and any(
        plain(pieces).rstrip().endswith(":") for pieces in lines_of(block)
    )


PROMISES = {  # words of a title, and what some column then has to be about
    r"smallest": r"[Ss]mallest",
    r"by look": r"Look",
    r"\bpower\b": r"[Pp]ower|difference",
    r"[Cc]overage": r"Coverage",
    r"[Bb]ias": r"Bias",
    r"interval": r"[Ii]nterval|Coverage",
    r"effective sample size": r"ESS",
    r"Prior probability": r"Prior probability",
    r"reason": r"Success",
}


def check_table(table: Table) -> None:
    heads = " | ".join(plain(head) for head in table.head)
    assert len(table.head) > 1, table.key
    assert [r for r in table.rows if not r.heading], table.key
    for words, column in PROMISES.items():
        if re.search(words, plain(table.title)):
            assert re.search(column, heads), (plain(table.title), heads)
    for note in table.notes:
        assert plain(note).rstrip().endswith("."), plain(note)


@pytest.mark.parametrize("name", DESIGNS)
def test_one_sentence_says_what_stands_in_the_annex(name: str) -> None:
    told = section(name, "by-look")
    annex = report_of(name, "restricted")
    shown = {b.key for b in report_of(name, "open").blocks if isinstance(b, Table)}
    alone = [b for b in annex.blocks if isinstance(b, Table) and b.key not in shown]
    assert alone
    for block in alone:
        assert f"Table {block.number} (" in told, block.key
    assert "In the restricted annex stand" not in text_of(annex)


# ── a calibration that was made, and an accuracy that was measured ────────────────────────────
def with_calibration(fresh: float, method: Literal["exact", "simulated"] = "simulated") -> Source:
    """The report of the run, as if its threshold had been searched."""
    n = 10_000
    worst = NullPoint("ctl 0.3000, trt 0.3000", 0.0248, 0.0016)
    found = Calibrated(
        threshold=0.6031, must_not_count=0.6030, may_count=0.6032, target=0.025,
        claims={"efficacy": "trt − ctl > 0.00"}, margins={"efficacy": 0.0},
        region="all ctl rates from 0 to 1", method=method, points=(worst,), worst=worst.name,
        trials=n, fresh=proportion(round(fresh * n), n) if method == "simulated" else None, seed=3,
        notes=("one scenario does not count",), scenarios=("null",), asked="", found="",
    )  # fmt: skip
    result = Result(run_of("safety").design, run_of("safety").folder)
    result.__dict__["calibration"] = found  # as if the manifest held it
    with pytest.MonkeyPatch.context() as patched:
        without_figures(patched)
        return Source(result, sensitivity_trials=0)


@pytest.mark.parametrize(("fresh", "side"), [(0.0232, "at most"), (0.0281, "above")])
def test_a_calibration_is_told_with_the_numbers_of_its_search(fresh: float, side: str) -> None:
    source = with_calibration(fresh)
    told = text_of(source.report("open"))
    assert "searched on 10,000 trials at each of 1 null point, with" in told
    at = "at Usual immunosuppression 0.3000, Donor CAR-T cells 0.3000"
    assert f"the largest error there is 0.0248, {at}" in told
    assert f"On 10,000 fresh trials the error there is {fresh:.3f}" in told
    assert f"), {side} what is asked for" in told
    assert "One scenario does not count." in told
    status = {f.item.number: f.status for f in source.evidence.trace.findings()}
    assert status[19] == status[17] == "reported"
    warned = "Fresh trials of the calibration put the type I error at" in told
    assert warned == (side == "above")
    # what the run itself found is said all the same
    assert "above the 0.025 that [calibration] asks for" in told


def test_an_enumerated_calibration_has_no_fresh_trials() -> None:
    told = text_of(with_calibration(0.02, "exact").report("restricted"))
    assert "The error was enumerated; the largest is 0.0248, at Usual immunosuppression" in told
    assert "fresh trials" not in told


def test_a_verification_in_the_results_folder_supplies_the_accuracy(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run_of("strata").folder, folder)
    assert "accuracy of posteriors not measured" in report_of("strata", "open").draft
    summary = {
        "digest": run_of("strata").manifest["digest"], "status": "complete", "failed": False,
        "probabilities": 400, "looks_verified": 200, "largest_difference": 0.00123,
        "decisions_differing": 0, "largest_r_hat": 1.0021, "smallest_ess_bulk": 1234.0,
    }  # fmt: skip

    def told(**changed: Any) -> tuple[str, str]:
        (folder / "verification").mkdir(exist_ok=True)
        text = json.dumps(summary | changed)
        (folder / "verification" / "verification.json").write_text(text, encoding="utf-8")
        evidence = Evidence(Result(run_of("strata").design, folder), Facts(), 0)
        blocks = chapter("model").blocks(evidence)
        said = "\n".join(plain(pieces) for block in blocks for pieces in lines_of(block))
        return said, evidence.trace.findings()[39].status

    with pytest.MonkeyPatch.context() as patched:
        without_figures(patched)
        said, status = told()
        assert "400 posterior probabilities at 200 looks" in said
        assert status == "reported"
        assert told(failed=True)[1] == told(digest="another")[1] == "missing"


def test_every_measure_has_words() -> None:
    for name in DESIGNS:
        design, frame = run_of(name).design, run_of(name).operating_characteristics
        for measure in dict.fromkeys(frame["measure"]):
            words = measure_words(design, measure)
            assert "_" not in words, measure


# ── the summary ───────────────────────────────────────────────────────────────────────────────
def test_the_first_page_says_prior_target_and_who_is_enrolled() -> None:
    told = section("safety", "summary")
    evidence = source_of("safety").evidence
    assert "above the 0.025 that [calibration] asks for" in told
    enrolled = evidence.cell("expected", "n_randomised_mean").number().text
    assert f"By then {enrolled} of at most 75 participants are enrolled" in told
    assert "Usual immunosuppression 0.7 Beta(6, 24) + 0.3 Beta(1, 1) (mean 0.290, worth" in told


def test_safety_rules_that_act_are_no_weakness() -> None:
    told = section("safety", "summary")
    acting, weak = told.split("What the design is most vulnerable to:")
    assert "Where there is harm, the safety rules act:" in acting
    assert "In toxic " in acting
    assert "In toxic the probability of success falls" not in weak


def test_one_effective_sample_size_is_quoted() -> None:
    heads = [plain(head) for head in table("safety", "t-priors").head]
    assert heads[-1] == "ESS"
    assert len(heads) == 5
    assert "expected local information ratio" in plain(table("safety", "t-priors").notes[0])


def test_nought_is_written_one_way() -> None:
    """Wherever a share of trials is nought its bound stands beside it."""
    for block in report_of("safety", "open").blocks:
        if not isinstance(block, Table) or block.key in ("t-true", "t-scenarios", "t-software"):
            continue
        heads = [plain(head) for head in block.head]
        for row in block.rows:
            if re.match("true |bias|observed ", plain(row.cells[0])):
                continue
            for head, cell in zip(heads, row.cells, strict=True):
                if not re.search("[Tt]ru|Bias|MCSE", head):
                    assert not re.fullmatch(r"0\.0+", plain(cell)), (block.key, head)


def test_verdicts_that_a_run_did_not_count_are_told_so() -> None:
    unknown = Bound(UNKNOWN, "operating_characteristics.csv")
    evidence: Any = SimpleNamespace(
        plan=SimpleNamespace(by_error={0.002: ["efficacy"]}),
        scenarios=["null"],
        cell=lambda scenario, measure: unknown,
    )
    assert plain(model._within_error(evidence)).endswith("were not counted in this run.")
