"""A table in days or weeks is refused by name, and a template says what a table holds."""

from __future__ import annotations

import csv
import io
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from adaptive_cart.cli import main
from adaptive_cart.commands import COMMANDS
from adaptive_cart.design.design import Design
from adaptive_cart.recorded.file import ParticipantsError, read_participants
from adaptive_cart.recorded.known import WINDOW
from adaptive_cart.recorded.table import CROSSOVER, HEADER, ON_DRUGS
from adaptive_cart.recorded.template import template
from adaptive_cart.recorded.units import planned_months
from analysis.test_real_trial_round_trip import simulated, table
from checks import columns_of, raw_design
from test_designs import NAMES, ready

SLE = Design(**raw_design("sle_autologous"))
HELLO = Design(**raw_design("hello"))
MONTHS = ("_month", "crs3", "relapse")


@pytest.fixture(scope="module")
def sle() -> list[dict[str, Any]]:
    return table(SLE, simulated(SLE, "expected", 1), 0)


def scaled(rows: list[dict[str, Any]], by: float, whole: bool) -> list[dict[str, Any]]:
    def number(value: float) -> float:
        return float(round(value * by)) if whole else value * by

    return [
        {k: number(v) if k.endswith(MONTHS) and v != "" else v for k, v in row.items()}
        for row in rows
    ]


def refusal(design: Design, rows: Any) -> list[str]:
    with pytest.raises(ParticipantsError) as caught:
        read_participants(rows, design)
    return [str(problem) for problem in caught.value.problems]


# ── units ─────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("whole", [True, False])
def test_a_table_in_days_is_refused_by_name(sle: list[dict[str, Any]], whole: bool) -> None:
    (told,) = refusal(SLE, scaled(sle, 365.25 / 12.0, whole))
    assert "the table is in days, months are expected" in told
    assert "Divide all columns of months by 30.4375" in told
    assert "infusions come" in told
    assert ("all numbers are whole" in told) is whole


def test_a_table_in_days_with_outcomes_of_its_own_is_one_problem_and_not_many() -> None:
    rows = table(HELLO, simulated(HELLO, "expected", 1), 0)
    (told,) = refusal(HELLO, scaled(rows, 365.25 / 12.0, True))
    assert told.startswith("column randomised_month: the table is in days")


def test_a_table_in_weeks_is_refused_where_it_can_be_told(sle: list[dict[str, Any]]) -> None:
    (told,) = refusal(SLE, scaled(sle, 365.25 / 84.0, True))
    assert "the table is in weeks" in told
    assert "by 4.3482" in told


def test_what_may_be_weeks_is_noted(sle: list[dict[str, Any]]) -> None:
    weeks = read_participants(scaled(sle, 365.25 / 84.0, False), SLE)
    assert any(note.startswith("are the numbers weeks?") for note in weeks.notes)


def test_three_participants_in_days_are_enough() -> None:
    rows = [
        {"participant": str(k), "arm": "cart", "randomised_month": 20 * k,
         "last_contact_month": 400 - 20 * k, "dfr": 1}
        for k in range(3)
    ]  # fmt: skip
    (told,) = refusal(HELLO, rows)
    assert "the table is in days" in told


@pytest.mark.parametrize(("by", "whole"), [(1.0, False), (1.0, True), (2.5, False)])
def test_months_are_months_whole_or_slow(sle: list[dict[str, Any]], by: float, whole: bool) -> None:
    # whole months; and a trial that enrols and follows at two fifths of the speed
    rows = [row | {"randomised_month": row["randomised_month"] * by} for row in sle]
    rows = scaled(rows, 1.0, whole)
    for row in rows:  # rounding may carry an event past the last contact
        later = [row[k] for k in row if k.endswith(MONTHS) and k != "randomised_month"]
        row["last_contact_month"] = max(value for value in later if value != "")
        if row["withdrawn_month"] != "":
            row["withdrawn_month"] = row["last_contact_month"]
    assert len(read_participants(rows, SLE)) == len(sle)


def test_a_few_participants_of_a_slow_trial_are_not_taken_for_days() -> None:
    rows = [
        {"participant": str(k), "arm": "cart", "randomised_month": 9.0 * k,
         "last_contact_month": 60.0 - 9.0 * k, "dfr": 1}
        for k in range(5)
    ]  # fmt: skip
    assert len(read_participants(rows, HELLO)) == 5


@pytest.mark.parametrize("name", NAMES)
def test_no_simulated_table_is_taken_for_anything_but_months(name: str) -> None:
    design = ready(raw_design(name))
    scenario = next(iter(raw_design(name)["scenarios"]))
    block = simulated(design, scenario, 2)
    for trial in range(2):
        found = read_participants(table(design, block, trial), design)
        assert not any("weeks" in note for note in found.notes)


def test_the_pace_of_a_ramp_is_its_area() -> None:
    raw = raw_design("hello")
    raw["enrolment"]["per_month"] = {"ramp_months": 6, "plateau": 3}
    design = Design(**raw)
    for number in (4, 9, 20, 68):
        fine = np.linspace(0.0, 60.0, 600_001)
        arrived = np.cumsum(3.0 * np.minimum(fine / 6.0, 1.0)) * (fine[1] - fine[0])
        when = float(fine[np.searchsorted(arrived, number)])
        assert planned_months(design, number) == pytest.approx(when, abs=0.001)


