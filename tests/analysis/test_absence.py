"""The absence of a record is not an event: visits a few days early, silence, and who has left."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.analysis import analyze, folder
from adaptive_cart.analysis.absence import hangs_on_absence
from adaptive_cart.analysis.replay import Replay, replayed
from adaptive_cart.cli import main
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.decisions import REASONS
from adaptive_cart.design.design import Design
from adaptive_cart.recorded.file import read_participants
from adaptive_cart.recorded.known import LEFT, Silence
from adaptive_cart.recorded.rows import ALWAYS
from analysis.test_real_trial_round_trip import simulated, table
from checks import raw_design

VISITS: dict[str, Any] = {
    "name": "visits",
    "arms": {"usual": {"control": True}, "cells": {"product": "allogeneic"}},
    "endpoints": {"free": {"type": "landmark", "month": 6}},
    "enrolment": {"max_n": 80, "per_month": 4},
    "looks": {"observed": [40, 80]},
    "rules": [
        {"name": "efficacy", "then": "declare_success", "at_least": 0.99,
         "posterior": {"endpoint": "free", "arm": "cells", "minus": "usual", "above": 0.0}},
        {"name": "futility", "then": "declare_futility", "below": 0.20, "looks": [1],
         "predictive": {"rule": "efficacy"}},
    ],
    "scenarios": {"expected": {"free": {"usual": 0.2, "cells": 0.5}}},
}  # fmt: skip
COLUMNS = ("events", "analysed", "missing")
EARLY = (0.0, 0.03, 0.10, 0.16)  # months: none, one, three and five days


def visit_rows(**changes: Any) -> list[dict[str, Any]]:
    """Forty who come every six weeks; nobody withdrew, three in four came a little early."""
    rows = []
    for k in range(40):
        cells = k % 2 == 1
        remits = k // 2 < (10 if cells else 4)
        rows.append(
            {"participant": k + 1, "arm": "cells" if cells else "usual",
             "randomised_month": 0.25 * k, "infused_month": 0.3 if cells else "",
             "remission_month": 3.1 if remits else "", "relapse_month": "", "rescue_month": "",
             "death_month": "", "withdrawn_month": "",
             "last_contact_month": 6.0 - EARLY[k // 2 % 4]} | changes
        )  # fmt: skip
    return rows


def predictive(cells: int, usual: int, seen: int, planned: int) -> float:
    """Predictive probability of success at the last look, summed over all that may still come."""
    grid = (np.arange(4000) + 0.5) / 4000
    left = planned - seen
    density = stats.beta.pdf(grid, 1 + np.arange(planned + 1)[:, None],
                             1 + planned - np.arange(planned + 1)[:, None]) / 4000  # fmt: skip
    below = density.cumsum(axis=1) - density / 2
    better = density @ below.T  # (responders in cells, in usual)
    mine = stats.betabinom.pmf(np.arange(left + 1), left, 1 + cells, 1 + seen - cells)
    theirs = stats.betabinom.pmf(np.arange(left + 1), left, 1 + usual, 1 + seen - usual)
    holds = better[cells : cells + left + 1, usual : usual + left + 1] >= 0.99
    return float(mine @ holds @ theirs)


def counts(found: Any, endpoint: str = "free") -> dict[str, tuple[int, int, int]]:
    return {
        group.arm: tuple(int(group.endpoints[endpoint][c]) for c in COLUMNS)
        for group in found.findings.numbers
    }  # fmt: skip


# ── a visit a few days early ──────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("as_of", [15.75, None])
def test_a_visit_a_few_days_early_is_the_visit(as_of: float | None) -> None:
    found = analyze(Design(**VISITS), visit_rows(), look=1, as_of=as_of, fast=True)
    assert counts(found) == {"usual": (4, 20, 0), "cells": (10, 20, 0)}
    assert [(g.lost, g.unseen) for g in found.findings.numbers] == [(0, 0), (0, 0)]
    futility = found.rules[1]
    assert futility.fast == pytest.approx(predictive(10, 4, 20, 40), abs=1e-3)
    assert futility.fast == pytest.approx(0.6447, abs=5e-5)
    assert found.decision.outcome == "goes_on"
    assert found.decision.withheld == ()
    assert "lost" not in found.text


def test_the_look_that_waits_for_an_early_visit_is_due() -> None:
    rows, design = visit_rows(), Design(**VISITS)
    assert analyze(design, rows, fast=True).findings.look == 1
    # a table that was cut: several were last seen on its very last day
    for row in rows:
        row["last_contact_month"] = min(15.6 - row["randomised_month"], 6.5)
    with pytest.raises(ac.CartError, match="look 1 is not due"):
        analyze(design, rows, fast=True)


def without_a_word_of_who_left() -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "withdrawn_month"} for row in visit_rows()]


def test_a_decision_that_hangs_on_the_window_is_withheld_until_somebody_says_so() -> None:
    design, rows = Design(**VISITS), without_a_word_of_who_left()
    how: dict[str, Any] = {"look": 1, "as_of": 15.75, "fast": True}
    found = analyze(design, rows, **how)
    assert counts(found) == {"usual": (4, 20, 0), "cells": (10, 20, 0)}
    assert found.rules[1].fast == pytest.approx(0.6447, abs=5e-5)
    assert found.decision.outcome == "withheld"
    assert found.decision.fast == "goes_on"
    (why,) = found.decision.withheld
    assert "30 participants were last seen within the visit window" in why
    assert "15 in usual, 15 in cells" in why
    assert "futility holds" in why
    assert "being 0.1223 and not 0.6447" in why
    assert "withdrawn_month, blank" in why
    assert "--window 0.5" in why
    # either of the two that it asks for
    assert analyze(design, rows, window=0.5, **how).decision.outcome == "goes_on"
    assert analyze(design, visit_rows(), **how).decision.outcome == "goes_on"


def test_a_window_on_which_nothing_hangs_withholds_nothing() -> None:
    rows = without_a_word_of_who_left()
    for row in rows:
        row["last_contact_month"] = 6.0 if row["participant"] > 2 else 5.9
    found = analyze(Design(**VISITS), rows, look=1, as_of=15.75, fast=True)
    assert found.decision.outcome == "goes_on"


def test_an_outcome_that_is_written_was_seen_however_early_the_visit() -> None:
    rows = [
        {"participant": k, "arm": ("usual", "cells")[k % 2], "randomised_month": 0.25,
         "last_contact_month": 5.8, "free": int(k // 2 < (9 if k % 2 else 4))}
        for k in range(40)
    ]  # fmt: skip
    found = analyze(Design(**VISITS), rows, look=1, as_of=6.25, fast=True)
    assert counts(found) == {"usual": (4, 20, 0), "cells": (9, 20, 0)}
    assert found.decision.withheld == ()


def test_who_has_missed_no_planned_visit_is_followed() -> None:
    """A slow twin: visits at 1, 2, 3 and 5.5; the next that was not seen, and whether it is due."""
    design = Design(**raw_design("myasthenia_scores"))
    visits, rng = (1.0, 2.0, 3.0, 5.5), np.random.default_rng(5)
    arms = list(design.arms)
    rows, expected = [], []
    for k in range(60):
        since, last = 4.0 + rng.uniform(0.0, 2.0), float(rng.uniform(0.0, 4.0))
        row = {"participant": k, "arm": arms[k % 2], "randomised_month": 10.0 - since,
               "withdrawn_month": "", "last_contact_month": last}  # fmt: skip
        for name in design.endpoints:
            row[f"{name}_baseline"] = 9.0
            row |= {f"{name}_month_{m:g}": 9.0 if m <= last else "" for m in visits}
        rows.append(row)
        waits_for = next(month for month in visits if month > last + 0.5)
        expected.append(last + 0.5 < since and waits_for <= since)
    rows.sort(key=lambda row: row["randomised_month"])
    found = read_participants(rows, design)
    order = {row["participant"]: place for place, row in enumerate(rows)}
    mine = [expected[int(name)] for name in sorted(order, key=lambda name: order[name])]
    assert found.unseen(10.0).tolist() == mine
    assert 0 < sum(mine) < 60


# ── silence ───────────────────────────────────────────────────────────────────────────────────
def test_a_decision_that_hangs_on_silence_is_withheld() -> None:
    design, rows = Design(**VISITS), visit_rows()
    how: dict[str, Any] = {"look": 1, "as_of": 15.75, "fast": True}
    found = analyze(design, rows, window=0.0, **how)
    assert counts(found) == {"usual": (1, 20, 15), "cells": (3, 20, 15)}
    assert found.decision.outcome == "withheld"
    (why,) = found.decision.withheld
    assert "30 participants are alive" in why
    assert "15 in usual, 15 in cells" in why
    assert "futility" in why
    assert "0.1223" in why
    assert "withdrawn_month" in why
    assert "--window" in why
    # said to have left: the decision is theirs to bear, and is taken
    for row in rows:
        early = row["last_contact_month"] < 6.0
        row["withdrawn_month"] = row["last_contact_month"] if early else ""
    left = analyze(design, rows, **how)
    assert counts(left) == {"usual": (1, 20, 15), "cells": (3, 20, 15)}
    assert [g.lost for g in left.findings.numbers] == [15, 15]
    assert left.decision.outcome == "futility"


def test_silence_in_one_arm_alone_can_decide() -> None:
    # 8 against 2, or 12 against 6: it goes on; 8 against 6 is futile, 12 against 2 a success
    rows = visit_rows()
    for k, row in enumerate(rows):
        mine = k // 2
        remits = mine < (12 if row["arm"] == "cells" else 6)
        silent = mine in (range(8, 12) if row["arm"] == "cells" else range(2, 6))
        row["remission_month"] = 3.1 if remits else ""
        row["last_contact_month"] = 4.0 if silent else 6.0
    found = analyze(Design(**VISITS), rows, look=1, as_of=15.75, fast=True)
    assert found.decision.outcome == "withheld"
    (why,) = found.decision.withheld
    assert "8 participants" in why
    assert "If those of usual were followed" in why
    assert found.decision.fast == "goes_on"


def test_silence_that_decides_nothing_withholds_nothing() -> None:
    rows = visit_rows()
    rows[38]["last_contact_month"] = 3.0
    found = analyze(Design(**VISITS), rows, look=1, as_of=15.75, fast=True)
    assert found.decision.outcome == "goes_on"
    assert counts(found)["usual"] == (4, 20, 1)
    assert [(g.lost, g.unseen) for g in found.findings.numbers] == [(0, 1), (0, 0)]
    assert "last seen before the cut" in found.text


def test_an_outcome_left_blank_is_not_a_failure_because_the_visit_was_near() -> None:
    rows = [
        {"participant": k, "arm": ("usual", "cells")[k % 2], "randomised_month": 0.25,
         "last_contact_month": 5.8 if k < 20 else 6.0, "free": "" if k < 20 else k % 3 // 2}
        for k in range(40)
    ]  # fmt: skip
    found = analyze(Design(**VISITS), rows, look=1, as_of=6.25, fast=True)
    assert [missing for *_, missing in counts(found).values()] == [10, 10]
    assert found.decision.outcome == "withheld"


def test_an_outcome_left_blank_may_be_no_response_where_it_was_left_out() -> None:
    # of those seen 9 of 10 against 4 of 20: a success; had the ten others failed too, there is none
    raw = VISITS | {"endpoints": {"free": {"type": "landmark", "month": 6, "missing": "exclude"}}}
    rows = [
        {"participant": k, "arm": ("usual", "cells")[k % 2], "randomised_month": 0.25,
         "last_contact_month": 6.0, "free": int(k // 2 < (9 if k % 2 else 4))}
        for k in range(40)
    ]  # fmt: skip
    for row in rows[21::2]:
        row |= {"last_contact_month": 3.0, "free": ""}
    how: dict[str, Any] = {"look": 1, "as_of": 6.25, "fast": True}
    found = analyze(Design(**raw), rows, **how)
    assert counts(found)["cells"] == (9, 10, 10)
    assert found.decision.outcome == "withheld"
    assert found.decision.fast == "success"
    (why,) = found.decision.withheld
    assert "outcomes left blank were no responses: efficacy does not hold" in why


def test_the_exit_status_says_withheld(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "figures_of", lambda analysis: {})  # drawing takes seconds
    design, data = tmp_path / "design.toml", tmp_path / "data.csv"
    design.write_text(TOML, encoding="utf-8")
    rows = visit_rows()
    lines = [",".join(rows[0]), *(",".join(str(v) for v in row.values()) for row in rows)]
    data.write_text("\n".join(lines), encoding="utf-8")
    command = ["analyze", str(design), str(data), "--fast", "--out", str(tmp_path / "o"),
               "--as-of", "15.75", "--window", "0"]  # fmt: skip
    withheld = CliRunner().invoke(main, command)
    assert withheld.exit_code == 3
    assert "The decision is withheld." in withheld.output
    written = json.loads((tmp_path / "o" / "analysis.json").read_text(encoding="utf-8"))
    assert written["decision"]["outcome"] == "withheld"
    assert "withdrawn_month" in written["decision"]["withheld"][0]


TOML = """
name = "visits"
[arms.usual]
control = true
[arms.cells]
product = "allogeneic"
[endpoints.free]
type = "landmark"
month = 6
[enrolment]
max_n = 80
per_month = 4
[looks]
observed = [40, 80]
[[rules]]
name = "futility"
then = "declare_futility"
posterior = { endpoint = "free", arm = "cells", minus = "usual", above = 0.0 }
below = 0.90
[scenarios.expected]
free = { usual = 0.2, cells = 0.5 }
"""


# ── every endpoint, counted by hand from the rows ─────────────────────────────────────────────
def course_design(missing: str = "non_response") -> Design:
    return Design(
        name="course",
        arms={"usual": {"control": True}, "cells": {"product": "autologous"}},
        endpoints={
            "free": {"type": "landmark", "month": 6, "missing": missing},
            "relapse": {"type": "time_to_relapse", "horizon": 24},
            "lasting": {"type": "time_in_remission", "horizon": 9},
            "infection": {"type": "event_rate"},
            "crs": {"type": "adverse_event", "within_months": 1},
        },
        enrolment={"max_n": 40, "per_month": 4},
        looks={"observed": [24, 40]},
        rules=[
            {"name": "efficacy", "then": "declare_success", "at_least": 0.999,
             "posterior": {"endpoint": "free", "arm": "cells", "minus": "usual", "above": 0.0}},
        ],
        truth={
            arm: {"remission": {"probability": p, "onset": {"dist": "fixed", "value": 3.0}},
                  "durability": {"cured": 0.5, "relapse": {"dist": "exponential", "median": 9.0}},
                  "rates": {"infection": 0.1}, "events": {"crs": 0.1}}
            for arm, p in (("usual", 0.1), ("cells", 0.6))
        },
        scenarios={"a": {}},
    )  # fmt: skip


def course_rows() -> list[dict[str, Any]]:
    """Twenty-four who have last been seen on the day, in the window, long ago, or have left."""
    rows = []
    for k in range(24):
        since = 20.0 - 0.5 * k  # months from randomisation to month 20
        kind = ("day", "window", "silent", "left")[k // 2 % 4]
        last = {"day": since, "window": since - 0.3, "silent": 5.8 if k % 8 < 4 else 4.5,
                "left": 5.2}[kind]  # fmt: skip
        last = min(last, since)
        cells, remits = k % 2 == 1, k % 3 != 0
        relapse = 5.0 if remits and k % 5 == 0 and last >= 5.0 else ""
        rows.append(
            {"participant": k, "arm": "cells" if cells else "usual",
             "randomised_month": 0.5 * k, "infused_month": 1.0 if cells else "",
             "remission_month": 3.0 if remits else "", "relapse_month": relapse,
             "rescue_month": "", "death_month": "",
             "withdrawn_month": last if kind == "left" else "", "last_contact_month": last,
             "infection": f"{last / 2:.3f}", "crs": 1.5 if k % 6 == 1 else ""}
        )  # fmt: skip
    return rows


def test_every_endpoint_reads_the_same_participants_alike() -> None:
    """A slow twin: each participant's follow-up from the words of the documentation."""
    rows, date, window = course_rows(), 20.0, 0.5
    held = replayed(
        Plan.of(course_design()), read_participants(rows, course_design()), look=1, as_of=date
    ).now
    expected: dict[str, dict[str, list[float]]] = {
        name: {column: [0.0, 0.0] for column in columns}
        for name, columns in {
            "free": ("events", "analysed", "missing"), "relapse": ("analysed", "events", "months"),
            "lasting": ("analysed", "total"), "infection": ("events", "years"),
            "crs": ("events", "analysed", "missing"),
        }.items()
    }  # fmt: skip
    for row in rows:
        arm = int(row["arm"] == "cells")
        since, last = date - row["randomised_month"], row["last_contact_month"]
        left = row["withdrawn_month"] != ""
        # until when it is known what became of the participant
        known = last
        for month in (6.0, 9.0):
            if last < month <= last + window:
                known = month
        if left:
            known = min(known, row["withdrawn_month"])
        elif last + window >= since:
            known = since
        begins = row["remission_month"] or math.inf
        ends = row["relapse_month"] or math.inf

        def add(endpoint: str, column: str, value: float, arm: int = arm) -> None:
            expected[endpoint][column][arm] += value

        if since >= 6.0:
            add("free", "analysed", 1)
            add("free", "missing", known < 6.0)
            add("free", "events", known >= 6.0 and begins <= 6.0 < ends)
        if begins < min(known, since):
            add("relapse", "analysed", 1)
            add("relapse", "events", ends <= known)
            add("relapse", "months", min(ends, known, since, begins + 24.0) - begins)
        if since >= 9.0:
            add("lasting", "analysed", 1)
            add("lasting", "total", max(min(ends, known, 9.0) - begins, 0.0))
        add("infection", "events", float(row["infection"]) <= min(known, since))
        add("infection", "years", min(known, since) / 12.0)
        closes = 2.0 if arm else 1.0
        if since >= closes:
            add("crs", "analysed", 1)
            add("crs", "events", arm == 1 and row["crs"] != "" and row["crs"] <= closes)
    for name, columns in expected.items():
        found = held.record.summaries[name].columns()
        for column, values in columns.items():
            assert found[column][0, :, 0].tolist() == pytest.approx(values), (name, column)


