"""What a design's own ``[sensitivity]`` names is varied without being told, one key at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

import adaptive_cart as ac
from adaptive_cart.design.file import digest_of
from adaptive_cart.errors import DesignError
from adaptive_cart.telling.check import described

HELLO = (Path(__file__).parents[2] / "designs" / "hello.toml").read_text("utf-8")
TABLE = """
[sensitivity]
"rules.efficacy.at_least" = [0.98, 0.99]
"rules.futility.below" = [0.1]
"""


def loaded(tmp_path: Path, table: str) -> ac.Design:
    file = tmp_path / "design.toml"
    file.write_text(HELLO + table, "utf-8")
    return ac.load_design(file)


def test_it_is_swept_one_at_a_time_and_told(tmp_path: Path) -> None:
    design = loaded(tmp_path, TABLE)
    found = ac.sweep(design, out=tmp_path / "sweep")
    by_hand = ac.sweep(
        loaded(tmp_path, ""), design.sensitivity, how="one_at_a_time", out=tmp_path / "by_hand"
    )
    assert [dict(one.settings) for one in found.variants] == [
        {}, {"rules.efficacy.at_least": 0.98}, {"rules.efficacy.at_least": 0.99},
        {"rules.futility.below": 0.1},
    ]  # fmt: skip
    assert found.table.equals(by_hand.table)
    assert "  rules.efficacy.at_least: [0.98, 0.99]" in described(design)


def test_it_is_no_part_of_the_fingerprint(tmp_path: Path) -> None:
    assert digest_of(loaded(tmp_path, TABLE)) == digest_of(loaded(tmp_path, ""))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('"enrolment.maxn" = [90]', r"enrolment\.maxn.*unknown key \(did you mean 'max_n'"),
        ('"rules.efficacy.at_least" = [0.98, 1.98]', r"at_least\"\[1\]: .*found 1\.98; at most 1"),
        ('"enrolment.max_n" = []', r"at least one value is expected"),
        ('"enrolment.max_n" = 90', r"found 90; a list"),
    ],
)
def test_a_value_that_the_design_cannot_have_is_refused_when_it_is_read(
    line: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(DesignError, match=told):
        loaded(tmp_path, f"\n[sensitivity]\n{line}\n")