# ── spreadsheets ──────────────────────────────────────────────────────────────────────────────
LINES = ["participant,arm,randomised_month,last_contact_month,dfr", "1,cart,0.5,14,1"]


@pytest.mark.parametrize(
    "content",
    [
        "\r\n".join(LINES).encode("utf-8-sig"),
        "\r".join(LINES).encode(),
        "\r\n".join(["sep=,", *LINES]).encode("utf-8-sig"),
        "\r\n".join(['"sep=,"', *LINES, ",,,,"]).encode(),
        "\r\n".join(f"{line},," for line in [*LINES, ",,,,"]).encode(),
        "\r\n".join([LINES[0].replace("arm", '"arm"'), '"1","cart","0.5","14","1"']).encode(),
        "\r\n".join(LINES).replace(",", ";").replace(".", ",").encode("utf-8-sig"),
        "\r\n".join(["sep=;", *LINES, ",,,,"]).replace(",", ";").encode(),
        "\n".join(LINES).replace(",", "\t").replace(".", ",").encode(),
    ],
)
def test_what_a_spreadsheet_exports_is_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.csv").write_bytes(content)
    found = read_participants(tmp_path / "data.csv", HELLO)
    assert found.names == ("1",)
    assert found.randomised.tolist() == [0.5]
    assert found.last_contact.tolist() == [14.0]
    assert found.outcomes["dfr"].tolist() == [True]


def test_decimal_commas_of_events_with_semicolons_between_them_are_read(tmp_path: Path) -> None:
    design = Design(**raw_design("enrichment_biomarker"))
    lines = ["participant;arm;stratum;randomised_month;last_contact_month;dfr;infection",
             '1;cart;ifn_low;0,25;12,5;0;"5,5;2"']  # fmt: skip
    (tmp_path / "data.csv").write_text("\r\n".join(lines), encoding="utf-8-sig")
    found = read_participants(tmp_path / "data.csv", design)
    assert found.randomised.tolist() == [0.25]
    assert found.outcomes["infection"].tolist() == [(2.0, 5.5)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("\r\n".join(f"{line},x" for line in LINES[1:]).encode(), "has a header and no"),
        ("\r\n".join([f"{LINES[0]},", f"{LINES[1]},x"]).encode(), "columns: one has no name"),
        ("\r\n".join(LINES).encode("utf-16"), "is UTF-16 text"),
        (b"sep=,\r\n", "has no header"),
    ],
)
def test_what_is_not_read_is_one_clear_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "data.csv").write_bytes(content)
    (told,) = refusal(HELLO, tmp_path / "data.csv")
    assert message in told


# ── template ──────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", NAMES)
def test_a_template_filled_in_is_read(name: str, tmp_path: Path) -> None:
    design = ready(raw_design(name))
    text = template(design)
    assert "--opened" not in text
    *comments, header = text.splitlines()
    columns = next(csv.reader([header]))
    assert all(line.lstrip('"').startswith("#") for line in comments)
    said = [next(csv.reader([line]))[0] for line in comments]
    assert [line.split(":")[0] for line in said[2:]] == [f"# {column}" for column in columns]
    origins = {"randomised_month": "since the opening of the trial"}
    for column, line in zip(columns, said[2:], strict=True):
        if column.endswith("_month"):
            assert origins.get(column, "since this participant's own randomisation") in line
    scenario = next(iter(raw_design(name)["scenarios"]))
    rows = table(design, simulated(design, scenario, 1), 0)
    body = io.StringIO()
    csv.DictWriter(body, columns, extrasaction="ignore", lineterminator="\r\n").writerows(rows)
    path = tmp_path / "filled.csv"
    path.write_text(text + body.getvalue(), encoding="utf-8-sig")
    found, whole = read_participants(path, design), read_participants(rows, design)
    assert found.names == whole.names
    np.testing.assert_array_equal(found.withdrawn, whole.withdrawn)
    assert set(columns) <= {*columns_of(rows), "infused_month", "death_month"}
    for endpoint, values in whole.outcomes.items():
        np.testing.assert_array_equal(found.outcomes[endpoint], values)


def test_the_command_writes_a_template_and_overwrites_nothing(tmp_path: Path) -> None:
    design, file = str(Path("designs/hello.toml").resolve()), tmp_path / "table.csv"
    run = CliRunner().invoke(main, ["analyze", design, "--template", str(file)])
    assert run.exit_code == 0
    assert file.read_text(encoding="utf-8") == template(HELLO)
    printed = CliRunner().invoke(main, ["analyze", design, "--template", "-"])
    assert printed.stdout == template(HELLO)
    again = CliRunner().invoke(main, ["analyze", design, "--template", str(file)])
    assert again.exit_code == 2
    assert "is there already" in again.output
    missing = CliRunner().invoke(main, ["analyze", design])
    assert missing.exit_code == 2
    assert "DATA is missing" in missing.output


def test_the_documentation_names_every_column_and_the_window() -> None:
    page = Path("docs/participants.md").read_text(encoding="utf-8")
    for column in (*HEADER, ON_DRUGS, *CROSSOVER):
        assert f"`{column}`" in page
    assert WINDOW == 0.5
    assert "A visit up to half a month before its day counts for it" in page


def test_the_window_that_the_command_shows_is_the_one_that_acts() -> None:
    analyze = import_module(COMMANDS["analyze"]).command
    option = next(p for p in analyze.params if p.name == "window")
    assert option.show_default == f"{WINDOW:g}"
