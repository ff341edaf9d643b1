"""The page on CDISC data sets: its code runs as it stands, and what it makes is what they say."""

from __future__ import annotations

import csv
import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from adaptive_cart.recorded.file import read_participants
from recorded.test_participants_file import SLE

PAGE = Path("docs/cdisc.md")
DATA = Path("docs/cdisc")


def rows(name: str) -> list[dict[str, str]]:
    with (DATA / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that the page's code has made, having run where it may write."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    shutil.copytree(DATA, tmp_path / "docs" / "cdisc")
    shutil.copytree("designs", tmp_path / "designs")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    return names


def test_the_page_converts_and_analyses(ran: dict[str, Any], tmp_path: Path) -> None:
    found = ran["found"].findings
    assert (found.look, found.day) == (1, "2026-06-30")
    by_arm = {group.arm: group for group in found.numbers}
    assert [(g.randomised, g.infused, g.died, g.lost) for g in found.numbers] == [
        (4, 0, 0, 1),
        (8, 7, 1, 0),
    ]
    # by the files: month 12 has come for all but the last; 1, 6, 7 and 10 were in remission from
    # month 9 to month 12; 3 had relapsed, 11 of the control too, and 5 had left
    assert by_arm["cart"].endpoints["dfr"] == {"events": 4, "analysed": 7, "missing": 0}
    assert by_arm["soc"].endpoints["dfr"] == {"events": 0, "analysed": 4, "missing": 1}
    assert by_arm["cart"].endpoints["crs3"]["events"] == 1
    assert by_arm["cart"].endpoints["relapse"]["analysed"] == 6
    assert by_arm["cart"].endpoints["relapse"]["events"] == 1
    assert {q.endpoint for q in found.quantities} == {"dfr", "remission", "relapse", "crs3"}
    efficacy = next(w for w in found.what_if if w.rule == "efficacy")
    assert efficacy.arms == ("soc", "cart")
    # the one who is waited for, and five more, two of three to the product
    assert efficacy.more in ((1, 5), (2, 4))
    table = read_participants(tmp_path / "participants.csv", SLE, opened="2024-03-01")
    assert len(table) == 12
    assert ran["table"]["serious_infection"].notna().sum() == 3


def test_every_date_of_the_data_sets_stands_in_the_table(ran: dict[str, Any]) -> None:
    """A slow twin: each participant's months, counted from the files by hand."""
    days = 365.25 / 12.0
    found = read_participants(
        ran["table"].drop(columns="serious_infection"), SLE, opened="2024-03-01"
    )
    for subject in rows("adsl"):
        place = found.names.index(subject["USUBJID"])
        start = date.fromisoformat(subject["RANDDT"])

        def months(day: str, since: date = start) -> float:
            return (date.fromisoformat(day) - since).days / days if day else float("inf")

        assert found.randomised[place] == months(subject["RANDDT"], date(2024, 3, 1))
        cart = subject["TRT01P"] == "CD19 CAR-T"
        assert SLE.arm_names[found.arm[place]] == ("cart" if cart else "soc")
        expected = {
            "infused_month": months(subject["TRTSDT"] if cart else ""),
            "death_month": months(subject["DTHDT"]),
        }
        for code, column in (("TTREMIS", "remission_month"), ("TTRELAP", "relapse_month"),
                             ("TTRESCUE", "rescue_month"),
                             ("TTREMDR", "remission_on_drugs_month")):  # fmt: skip
            wanted = {"USUBJID": subject["USUBJID"], "PARAMCD": code, "CNSR": "0"}
            at = [row["ADT"] for row in rows("adtte") if row.items() >= wanted.items()]
            expected[column] = months(at[0] if at else "")
        for column, month in expected.items():
            assert found.months[column][place] == month, (subject["USUBJID"], column)
        assert found.last_contact[place] == months(subject["LSTALVDT"])
        withdrew = subject["DCSREAS"] == "WITHDRAWAL BY SUBJECT"
        assert found.withdrawn[place] == months(subject["EOSDT"] if withdrew else "")