def test_a_trial_seen_at_visits_is_decided_as_one_seen_at_every_moment() -> None:
    """The very trials that were simulated, their last contacts moved back to monthly visits."""
    design = Design(**raw_design("sle_autologous"))
    plan, block = Plan.of(design), simulated(design, "early_data_do_not_hold_up", 4)
    ends = set()
    for trial in range(4):
        rows = table(design, block, trial)
        for place, row in enumerate(rows):
            if row["death_month"] != "" or row["withdrawn_month"] != "":
                continue
            seen = (c for c in row if c.endswith(("_month", "crs3")) and c not in ALWAYS)
            happened = [float(row[column]) for column in seen if row[column] != ""]
            visit = math.floor(row["last_contact_month"] + 1e-6) - EARLY[place % 4]
            row["last_contact_month"] = max([visit, 0.0, *happened])
        look, date = int(block.look[trial]), float(block.months[trial])
        participants = read_participants(rows, design)
        assert participants.unseen(date).sum() > 10

        def again(
            silence: Silence = LEFT, how: tuple[Any, ...] = (participants, look, date)
        ) -> Replay:
            return replayed(plan, *how, silence=silence)

        replay = again()
        assert replay.now.after.reason[0] == block.standing.reason[trial]
        assert hangs_on_absence(replay, replay.now, again) == ()
        ends.add(REASONS[block.standing.reason[trial]])
    assert len(ends) > 1


