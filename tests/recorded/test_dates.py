"""Dates instead of months: the same trial, and what is no date is told with its place."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import adaptive_cart as ac
from adaptive_cart.analysis import analyze
from adaptive_cart.analysis.replay import replayed
from adaptive_cart.cli import main
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.recorded.dates import cut_at, date_column, in_dates, moment
from adaptive_cart.recorded.file import ParticipantsError, read_participants
from adaptive_cart.recorded.known import Participants
from adaptive_cart.recorded.template import template
from analysis.test_real_trial_round_trip import TRIALS, as_file, simulated, table, told
from checks import columns_of, raw_design
from recorded.test_participants_file import EVENTS, HELLO, RATES, SLE, course, direct
from test_designs import NAMES, ready

OPENED = datetime(2024, 3, 1)
DAYS = 365.25 / 12.0  # in a month, as the documentation says


def problems(design: Design, rows: Any, opened: Any = OPENED) -> list[str]:
    with pytest.raises(ParticipantsError) as caught:
        read_participants(rows, design, opened=opened)
    return [str(problem) for problem in caught.value.problems]


def day(month: float) -> str:
    """The day on which so many months have passed since the opening, by counting days."""
    return (OPENED.date() + timedelta(days=int(month * DAYS))).isoformat()


def on_whole_days(design: Design, rows: list[dict[str, Any]]) -> tuple[list[Any], list[Any]]:
    """The rows of a table in dates without a time, and in months of these days."""
    dated, months = [], []
    for row in in_dates(design, rows, OPENED):
        whole, mine, origin = dict(row), {}, row["randomised_date"][:10]
        for column, value in row.items():
            month = column.replace("_date", "_month")
            if "T" in str(value) and ":" in str(value):
                days = [part[:10] for part in value.split(";")]
                whole[column] = ";".join(days)
                since = OPENED.date().isoformat() if month == "randomised_month" else origin
                value = ";".join(
                    repr((date.fromisoformat(d) - date.fromisoformat(since)).days / DAYS)
                    for d in days
                )
            mine[month] = value
        dated.append(whole)
        months.append(mine)
    return dated, months


def same(one: Participants, other: Participants) -> None:
    assert one.names == other.names
    for name in ("arm", "randomised", "last_contact", "withdrawn"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    for column, values in one.months.items():
        np.testing.assert_array_equal(values, other.months[column], err_msg=column)
    for column, values in one.outcomes.items():
        np.testing.assert_array_equal(values, other.outcomes[column], err_msg=column)
    assert one.resolution == other.resolution


# ── the round trip ────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", NAMES)
def test_a_simulated_trial_in_dates_is_decided_as_it_was(name: str, tmp_path: Path) -> None:
    design = ready(raw_design(name))
    for scenario in truths_of(design):
        block, known = simulated(design, scenario), told(design, scenario)
        plan = Plan.of(known)
        for trial in range(TRIALS):
            rows = in_dates(known, table(known, block, trial), OPENED)
            assert not [column for column in rows[0] if column.endswith("_month")]
            path = as_file(rows, tmp_path / "data.csv")
            now = replayed(plan, read_participants(path, known, opened="2024-03-01")).now
            assert now.look == block.look[trial]
            assert now.date == pytest.approx(block.months[trial], abs=1e-6)
            assert now.after.reason[0] == block.standing.reason[trial]
            assert now.after.rule[0] == block.standing.rule[trial]
            assert np.array_equal(now.after.dropped[0], block.standing.dropped[trial])
            assert np.array_equal(now.after.closed[0], block.standing.closed[trial])


@pytest.mark.parametrize("name", NAMES)
def test_whole_days_are_the_same_trial_as_dates_and_as_months(name: str, tmp_path: Path) -> None:
    design = ready(raw_design(name))
    plan = Plan.of(design)
    scenario = next(iter(truths_of(design)))
    block = simulated(design, scenario, 2)
    for trial in range(2):
        dated, months = on_whole_days(design, table(design, block, trial))
        by_date = read_participants(as_file(dated, tmp_path / "d.csv"), design, opened="2024-03-01")
        by_month = read_participants(as_file(months, tmp_path / "m.csv"), design)
        same(by_date, by_month)
        one, other = replayed(plan, by_date).now, replayed(plan, by_month).now
        assert (one.look, one.date) == (other.look, other.date)
        assert one.after.reason[0] == other.after.reason[0]
        # the look at which the trial ended has been reached on the day on which it was held
        assert one.look == block.look[trial]


@pytest.mark.slow
def test_the_command_writes_dates_and_reads_them(tmp_path: Path) -> None:
    run, decided = CliRunner(), {}
    design = str(Path("designs/sle_autologous.toml").resolve())
    for opened in ([], ["--opened", "2024-03-01"]):
        file = tmp_path / f"table{len(opened)}.csv"
        how = ["--trial", "3", "--participants", str(file)]
        assert run.invoke(main, ["example", design, *how, *opened]).exit_code == 0
        out = ["--fast", "--out", str(tmp_path / f"out{len(opened)}")]
        found = run.invoke(main, ["analyze", design, str(file), *out, *opened])
        assert found.exit_code == 0, found.output
        decided[len(opened)] = found.stdout.splitlines()
    assert "data of month 29.68, 2026-08-21:" in decided[2][1]
    assert decided[0][2:] == decided[2][2:]


def test_a_table_of_dates_gives_priors_and_curves_too(tmp_path: Path) -> None:
    rows = table(SLE, simulated(SLE, "expected", 1), 0)
    dated = as_file(in_dates(SLE, rows, OPENED), tmp_path / "d.csv")
    one = ac.durability(dated, SLE, opened="2024-03-01", date="2026-03-31").table
    other = ac.durability(rows, SLE, date=cut_at("2026-03-31", OPENED)).table
    np.testing.assert_allclose(one["mean"], other["mean"], atol=1e-5)
    how = ["prior", str(Path("designs/sle_autologous.toml").resolve())]
    by_date = CliRunner().invoke(
        main, [*how, str(dated), "--arm", "cart", "--opened", "2024-03-01"]
    )
    months = as_file(rows, tmp_path / "m.csv")
    by_month = CliRunner().invoke(main, [*how, str(months), "--arm", "cart"])
    assert by_date.exit_code == by_month.exit_code == 0, by_date.output
    assert by_date.stdout.replace("d.csv", "m.csv") == by_month.stdout


def test_a_day_that_nothing_needs_is_refused() -> None:
    design = str(Path("designs/hello.toml").resolve())
    run = CliRunner().invoke(main, ["example", design, "--opened", "2024-03-01"])
    assert run.exit_code == 2
    assert "--opened goes with --participants" in run.output


# ── what is read ──────────────────────────────────────────────────────────────────────────────
def test_a_cell_may_hold_a_date_or_a_month_and_a_column_be_called_by_either() -> None:
    row = course(randomised_month="2024-06-01", infused_month=1.5, remission_month="2024-10-01")
    row["last_contact_date"] = "2026-06-01"
    del row["last_contact_month"]
    found = read_participants([row], SLE, opened="2024-03-01")
    assert found.randomised[0] == pytest.approx(92 / DAYS)
    assert found.months["remission_month"][0] == pytest.approx(122 / DAYS)
    assert found.months["infused_month"][0] == 1.5
    assert found.last_contact[0] == pytest.approx(730 / DAYS)
    assert found.opened == OPENED


def test_months_of_randomisation_beside_its_dates_say_when_the_trial_opened() -> None:
    rows = [
        direct(participant=str(k), randomised_month=k, randomised_date=day(k),
               last_contact_month="", last_contact_date=day(14 + k))
        for k in range(3)
    ]  # fmt: skip
    found = read_participants(rows, HELLO)
    assert found.randomised.tolist() == [0.0, 1.0, 2.0]
    assert found.last_contact == pytest.approx([14.0] * 3, abs=1.0 / DAYS)
    assert found.opened == OPENED
    rows[2] |= {"randomised_date": day(5), "last_contact_date": day(20)}
    (told,) = problems(HELLO, rows, opened=None)
    assert told.startswith("row 3, randomised_date: found 2024-07-31 and month 2: so the trial")
    assert "opened on 2024-05-31, and by row 1 on 2024-03-01" in told
    assert "leave one of them blank" in told


def test_events_that_come_again_and_onsets_may_be_dates() -> None:
    row = {"participant": "1", "arm": "cart", "stratum": "ifn_low", "dfr": "",
           "randomised_date": day(1), "last_contact_date": day(13),
           "infection": f"{day(7)}; {day(3)}; 1.5"}  # fmt: skip
    found = read_participants([row], RATES, opened=OPENED)
    assert found.outcomes["infection"][0] == pytest.approx((1.5, 2.0, 6.0), abs=1.5 / DAYS)
    onset = course(randomised_month=3, crs3="2024-08-01")
    assert read_participants([onset], SLE, opened=OPENED).outcomes["crs3"][0] < np.inf
    relapse = {"participant": "1", "arm": "consolidate", "randomised_month": "2024-03-01",
               "last_contact_month": 12, "relapse": "2024-12-24"}  # fmt: skip
    assert read_participants([relapse], EVENTS, opened=OPENED).outcomes["relapse"] == 298 / DAYS


def test_date_cells_of_a_data_frame_are_dates() -> None:
    first, second = pd.Timestamp("2024-06-01"), pd.Timestamp("2024-06-02")
    frame = pd.DataFrame(
        [direct(randomised_month=first), direct(participant="2", randomised_month=second)]
    )
    frame["last_contact_date"] = [date(2025, 8, 1), pd.NaT]
    frame["last_contact_month"] = [None, 14.0]
    found = read_participants(frame, HELLO, opened=date(2024, 3, 1))
    assert found.randomised == pytest.approx([92 / DAYS, 93 / DAYS])
    assert found.last_contact == pytest.approx([426 / DAYS, 14.0])


@pytest.mark.parametrize("text", ["2024-03-05", "2024-03-05T10:30", "2024-03-05 10:30:15.25"])
def test_a_moment_is_iso_8601(text: str) -> None:
    assert moment(text) == datetime.fromisoformat(text)


# ── whole days ────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("window", [0.0, 0.5])
def test_a_year_after_randomisation_is_month_12_although_it_has_365_days(window: float) -> None:
    # 365 days are month 11.992; the outcome at month 12 is known on that day, and the look is due
    rows = [
        direct(participant=str(k), arm=("soc", "cart")[k % 2], dfr=int(k % 2 and k < 60),
               randomised_month=day(0.3 * k), last_contact_month=day(0.3 * k + 12.0))
        for k in range(80)
    ]  # fmt: skip
    end = rows[59]["last_contact_month"]
    for row in rows:
        row["dfr"] = row["dfr"] if row["last_contact_month"] <= end else ""
        row["last_contact_month"] = min(row["last_contact_month"], end)
        row["withdrawn_month"] = ""
    found = analyze(HELLO, rows, window=window, opened="2024-03-01", fast=True)
    assert found.findings.look == 1
    assert sum(int(g.endpoints["dfr"]["analysed"]) for g in found.findings.numbers) == 60
    assert sum(int(g.endpoints["dfr"]["missing"]) for g in found.findings.numbers) == 0
    assert found.findings.day == end


def test_a_cut_that_is_a_date_is_the_end_of_that_day() -> None:
    assert cut_at("12.5", None) == 12.5
    assert cut_at(12.5, None) == 12.5
    end = cut_at("2024-03-31", OPENED)
    assert end is not None
    assert 30 / DAYS < end < 31 / DAYS
    assert cut_at("2024-03-31T12:00", OPENED) == 30.5 / DAYS
    with pytest.raises(ac.CartError, match="--as-of: found '2024-03-31'; with a date say on which"):
        cut_at("2024-03-31", None)
    with pytest.raises(ac.CartError, match="--as-of: found 'soon'; a calendar month or YYYY-MM-DD"):
        cut_at("soon", OPENED)


# ── mistakes ──────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("row", "told"),
    [
        (direct(randomised_month="01.03.2024"), "randomised_month: found '01.03.2024'; a date is"),
        (direct(randomised_month="3/1/2024"), "randomised_month: found '3/1/2024'; a date is writ"),
        (direct(randomised_month="01MAR2024"), "a date is written YYYY-MM-DD, 2024-03-01"),
        (direct(randomised_month="2024-03"), "found '2024-03'; the day is missing"),
        (direct(randomised_month="2024-02-30"), "found '2024-02-30'; there is no such day"),
        (direct(randomised_month="2024-03-01T10:00Z"), "a time is written 2024-03-01T09:30, with"),
        (direct(randomised_month="45352"), "a date as a spreadsheet counts it (2024-03-01)? Give"),
        (direct(randomised_month="2024-02-28"), "before the trial opened (2024-03-01)"),
        (direct(randomised_month="2024-06-01", last_contact_month="2024-05-31"),
         "last_contact_month: found 2024-05-31, before randomisation (2024-06-01)"),
        (direct(last_contact_date="14"), "last_contact_date: found '14'; a date YYYY-MM-DD is"),
        (direct(last_contact_date="2024-06-30"), "leave one of them blank"),
        (course(randomised_month="2024-03-01", death_month="2024-04-01"),
         "found 24, after death (month 1.01848)"),
        (course(randomised_month="2024-03-01", relapse_month="2024-03-12"),
         "relapse_month: found 2024-03-12, month 0.361396; a relapse is before the remission"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_as_it_stands_in_the_table(row: dict[str, Any], told: str) -> None:
    design = SLE if "infused_month" in row else HELLO
    found = problems(design, [row])
    assert any(told in problem for problem in found), found
    assert all(problem.startswith("row 1, ") for problem in found)


def test_a_column_of_other_dates_is_told_once_and_everything_else_too() -> None:
    rows = [direct(participant=str(k), randomised_month="01.03.2024") for k in range(4)]
    rows[2]["arm"] = "crat"
    found = problems(HELLO, rows)
    assert len(found) == 2
    assert found[0].endswith("(3 more of this column)")
    assert found[1].startswith("row 3, arm: found 'crat'")
    rows[3]["randomised_month"] = "45352"
    assert sum("randomised_month" in problem for problem in problems(HELLO, rows)) == 2


def test_dates_without_an_opening_are_one_problem_among_the_others() -> None:
    rows = [direct(participant=str(k), randomised_month=day(k), arm="crat") for k in range(2)]
    found = problems(HELLO, rows, opened=None)
    assert [problem.split(":")[0] for problem in found] == [
        "row 1, randomised_month", "row 1, arm", "row 2, arm",
    ] or sorted(p.split(":")[0] for p in found) == [
        "row 1, arm", "row 1, randomised_month", "row 2, arm",
    ]  # fmt: skip
    assert any("--opened YYYY-MM-DD (the first participant was" in problem for problem in found)
    dated = [direct(last_contact_month="2025-08-01")]
    (told,) = problems(HELLO, dated, opened=None)
    assert told.startswith("row 1, last_contact_month: found 2025-08-01; with dates say on which")
    with pytest.raises(ac.CartError, match=r"--opened: found '1\.3\.2024'; a date YYYY-MM-DD is"):
        read_participants(rows, HELLO, opened="1.3.2024")


# ── the template ──────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", NAMES)
def test_a_template_in_dates_filled_in_is_read(name: str, tmp_path: Path) -> None:
    design = ready(raw_design(name))
    text = template(design, OPENED)
    *comments, header = text.splitlines()
    columns = next(csv.reader([header]))
    said = [next(csv.reader([line]))[0] for line in comments]
    assert [line.split(":")[0] for line in said[2:]] == [f"# {column}" for column in columns]
    assert not [column for column in columns if date_column(column) != column]
    assert not [line for line in said[2:] if "; months since" in line and "score" not in line]
    scenario = next(iter(raw_design(name)["scenarios"]))
    rows = in_dates(design, table(design, simulated(design, scenario, 1), 0), OPENED)
    body = io.StringIO()
    csv.DictWriter(body, columns, extrasaction="ignore", lineterminator="\r\n").writerows(rows)
    path = tmp_path / "filled.csv"
    path.write_text(text + body.getvalue(), encoding="utf-8-sig")
    found = read_participants(path, design, opened=OPENED)
    same(found, read_participants(rows, design, opened=OPENED))
    assert set(columns) <= {*columns_of(rows), "infused_date", "death_date"}
