"""A table of early series: read whole, or refused with every problem at once."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from click.testing import CliRunner

from adaptive_cart.cli import main
from adaptive_cart.errors import DesignError, InputError
from adaptive_cart.evidence import learn, read_series
from adaptive_cart.evidence.file import COLUMNS, MOST_PARTICIPANTS, MOST_SERIES, parsed_series
from adaptive_cart.evidence.outcomes import OUTCOMES
from checks import DESIGNS

SHIPPED = DESIGNS / "early_series.csv"
ONE = {
    "series": "a",
    "product": "P",
    "class": "C",
    "disease": "D",
    "participants": "10",
    "responders": "7",
    "counts_for": "response",
    "grade": "A",
    "source": "somewhere",
}


def text(*rows: dict[str, str], columns: tuple[str, ...] = COLUMNS) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def problems(*rows: dict[str, str]) -> list[str]:
    with pytest.raises(DesignError) as caught:
        parsed_series(text(*rows))
    return [str(problem) for problem in caught.value.problems]


def test_the_shipped_table_is_read_as_it_stands() -> None:
    record = read_series(SHIPPED)
    with SHIPPED.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row.name for row in record.series] == [row["series"] for row in rows]
    for read, row in zip(record.series, rows, strict=True):
        assert ("" if read.responders is None else str(read.responders)) == row["responders"]
        assert " ".join(read.counts_for) == row["counts_for"].replace("none", "")
        assert read.source
        assert read.grade in ("A", "B")
    responders = sum(int(row["responders"]) for row in rows if "response" in row["counts_for"])
    assert responders == sum(row.responders or 0 for row in record.counted(OUTCOMES["response"]))


def test_nobody_of_the_shipped_table_is_counted_twice_for_an_outcome() -> None:
    """One row of a product in a disease; and a row of several diseases holds no other row."""
    record = read_series(SHIPPED)
    for outcome in record.outcomes():
        rows = record.counted(outcome)
        assert len({(row.product, row.disease) for row in rows}) == len(rows)
        for row in (row for row in rows if "," in row.disease):
            held = [name.strip() for name in row.disease.split(",")]
            assert not [
                other.name
                for other in rows
                if other.product == row.product and other.disease in held
            ]


def test_every_problem_is_told_at_once_with_its_row_and_column() -> None:
    found = problems(
        {**ONE, "responders": "11", "grade": "C", "source": ""},
        {**ONE, "series": "b", "participants": "", "counts_for": "respnse"},
        {**ONE, "counts_for": "relapse"},
        {**ONE, "series": "d", "crs3": "1.5", "follow_up_months": "-3", "counts_for": "none"},
        {**ONE, "series": "e", "participants": "0", "responders": "0"},
    )
    assert found == [
        "row 2, source: is blank; every series needs it",
        "row 2, grade: found 'C'; A, B is expected",
        "row 2, responders: found 11 of 10 in 'participants'",
        "row 3, responders: found 7, and 'participants' is blank: of how many?",
        "row 3, counts_for: found 'respnse' (did you mean 'response'?); "
        "response, relapse, crs3, icans3, none is expected",
        "row 3, not_counted_because: is blank; say why the series counts for nothing",
        "row 4, relapses: is blank, and the row counts for 'relapse'",
        "row 4, relapse_participants: is blank, and the row counts for 'relapse'",
        "row 4, follow_up_months: is blank, and the row counts for 'relapse'",
        "row 5, crs3: found '1.5'; a whole number, 0 or more, or a blank is expected",
        "row 5, follow_up_months: found '-3'; months, more than 0 and at most 600, are expected",
        "row 5, not_counted_because: is blank; say why the series counts for nothing",
        "row 6, participants: found 0, and the row counts for 'response'",
        "series: 'a' is there 2 times; every series is named once",
    ]


def test_a_header_that_is_wrong_is_told_before_the_rows() -> None:
    columns = (*COLUMNS[:4], "participnts", *COLUMNS[5:])
    with pytest.raises(DesignError) as caught:
        parsed_series(text(columns=columns))
    found = [str(problem) for problem in caught.value.problems]
    assert found[0].startswith("row 1, participnts: no such column (did you mean 'participants'?)")
    assert found[1] == "row 1: there is no column 'participants'; leave its cells blank instead"
    with pytest.raises(DesignError, match="there is a header but no series"):
        parsed_series(text())
    with pytest.raises(DesignError, match="the file is empty"):
        parsed_series("\n\n")
    with pytest.raises(DesignError, match="separated by commas"):
        parsed_series(text(ONE).replace(",", ";"))


def test_sizes_are_bounded(tmp_path: Path) -> None:
    many = [{**ONE, "series": f"s{k}"} for k in range(MOST_SERIES + 1)]
    assert problems(*many) == [f"{MOST_SERIES + 1} series; at most {MOST_SERIES} are read"]
    big = {**ONE, "participants": str(MOST_PARTICIPANTS + 1)}
    assert problems(big)[0].startswith("participants: 2,001 participants count for 'response'")
    file = tmp_path / "large.csv"
    file.write_bytes(b"x" * 1_000_001)
    with pytest.raises(InputError, match="larger than 1,000,000 bytes"):
        read_series(file)
    file.write_bytes(b"\xff\xfea")
    with pytest.raises(InputError, match="not UTF-8"):
        read_series(file)
    with pytest.raises(InputError, match="cannot be read"):
        read_series(tmp_path / "none.csv")


def test_a_blank_is_not_zero_and_a_spread_is_a_number_above_zero() -> None:
    record = parsed_series(text({**ONE, "crs3": "0", "safety_participants": "10"}))
    assert record.series[0].icans3 is None
    assert [outcome.name for outcome in record.outcomes()] == ["response"]
    with pytest.raises(DesignError, match="--spread: found 0"):
        learn(record, 0.0)


# ── what is told ──────────────────────────────────────────────────────────────────────────────
def test_what_the_series_support_and_what_they_cannot_is_told_with_its_numbers(
    tmp_path: Path,
) -> None:
    harms = {"safety_participants": "20", "counts_for": "crs3", "responders": ""}
    file = tmp_path / "series.csv"
    file.write_text(
        text(
            {**ONE, **harms, "crs3": "0", "grade": "B"},
            {**ONE, **harms, "series": "b", "product": "Q", "crs3": "12"},
            {**ONE, "series": "c", "counts_for": "none", "not_counted_because": "a review",
             "crs3": "1", "safety_participants": "99"},
        )
    )  # fmt: skip
    done = CliRunner().invoke(main, ["evidence", str(file)])
    assert done.exit_code == 0, done.output
    told = " ".join(done.output.split())
    assert "2 series of 2 products in 1 class count, 12 of 40 participants (0.30)" in told
    assert "c 1 of 99 (a review)" in told
    assert "1 of 3 rows count for nothing (a review (1))" in told
    assert "1 of 2 rows that count rest on company reports (grade B)" in told
    # twelve of twenty against none of twenty: that tells
    assert "Q is above P, with probability 1.000" in told
    assert "how far products differ: probabilities about that standard deviation moved" in told
    assert "hardly tell" not in told
    numbers = CliRunner().invoke(main, ["evidence", str(file), "--csv", "--spread", "0.1"])
    rows = {(row["kind"], row["name"]): row for row in csv.DictReader(io.StringIO(numbers.output))}
    assert float(rows["sd", "product"]["prior_median"]) == pytest.approx(0.0674, abs=1e-3)
    assert float(rows["group", "P"]["median"]) < float(rows["group", "Q"]["median"])