def test_responses_of_silent_participants_are_imputed_like_those_who_left() -> None:
    design, rows = course_design("impute"), course_rows()
    silent = analyze(design, rows, look=1, as_of=20.0, fast=True, seed=1)
    left = [
        row | {"withdrawn_month": row["last_contact_month"]}
        if 20.0 - row["randomised_month"] > row["last_contact_month"] + 0.5
        and not 5.5 <= row["last_contact_month"] < 6.0
        else row
        for row in rows
    ]
    known = analyze(design, left, look=1, as_of=20.0, fast=True, seed=1)
    assert silent.rules[0].fast == known.rules[0].fast
    assert counts(silent)["cells"][2] > 0


def test_events_still_to_come_from_silent_participants_do_not_end_the_looks() -> None:
    design = Design(
        name="events", arms={"usual": {"control": True}, "cells": {"product": "autologous"}},
        endpoints={"flare": {"type": "time_to_event"}},
        enrolment={"max_n": 20, "per_month": 4}, looks={"events": [10, 15]},
        rules=[{"name": "efficacy", "then": "declare_success", "at_least": 0.99,
                "posterior": {"endpoint": "flare", "arm": "cells", "hazard_ratio_to": "usual",
                              "below": 1.0}}],
        analysis={"flare": {"model": "piecewise_exponential", "cuts": [],
                            "prior": {"baseline": {"a": 0.1, "b": 1.0},
                                      "log_hazard_ratio": {"dist": "normal", "mean": 0.0,
                                                           "sd": 2.0}}}},
        scenarios={"a": {"flare": {arm: {"dist": "exponential", "median": 12.0}
                                   for arm in ("usual", "cells")}}},
    )  # fmt: skip
    rows: list[dict[str, Any]] = [
        {"participant": k, "arm": ("usual", "cells")[k % 2], "randomised_month": 0.25 * k,
         "withdrawn_month": "", "last_contact_month": 6.0, "flare": 2.0 if k < 6 else ""}
        for k in range(20)
    ]  # fmt: skip
    with pytest.raises(ac.CartError, match="look 1 is not due"):
        analyze(design, rows, fast=True)
    for row in rows[6:]:
        row["withdrawn_month"] = 6.0
    assert analyze(design, rows, fast=True).findings.last
