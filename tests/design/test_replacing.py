"""A key set otherwise: as if the file said so, told where it matters, refused where it is wrong."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import adaptive_cart as ac
from adaptive_cart.cli import main
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import digest_of, templates
from adaptive_cart.design.replacing import settings_of, text_with
from adaptive_cart.errors import DesignError, InputError
from adaptive_cart.report.chapters import chapter
from adaptive_cart.report.document import Listing
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts

DESIGNS = Path(__file__).parents[2] / "designs"
HELLO = DESIGNS / "hello.toml"


def written_by_hand(*changes: tuple[str, str]) -> Design:
    text = HELLO.read_text("utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    return Design(**tomllib.loads(text))


def test_a_key_set_is_the_file_with_that_line_changed() -> None:
    design = ac.load_design(HELLO)
    by_hand = written_by_hand(
        ("max_n = 150", "max_n = 180"), ("at_least = 0.985", "at_least = 0.98")
    )
    one = design.replace({"enrolment.max_n": 180, "rules.efficacy.at_least": 0.98})
    two = design.replace("enrolment.max_n", 180).replace("rules[0].at_least", 0.98)
    assert one == two == by_hand
    assert digest_of(one) == digest_of(by_hand) != digest_of(design)
    assert [change.words(key) for key, change in one.replaced.items()] == [
        "enrolment.max_n = 180 instead of 150",
        "rules.efficacy.at_least = 0.98 instead of 0.985",
    ]
    assert design.enrolment.max_n == 150
    assert not design.replaced


def test_a_list_has_entries_and_what_the_file_leaves_out_can_be_set() -> None:
    design = ac.load_design(HELLO)
    looks = design.replace("looks.observed[0]", 45).looks
    assert looks.observed == [45, 105, 150]
    told = design.replace("randomisation.block", 6)
    assert digest_of(told) == digest_of(
        written_by_hand(("[looks]", "[randomisation]\nblock = 6\n[looks]"))
    )
    assert told.replaced["randomisation.block"].words("b") == "b = 6"


@pytest.mark.parametrize("name", templates())
def test_any_design_set_to_what_it_is_stays_what_it_is(name: str) -> None:
    from adaptive_cart.design.file import template

    text = template(name)
    design = Design(**tomllib.loads(text))
    same = design.replace("enrolment.max_n", design.enrolment.max_n)
    assert same == design
    assert digest_of(same) == digest_of(design)
    changed = text_with(text, same)
    assert Design(**tomllib.loads(changed)) == design
    # comments stay
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        line
        for line in changed.splitlines()
        if line.startswith("#") and not line.startswith("# Set for")
    ]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"enrolment.maxn": 90}, r"enrolment\.maxn: unknown key \(did you mean 'max_n'\?\)"),
        ({"enrollment.max_n": 90}, r"enrollment: unknown key \(did you mean 'enrolment'\?\)"),
        ({"rules.eficacy.at_least": 0.9}, r"rules\.eficacy\.at_least: no rule 'eficacy' \(did you"),
        ({"rules.efficacy.at_least": 1.5}, r"rules\.efficacy\.at_least: found 1\.5; at most 1"),
        ({"rules.efficacy.at_most": 0.5}, r"rules\.efficacy\.at_most: unknown key"),
        ({"scenarios.expecte.dfr.soc": 0.1}, r"no scenario 'expecte' \(did you mean"),
        ({"arms.socc.allocation": 2}, r"arms\.socc\.allocation: no arm 'socc'"),
        ({"looks.observed[3]": 170}, r"no entry \[3\] of looks\.observed; .*\[0\] to \[2\]"),
        ({"name.first": "x"}, r"name is \"CD19"),
        ({"truth.dfr.soc": 0.2}, r"without effect, since every scenario says its own"),
        ({"enrolment.max_n": 60}, r"with enrolment\.max_n = 60: looks\.observed: found 105, 150"),
        ({"": 1}, "a key of the design is expected"),
        ({"enrolment.max_n": "90"}, r"enrolment\.max_n: found \"90\"; .* \(without quotes\)"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_the_key_as_typed(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(DesignError) as caught:
        ac.load_design(HELLO).replace(settings)
    assert re.search(told, str(caught.value))


def test_several_problems_are_told_at_once() -> None:
    with pytest.raises(DesignError) as caught:
        ac.load_design(HELLO).replace({"rules.x.at_least": 0.9, "arms.y.allocation": 1})
    assert len(caught.value.problems) == 2


def test_a_rule_that_is_not_there_hides_no_key_that_is_not_there() -> None:
    with pytest.raises(DesignError) as caught:
        ac.load_design(HELLO).replace({"rules.efficcy.at_least": 0.9, "enrolment.maxn": 10})
    told = str(caught.value)
    assert "no rule 'efficcy' (did you mean 'efficacy'?)" in told
    assert "enrolment.maxn: unknown key (did you mean 'max_n'?)" in told


def test_an_event_that_nothing_names_is_refused_under_a_course() -> None:
    design = ac.load_design(DESIGNS / "sle_autologous.toml")
    with pytest.raises(DesignError, match=r"no 'crs4' there \(did you mean 'crs3'\?\)"):
        design.replace("truth.cart.events.crs4", 0.1)
    assert design.replace("truth.cart.events.crs3", 0.1).truth["cart"]["events"]["crs3"] == 0.1


def test_values_are_read_as_the_file_would_read_them() -> None:
    read = settings_of(
        ["a.b=90", "c=0.50", 'd="two words"', "e=response_adaptive", "f=[1, 2]", "g = true",
         'h={ dist = "fixed", value = 2.0 }', 'i."j k"=1']
    )  # fmt: skip
    assert read == {
        "a.b": 90, "c": 0.5, "d": "two words", "e": "response_adaptive", "f": [1, 2], "g": True,
        "h": {"dist": "fixed", "value": 2.0}, 'i."j k"': 1,
    }  # fmt: skip
    assert isinstance(read["a.b"], int)
    assert isinstance(read["c"], float)


@pytest.mark.parametrize("typed", ["a", "a=", "=1", "a b=1", "a=two words", "a=1\nb=2", "a..b=1"])
def test_a_setting_that_is_none_is_refused(typed: str) -> None:
    with pytest.raises(InputError, match="is expected"):
        settings_of([typed])
    with pytest.raises(InputError, match="given twice"):
        settings_of(["a=1", "a=2"])


def test_what_was_set_is_in_manifest_design_and_annex(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done = CliRunner().invoke(
        main,
        ["simulate", str(HELLO), "--set", "rules.efficacy.at_least=0.99", "--out", str(folder)],
    )
    assert done.exit_code == 0, done.output
    assert "set: rules.efficacy.at_least = 0.99 instead of 0.985" in done.stderr
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert manifest["set"] == {"rules.efficacy.at_least": {"before": 0.985, "after": 0.99}}
    by_hand = written_by_hand(("at_least = 0.985", "at_least = 0.99"))
    result = ac.open_result(folder)
    assert result.design == by_hand
    assert manifest["digest"] == digest_of(by_hand)
    text = (folder / "design.toml").read_text("utf-8")
    assert text.startswith("# Set for this run: rules.efficacy.at_least = 0.99 instead of 0.985\n")
    assert "# The smallest complete design" in text
    twin = ac.simulate(by_hand, out=tmp_path / "twin")
    assert result.operating_characteristics.equals(twin.operating_characteristics)
    listings = [b for b in chapter("code_and_manifest").blocks(Evidence(result, Facts(), 0))
                if isinstance(b, Listing)]  # fmt: skip
    said = [b for b in listings if b.text == "rules.efficacy.at_least = 0.99 instead of 0.985"]
    assert [b.audience for b in said] == ["restricted"]


def test_check_example_and_calibrate_say_and_do_it(tmp_path: Path) -> None:
    def run(*typed: str) -> Any:
        done = CliRunner().invoke(main, list(typed))
        assert done.exit_code == 0, done.output
        return done

    checked = run("check", str(HELLO), "--set", "enrolment.per_month=6")
    assert "Set otherwise: enrolment.per_month = 6 instead of 3" in checked.stdout
    plain = run("example", str(HELLO))
    quicker = run("example", str(HELLO), "--set", "enrolment.per_month=6")
    assert plain.stdout != quicker.stdout
    file = tmp_path / "mine.toml"
    file.write_text(HELLO.read_text("utf-8"), "utf-8")
    run("calibrate", str(file), "--set", "rules.efficacy.at_least=calibrate",
        "--set", "calibration.type_one_error=0.05")  # fmt: skip
    found = ac.load_design(file)
    assert found.calibration is not None
    assert found.calibration.type_one_error == 0.05
    assert 0.9 < found.rules[0].threshold < 0.985
