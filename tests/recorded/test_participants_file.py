"""Reading a participants table: what a look can see of it, and every mistake with its place."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import adaptive_cart as ac
from adaptive_cart.design.design import Design
from adaptive_cart.recorded.file import ParticipantsError, read_participants
from adaptive_cart.recorded.known import Silence
from checks import columns_of, raw_design

HELLO = Design(**raw_design("hello"))
SLE = Design(**raw_design("sle_autologous"))
BASKET = Design(**raw_design("basket_diseases"))
EVENTS = Design(**raw_design("durability_event_driven"))
RATES = Design(**(raw_design("enrichment_biomarker")))

COURSE: dict[str, Any] = {
    "participant": "001",
    "arm": "cart",
    "stratum": "",
    "randomised_month": 3.0,
    "infused_month": 1.5,
    "remission_month": 4.0,
    "relapse_month": 20.0,
    "rescue_month": 21.0,
    "death_month": "",
    "last_contact_month": 24.0,
    "remission_on_drugs_month": "",
    "crs3": "",
}


def direct(**changes: Any) -> dict[str, Any]:
    row = {"participant": "001", "arm": "cart", "randomised_month": 3.0, "dfr": 1}
    return row | {"last_contact_month": 14.0} | changes


def course(**changes: Any) -> dict[str, Any]:
    return COURSE | changes


def problems(design: Design, rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    with pytest.raises(ParticipantsError) as caught:
        read_participants(rows, design)
    assert caught.value.exit_status == 2
    return [(problem.path, problem.message) for problem in caught.value.problems]


def of_file(tmp_path: Path, content: bytes | str, design: Design = HELLO) -> str:
    path = tmp_path / "data.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ParticipantsError) as caught:
        read_participants(path, design)
    return str(caught.value).replace(f"{path}: ", "")


# ── what is read ──────────────────────────────────────────────────────────────────────────────
def test_a_file_a_data_frame_and_a_list_are_the_same_participants(tmp_path: Path) -> None:
    rows = [course(), course(participant="002", arm="soc", infused_month="", crs3="")]
    path = tmp_path / "data.csv"
    columns = list(columns_of(rows))
    lines = [",".join(columns), *(",".join(str(row[c]) for c in columns) for row in rows)]
    path.write_text("\n".join(lines), encoding="utf-8-sig")
    frame = pd.DataFrame(rows).replace("", None)
    for source in (path, str(path), frame, rows):
        found = read_participants(source, SLE)
        assert found.names == ("001", "002")
        assert found.arm.tolist() == [1, 0]
        assert found.months["infused_month"].tolist() == [1.5, math.inf]
        assert found.months["death_month"].tolist() == [math.inf, math.inf]
        assert found.last_contact.tolist() == [24.0, 24.0]


def test_participants_stand_in_order_of_randomisation() -> None:
    rows = [direct(randomised_month=m, participant=str(m)) for m in (5.0, 0.5, 2.0)]
    found = read_participants(rows, HELLO)
    assert found.names == ("0.5", "2.0", "5.0")
    assert found.reach == 19.0


def test_who_is_last_seen_before_the_look_is_not_lost_by_silence() -> None:
    rows = [
        course(participant="seen"),
        course(participant="silent", last_contact_month=21.0),
        course(participant="dead", death_month=21.5, last_contact_month=21.5),
        course(participant="left", withdrawn_month=21.0, last_contact_month=21.0),
        course(participant="later", randomised_month=26.0, last_contact_month=1.0,
               infused_month="", remission_month="", relapse_month="", rescue_month=""),
    ]  # fmt: skip
    found = read_participants(rows, SLE)
    assert found.unseen(27.0, 0.0).tolist() == [False, True, False, False, False]
    assert found.unseen(24.0, 0.0).tolist() == [False, False, False, False, False]
    assert found.unseen(24.4).tolist() == [False, False, False, False, False]
    assert found.unseen(25.0).tolist() == [False, True, False, False, False]
    assert found.unseen(25.0, window=1.0).tolist() == [False, False, False, False, False]
    assert found.left(23.0).tolist() == [False, False, False, False, False]
    assert found.left(25.0).tolist() == [False, False, False, True, False]
    dropout = found.population(27.0).dropout
    assert dropout is not None
    assert dropout[0, :5].tolist() == [math.inf, 21.0, math.inf, 21.0, math.inf]
    taken = found.population(27.0, silence=Silence(frozenset({1}))).dropout
    assert taken is not None
    assert taken[0, :5].tolist() == [math.inf, math.inf, math.inf, 21.0, math.inf]


def test_a_visit_within_the_window_before_its_month_counts_for_it_and_no_further() -> None:
    rows = [course(participant=str(m), last_contact_month=m, relapse_month="", rescue_month="")
            for m in (11.4, 11.6, 12.0, 12.3)]  # fmt: skip
    found = read_participants(rows, SLE)  # the landmark is at month 12
    assert found.reached(0.5).tolist() == [11.4, 12.0, 12.0, 12.3]
    assert found.reached(0.0).tolist() == [11.4, 11.6, 12.0, 12.3]
    # censored at the last contact, and not half a month later
    dropout = found.population(30.0).dropout
    assert dropout is not None
    assert dropout[0, :4].tolist() == [11.4, 12.0, 12.0, 12.3]


def test_who_has_reached_the_end_of_what_is_asked_is_not_awaited() -> None:
    rows = [direct(participant=str(m), last_contact_month=m, dfr=v)
            for m, v in ((11.4, ""), (11.6, ""), (11.7, 1), (12.0, 0))]  # fmt: skip
    found = read_participants(rows, HELLO)
    # a blank outcome is not known, however near the visit was to its day
    assert found.unseen(30.0).tolist() == [True, True, False, False]
    assert found.reached(0.5).tolist() == [11.4, 11.6, 12.0, 12.0]


def test_an_endpoint_without_a_column_is_worked_out_and_one_with_a_column_is_taken() -> None:
    rows = [course(dfr=1)]
    assert read_participants(rows, SLE).outcomes["dfr"].tolist() == [True]
    assert "dfr" not in read_participants([course()], SLE).outcomes


def test_columns_that_the_design_needs_for_no_endpoint_are_noted_and_not_refused() -> None:
    row = course(icans3=2.0)
    del row["remission_on_drugs_month"]
    found = read_participants([row], SLE)
    assert found.notes == (
        "icans3: no endpoint reads it",
        "no column remission_on_drugs_month: nobody counts as in remission on drugs",
    )


def test_an_adverse_event_outside_its_window_is_not_counted() -> None:
    rows = [course(crs3=2.4), course(participant="002", crs3=2.6)]
    found = read_participants(rows, SLE)  # the window: 1.5 to 2.5
    assert found.outcomes["crs3"].tolist() == [2.4, math.inf]
    assert found.notes == ("crs3: 1 outside the window of 1 months after infusion, not counted",)


def test_recurrent_events_come_in_order_and_count_to_a_month() -> None:
    rows = [
        {"participant": "1", "arm": "cart", "stratum": "ifn_low", "randomised_month": 0.0,
         "last_contact_month": 12.0, "dfr": 0, "infection": "5.5; 2"},
        {"participant": "2", "arm": "soc", "stratum": "ifn_low", "randomised_month": 1.0,
         "last_contact_month": 12.0, "dfr": 0, "infection": ""},
    ]  # fmt: skip
    population = read_participants(rows, RATES).population(13.0)
    months = np.full(population.arrival.shape, 5.0)
    assert population.outcomes["infection"].count(months)[0, :2].tolist() == [1, 0]
    assert population.outcomes["infection"].month_of(1)[0, 0] == 5.5


def test_a_participant_with_no_follow_up_yet_is_read() -> None:
    rows = [direct(), direct(participant="002", last_contact_month=0, dfr="")]
    found = read_participants(rows, HELLO)
    assert found.last_contact.tolist() == [14.0, 0.0]


# ── mistakes ──────────────────────────────────────────────────────────────────────────────────
WRONG: list[tuple[Design, dict[str, Any], str, str]] = [
    (HELLO, direct(arm="catr"), "arm", "found 'catr' (did you mean 'cart'?); the arms are soc, c"),
    (HELLO, direct(arm=""), "arm", "blank; the arms are soc, cart"),
    (HELLO, direct(stratum="sle"), "stratum", "found 'sle'; the design has no strata"),
    (BASKET, direct(stratum="scc"), "stratum", "found 'scc' (did you mean 'ssc'?); the strata are"),
    (HELLO, direct(participant=""), "participant", "blank"),
    (HELLO, direct(randomised_month=""), "randomised_month", "blank"),
    (HELLO, direct(randomised_month="-1"), "randomised_month", "a month is not negative"),
    (HELLO, direct(randomised_month="2024-03-01"), "randomised_month", "--opened YYYY-MM-DD (the"),
    (HELLO, direct(randomised_month=20240301), "randomised_month", "from 0 to 1200 are expected"),
    (HELLO, direct(last_contact_month="14,5"), "last_contact_month", "decimals need a point: 14.5"),
    (HELLO, direct(last_contact_month="NA"), "last_contact_month", "leave the cell blank"),
    (HELLO, direct(last_contact_month="x"), "last_contact_month", "found 'x'; a number of months"),
    (HELLO, direct(last_contact_month=""), "last_contact_month", "write 0 where there was no"),
    (HELLO, direct(dfr=2), "dfr", "found '2'; 0, 1 or blank is expected"),
    (HELLO, direct(last_contact_month=6.0), "dfr", "the outcome at month 12; but last contact is"),
    (HELLO, direct(dfr=""), "dfr", "blank, and month 12 has passed (last contact is month 14)"),
    (SLE, course(remission_month=""), "relapse_month", "found 20; a relapse without a remission"),
    (SLE, course(relapse_month=3.0), "relapse_month", "is before the remission (month 4)"),
    (SLE, course(rescue_month=8.0), "rescue_month", "in drug-free remission (from month 4)"),
    (SLE, course(death_month=18.0), "relapse_month", "found 20, after death (month 18)"),
    (SLE, course(death_month=22.0), "last_contact_month", "found 24, after death (month 22)"),
    (SLE, course(death_month=30.0), "death_month", "after last contact (month 24); a death is a"),
    (SLE, course(last_contact_month=20.5), "rescue_month", "after last contact (month 20.5)"),
    (SLE, course(arm="soc"), "infused_month", "nobody is infused in arm 'soc'"),
    (SLE, course(withdrawn_month=20.0), "withdrawn_month", "who is still seen has not withdrawn"),
    (SLE, course(withdrawn_month=24.0, death_month=24.0), "withdrawn_month", "and a death (month"),
    (HELLO, direct(last_contact_month=11.8, withdrawn_month=11.8), "dfr", "withdrawn_month is"),
    (HELLO, direct(death_month=20.0, last_contact_month=20.0, dfr=""), "dfr", "12 has passed"),
    (SLE, course(crs3="early"), "crs3", "found 'early'; a number of months is expected"),
    (EVENTS, {"participant": "1", "arm": "consolidate", "randomised_month": 0,
              "last_contact_month": 3, "relapse": 5}, "relapse", "after last contact (month 3)"),
    (RATES, {"participant": "1", "arm": "cart", "stratum": "ifn_low", "randomised_month": 0,
             "last_contact_month": 3, "dfr": "", "infection": "1;4"},
     "infection", "found 4, after last contact (month 3)"),
]  # fmt: skip


@pytest.mark.parametrize(("design", "row", "column", "message"), WRONG)
def test_every_mistake_says_its_row_and_column(
    design: Design, row: dict[str, Any], column: str, message: str
) -> None:
    found = problems(design, [row])
    assert any(message in text for path, text in found if path == f"row 1, {column}"), found


def test_all_mistakes_are_told_at_once_by_row_and_column() -> None:
    rows = [
        direct(arm="catr", last_contact_month="x"),
        direct(),
        direct(participant="003", randomised_month=-1, dfr=7),
    ]
    assert [path for path, _ in problems(HELLO, rows)] == [
        "row 1, arm",
        "row 1, last_contact_month",
        "row 2, participant",
        "row 3, randomised_month",
        "row 3, dfr",
    ]


def test_a_participant_stands_there_once() -> None:
    found = problems(HELLO, [direct(), direct(participant="2"), direct()])
    assert found == [("row 3, participant", "'001' stands in row 1 already")]


def test_numbers_that_are_no_months_are_refused_without_a_warning(tmp_path: Path) -> None:
    told = of_file(
        tmp_path,
        "participant,arm,randomised_month,last_contact_month,dfr\n1,cart,1e308,1e308,1\n"
        "2,soc,-1e308,1,0\n",
    )
    assert told.count("months from 0 to 1200 are expected") == 2
    assert "found -1e308; a month is not negative" in told


def test_columns_that_are_missing_or_unknown_are_named() -> None:
    row = course()
    del row["relapse_month"], row["crs3"]
    found = dict(problems(SLE, [row | {"relapse_mnth": 2.0}]))
    assert found["column relapse_mnth"].startswith("unknown (did you mean 'relapse_month'?)")
    assert found["column relapse_month"].startswith("missing; dfr, remission, relapse")
    assert found["column crs3"] == "missing: month of onset, blank where there is none"


def test_a_missing_outcome_may_be_given_in_a_column_of_its_own() -> None:
    row = direct()
    del row["dfr"]
    found = dict(problems(HELLO, [row]))
    assert "or give dfr as 0 or 1 in a column of its own" in found["column remission_month"]


def test_more_participants_than_the_design_allows() -> None:
    rows = [direct(participant=str(number)) for number in range(151)]
    ((path, message),) = problems(HELLO, rows)
    assert path == "row 151, participant"
    assert message.startswith("151 participants, and enrolment.max_n is 150")


# ── files ─────────────────────────────────────────────────────────────────────────────────────
HEAD = "participant,arm,randomised_month,last_contact_month,dfr\n"


def test_files_that_are_no_table(tmp_path: Path) -> None:
    assert "is empty" in of_file(tmp_path, " \n")
    assert "has a header and no participants" in of_file(tmp_path, HEAD)
    assert "row 1: columns are separated by bars" in of_file(tmp_path, HEAD.replace(",", "|"))
    latin = (HEAD + "1,cart,0,14,1\nJosé,cart,0,14,1\n").encode("latin-1")
    assert "row 3: byte 0xe9 is not UTF-8" in of_file(tmp_path, latin)
    assert "is a spreadsheet" in of_file(tmp_path, b"PK\x03\x04rest")
    assert "zero byte" in of_file(tmp_path, b"a\0b")
    assert "is no CSV" in of_file(tmp_path, HEAD + '1,"cart,0,14,1\n')


def test_rows_keep_their_numbers_past_blank_lines_and_quoted_ones(tmp_path: Path) -> None:
    text = HEAD + '\n"first\nparticipant",cart,0,14,1\n2,catr,0,14,1\n'
    assert of_file(tmp_path, text).startswith("row 5, arm: found 'catr'")


def test_decimal_commas_without_quotes_make_too_many_cells(tmp_path: Path) -> None:
    message = of_file(tmp_path, HEAD + "1,cart,0,5,14,2,1\n")
    assert message == "row 2: 7 cells for 5 columns; numbers with a decimal comma? write 3.5"


def test_a_file_that_is_not_there_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "patients.csv").write_text(HEAD)
    with pytest.raises(ac.CartError, match=r"no such file \(did you mean 'patients.csv'\?\)"):
        read_participants(tmp_path / "patient.csv", HELLO)
    with pytest.raises(ac.CartError, match="is a folder"):
        read_participants(tmp_path, HELLO)
