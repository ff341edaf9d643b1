"""A run in shares, put together, is a run in one piece to the last byte."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from adaptive_cart.design.design import Design
from adaptive_cart.design.file import load_design
from adaptive_cart.errors import DesignError, EngineError, InputError, ResultsError
from adaptive_cart.results.result import Result, open_result
from adaptive_cart.running.run import simulate
from adaptive_cart.running.shares import Share, merge

DESIGNS = Path(__file__).parents[2] / "designs"
WRITTEN = ("trials.parquet", "looks.parquet", "operating_characteristics.csv", "boundaries.csv",
           "stopping_counts.csv")  # fmt: skip
TRIALS = 50


@pytest.fixture(scope="module")
def design() -> Design:
    return load_design(DESIGNS / "hello.toml").replace("looks.observed", [60, 150])


def shared(design: Design, out: Path, part: str, **more: Any) -> Result:
    asked: Mapping[str, Any] = {"trials": TRIALS, "jobs": 1, "engine": "simulate"} | more
    return simulate(design, out=out, share=Share.parse(part), **asked)


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in WRITTEN}


@pytest.fixture(scope="module")
def whole(design: Design, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    simulate(design, trials=TRIALS, jobs=1, engine="simulate", out=folder)
    return contents(folder)


@pytest.fixture(scope="module")
def in_three(design: Design, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("in three")
    for part in ("3/3", "1/3", "2/3"):
        shared(design, folder, part)
    return folder


@pytest.fixture
def parts(in_three: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(in_three, tmp_path / "parts"))


def test_shares_have_every_trial_once():
    for of in (1, 3, 7, 20):
        shares = [Share(number, of).bounds(50) for number in range(1, of + 1)]
        assert [n for start, stop in shares for n in range(start, stop)] == list(range(50))


def test_shares_put_together_are_a_run_in_one_piece(parts, whole):
    found = merge(parts, jobs=1)
    assert contents(parts) == whole
    assert open_result(parts).manifest["trials"] == {"null": TRIALS, "expected": TRIALS}
    assert found.manifest["set"] == {
        "looks.observed": {"before": [60, 105, 150], "after": [60, 150]}
    }
    # the parts are still there, and to ask again changes nothing
    assert len([path for path in parts.iterdir() if path.is_dir()]) == 3
    merge(parts, jobs=1)
    assert contents(parts) == whole


def test_more_shares_than_trials(design, tmp_path):
    for number in range(1, 6):
        shared(design, tmp_path / "five", f"{number}/5", trials=3)
    merge(tmp_path / "five", jobs=1)
    simulate(design, trials=3, jobs=1, engine="simulate", out=tmp_path / "one")
    assert contents(tmp_path / "five") == contents(tmp_path / "one")


def test_a_share_goes_on_where_it_was(design, parts, whole, monkeypatch):
    looks = next((parts / "part-2-of-3").rglob("000-*.looks.parquet"))
    looks.unlink()  # as where a job was killed between two files
    ran: list[int] = []
    told: Callable[[str, int, int], None] = lambda what, done, total: ran.append(done)  # noqa: E731
    shared(design, parts, "2/3", progress=told)
    assert ran[-2:] == [17, 34]  # of two scenarios only one was left to do
    merge(parts, jobs=1)
    assert contents(parts) == whole


def test_a_damaged_share_is_run_again(parts, whole):
    path = next((parts / "part-2-of-3").rglob("*.trials.parquet"))
    path.write_bytes(path.read_bytes()[:-200])
    said: list[str] = []
    merge(parts, jobs=1, tell=said.append)
    assert any("1 damaged stretches" in words for words in said)
    assert contents(parts) == whole


def turned_over(path: Path, place: int) -> None:
    """Turn a bit of a file over."""
    held = bytearray(path.read_bytes())
    held[place] ^= 1
    path.write_bytes(held)


def in_the_name_of_a_column(path: Path) -> None:
    turned_over(path, path.read_bytes().index(b"covered") + 2)  # of which no checksum tells


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a bit of a page": lambda path: turned_over(path, 100),
    "a bit of its schema": in_the_name_of_a_column,
    "nothing in it": lambda path: path.write_bytes(b""),
    "not there": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a link": lambda path: path.symlink_to(path.rename(path.with_name("moved"))),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_stretch_of_a_part_that_cannot_be_read_is_run_again_at_once(parts, whole, damage):
    DAMAGES[damage](next((parts / "part-2-of-3").rglob("*.trials.parquet")))
    merge(parts, jobs=1)
    assert contents(parts) == whole


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"status": 3}'])
def test_a_damaged_manifest_of_a_part_says_that_the_part_is_run_again(parts, text):
    (parts / "part-2-of-3" / "manifest.json").write_text(text)
    with pytest.raises(ResultsError, match=r"part-2-of-3.*; run this part again with --restart"):
        merge(parts)


def test_what_is_not_there_is_told(parts, design):
    shutil.rmtree(parts / "part-2-of-3")
    with pytest.raises(ResultsError, match=r"not finished, of 3 parts: 2\. .*--part 2/3"):
        merge(parts)
    assert not (parts / "manifest.json").exists()
    manifest = parts / "part-1-of-3" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"status": "running"}))
    with pytest.raises(ResultsError, match=r"not there or not finished, of 3 parts: 1, 2\."):
        merge(parts)
    with pytest.raises(ResultsError, match="holds no parts of a run"):
        merge(parts / "part-3-of-3")


def test_parts_of_other_runs_are_refused(parts, design):
    shared(design, parts, "2/3", seed=9, restart=True)
    with pytest.raises(ResultsError, match=r"part-2-of-3: is of another run.*seed 9 there, 0 now"):
        merge(parts)
    shared(design, parts, "2/3", trials=51, restart=True)
    with pytest.raises(ResultsError, match=r": 51 trials of null.* there, 50 trials .* now\. Move"):
        merge(parts)
    shared(design, parts, "1/2")
    with pytest.raises(ResultsError, match=r"holds parts of several runs: .*; move those away"):
        merge(parts)


TOLD = [[], {"trials": {}}, {"trials": {"null": "50"}}, {"trials": {"null": True}}, {"trials": 50}]


@pytest.mark.parametrize("told", TOLD)
def test_manifests_that_say_something_else_are_refused(parts, told):
    for number in (1, 2, 3):
        manifest = parts / f"part-{number}-of-3" / "manifest.json"
        share = {"number": number, "of": 3, **told} if told else told
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"share": share}))
    with pytest.raises(ResultsError, match="its manifest tells of another part"):
        merge(parts)


def test_links_are_not_followed(parts, tmp_path):
    victim = tmp_path / "victim"
    (parts / "part-2-of-3" / "parts").rename(victim)
    (parts / "part-2-of-3" / "parts").symlink_to(victim)
    with pytest.raises(ResultsError, match="is a link, which is not followed"):
        merge(parts)


@pytest.mark.parametrize(
    "text", ["", "3", "0/3", "4/3", "a/b", "3/20000", "-1/3", "1/3/5", "1" * 99]
)
def test_what_is_no_share_is_refused(text):
    with pytest.raises(InputError, match=r"--part: found .*NUMBER/OF is expected, as in 3/20"):
        Share.parse(text)


def test_what_does_not_go_with_a_share_is_refused_at_once(design):
    with pytest.raises(DesignError) as caught:
        simulate(design, share=Share(1, 3), mcse=0.01, engine="simulate")
    assert len(caught.value.problems) == 2
    with pytest.raises(EngineError, match="--engine simulate"):
        simulate(design, share=Share(1, 3), out="nowhere")
    assert not Path("nowhere").exists()
