"""What the report refuses, and what it then writes: nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from adaptive_cart.errors import CartError, InputError, ResultsError
from adaptive_cart.report import write_report
from adaptive_cart.report.recount import recounted
from adaptive_cart.results.result import open_result
from adaptive_cart.results.store import BOUNDARIES, DESIGN, LOOKS, MANIFEST, MEASURES, TRIALS
from report_case import result, without_figures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "run"
    shutil.copytree(result().folder, copy)
    return copy


def refused(folder: Path, match: str, **options: Any) -> None:
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(CartError, match=match) as told:
        write_report(open_result(folder), formats=["html"], sensitivity_trials=0, **options)
    assert told.value.exit_status == 2
    assert sorted(path.name for path in folder.iterdir()) == before


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_sound_folder_is_counted_again() -> None:
    found = recounted(result())
    assert found.different == ()
    assert found.counted > 150


@pytest.mark.parametrize("measure", ["success", "months_mean", "n_randomised_p95"])
def test_an_edited_table_of_measures(folder: Path, measure: str) -> None:
    path = folder / MEASURES
    lines = path.read_text(encoding="utf-8").splitlines()
    place = next(k for k, row in enumerate(lines) if row.startswith(f"toxic,{measure},"))
    cells = lines[place].split(",")
    cells[5] = repr(float(cells[5]) + 0.01)
    lines[place] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    refused(folder, MEASURES)


def test_edited_boundaries(folder: Path) -> None:
    edited(folder / BOUNDARIES, "10-24", "9-24")
    refused(folder, BOUNDARIES)


def test_missing_boundaries(folder: Path) -> None:
    (folder / BOUNDARIES).unlink()
    refused(folder, rf"{BOUNDARIES}: is missing")


def test_an_edited_design(folder: Path) -> None:
    edited(folder / DESIGN, "max_n = 90", "max_n = 96")
    refused(folder, rf"{DESIGN}: is not the design")


@pytest.mark.parametrize("name", [TRIALS, LOOKS])
def test_an_exchanged_table(folder: Path, name: str) -> None:
    other = {TRIALS: LOOKS, LOOKS: TRIALS}[name]
    shutil.copy(folder / other, folder / name)
    refused(folder, name)


def test_an_unfinished_run(folder: Path) -> None:
    edited(folder / MANIFEST, '"complete"', '"running"')
    refused(folder, "not finished")


def test_another_version(folder: Path) -> None:
    edited(folder / MANIFEST, '"version": "', '"version": "9.')
    refused(folder, "another run")


def test_no_results(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="no results here"):
        open_result(tmp_path)


def test_wrong_options_write_nothing(folder: Path) -> None:
    found = open_result(folder)
    before = sorted(path.name for path in folder.iterdir())
    wrong: list[dict[str, Any]] = [
        {"formats": ["rtf"]},
        {"formats": []},
        {"audiences": ["everybody"]},
        {"paper": "a5"},
        {"sensitivity_trials": -1},
        {"reference_docx": folder / "none.docx", "formats": ["docx"]},
        {"facts": folder / "none.toml"},
    ]
    for options in wrong:
        with pytest.raises(InputError):
            write_report(found, **{"formats": ["html"], **options})
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_missing_library_is_named(folder: Path, monkeypatch: Any) -> None:
    from adaptive_cart.report import writing

    there = writing.find_spec
    monkeypatch.setattr(writing, "find_spec", lambda n: None if n == "docx" else there(n))
    with pytest.raises(InputError, match="needs python-docx: pip install"):
        write_report(open_result(folder), formats=["docx", "html"])
    assert not list(folder.glob("report*"))


def test_what_is_written(folder: Path, monkeypatch: Any) -> None:
    without_figures(monkeypatch)
    written = write_report(open_result(folder), formats=["html"], sensitivity_trials=0)
    assert [path.name for path in written.files] == ["report.html", "report_restricted.html"]
    assert all(path.is_file() for path in written.files)
    assert written.reported >= 40
    assert "DRAFT" in written.words()
    assert open_result(folder).manifest  # the folder is as sound as before


# ── a file of facts ───────────────────────────────────────────────────────────────────────────
MISSPELT = """
conclusoin = "good"
[protocol]
sponser = "somebody"
[[versions]]
version = "1.0"
change = "first"
[assumptions]
"soc.dropout" = { status = "reportet", source = "somewhere" }
"""

UNREAD = """
[priors]
"dfr.soc" = "why"
"dfr.socc" = "why"
dfr = "why"
[assumptions]
"soc.dropuot" = { status = "reported", source = "somewhere" }
"expected.soc.dropout" = { status = "reported", source = "somewhere" }
"toxic.soc.dropout" = { status = "reported", source = "somewhere" }
"enrolment.max" = { status = "reported", source = "somewhere" }
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            MISSPELT,
            [
                "conclusoin: unknown key (did you mean 'conclusion'?)",
                "protocol.sponser: unknown key (did you mean 'sponsor'?)",
                "versions[0].date: missing",
                'assumptions."soc.dropout".status: found "reportet" (did you mean \'reported\'?)',
            ],
        ),
        (
            UNREAD,
            [
                "priors.\"dfr.socc\": no such prior (did you mean 'dfr.soc'?); there are dfr.soc, ",
                "priors.dfr: no such prior",
                "assumptions.\"soc.dropuot\": no such number (did you mean 'soc.dropout'?); there",
                'assumptions."toxic.soc.dropout": no such number',
                "assumptions.\"enrolment.max\": no such number (did you mean 'enrolment.max_n'?)",
            ],
        ),
        ("[protocol", ["line 1, column 10: not valid TOML"]),
        (
            'conclusion = "' + "x" * 1_000_000 + '"',
            ["is larger than 1,000,000 bytes; is it a file"],
        ),
    ],
    ids=["misspelt", "unread", "broken", "large"],
)
def test_facts_that_nothing_would_read(
    folder: Path, tmp_path: Path, text: str, told: list[str]
) -> None:
    """A fact about something that the report does not have is refused, and nothing is written."""
    facts = tmp_path / "facts.toml"
    facts.write_text(text, encoding="utf-8")
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(CartError) as error:
        write_report(open_result(folder), formats=["html"], sensitivity_trials=0, facts=facts)
    assert error.value.exit_status == 2
    lines = str(error.value).splitlines()
    assert len(lines) == len(told)
    for line in told:
        assert sum(given.startswith(f"{facts}: {line}") for given in lines) == 1, lines
    assert sorted(path.name for path in folder.iterdir()) == before
