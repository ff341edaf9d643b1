"""A sweep in parts, put together, is a sweep in one piece to the last byte."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import adaptive_cart as ac
from adaptive_cart.cli import main
from adaptive_cart.errors import DesignError, ResultsError
from adaptive_cart.running.shares import Share
from adaptive_cart.sweeps.parts import PART, merge_sweep, own_variants, sweep_part
from adaptive_cart.sweeps.varying import variants_of

DESIGNS = Path(__file__).parents[2] / "designs"
VARY = {"rules.efficacy.at_least": [0.97, 0.99], "rules.futility.below": [0.02]}
SWEPT = ("sweep.json", "sweep.csv", "sweep.parquet", "sweep.txt")
RUN = ("design.toml", "trials.parquet", "looks.parquet", "operating_characteristics.csv")
ASKED: dict[str, Any] = {
    "how": "one_at_a_time",
    "trials": 30,
    "seed": 3,
    "engine": "simulate",
    "scenarios": ["null"],
}


@pytest.fixture(scope="module")
def design() -> ac.Design:
    return ac.load_design(DESIGNS / "hello.toml", ["looks.observed=[60, 150]"])


@pytest.fixture(scope="module")
def in_three(design: ac.Design, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("in three")
    for part in ("3/3", "1/3", "2/3"):
        sweep_part(design, Share.parse(part), folder, VARY, jobs=1, **ASKED)
    return folder


@pytest.fixture
def parts(in_three: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(in_three, tmp_path / "parts"))


def contents(folder: Path) -> dict[str, bytes]:
    names = [*SWEPT]
    for variant in sorted((folder / "variants").iterdir()):
        names += [f"variants/{variant.name}/{name}" for name in RUN]
    return {name: (folder / name).read_bytes() for name in names}


def test_every_variant_is_in_one_part(design: ac.Design) -> None:
    variants = variants_of(design, VARY, "grid")
    for of in (1, 2, 5, len(variants), 3 * len(variants)):
        dealt = [own_variants(variants, Share(number, of)) for number in range(1, of + 1)]
        assert sorted(v.label for mine in dealt for v in mine) == sorted(v.label for v in variants)
        assert max(map(len, dealt)) - min(map(len, dealt)) <= 1


def test_parts_put_together_are_a_sweep_in_one_piece(
    design: ac.Design, parts: Path, tmp_path: Path
) -> None:
    whole = ac.sweep(design, VARY, jobs=1, out=tmp_path / "whole", **ASKED)
    before = {path: path.stat().st_mtime_ns for path in parts.rglob("trials.parquet")}
    together = merge_sweep(parts, jobs=1)
    assert contents(parts) == contents(tmp_path / "whole")
    assert together.text(100) == whole.text(100)
    assert {path: path.stat().st_mtime_ns for path in before} == before  # nothing was run again


def test_what_is_missing_or_of_another_sweep_is_named(design: ac.Design, parts: Path) -> None:
    with pytest.raises(ResultsError, match="another sweep: trials 30 there, 31 here"):
        sweep_part(design, Share(2, 3), parts, VARY, jobs=1, **(ASKED | {"trials": 31}))
    other = parts / "part-2-of-3" / PART
    kept = other.read_text(encoding="utf-8")
    told = json.loads(kept)
    told["asked"]["seed"] = 4
    other.write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(ResultsError, match="part 2 is of another sweep than part 1: seed 4 there"):
        merge_sweep(parts)
    other.write_text("{}", encoding="utf-8")
    with pytest.raises(ResultsError, match="damaged"):
        merge_sweep(parts)
    other.unlink()
    with pytest.raises(ResultsError, match="not there or not finished, of 3 parts: 2"):
        merge_sweep(parts)
    other.write_text(kept, encoding="utf-8")
    shutil.rmtree(next(iter((parts / "variants").iterdir())))
    with pytest.raises(ResultsError, match="1 runs are not finished"):
        merge_sweep(parts)
    with pytest.raises(ResultsError, match="holds no parts"):
        merge_sweep(parts / "variants")


def test_problems_of_all_variants_are_told_by_every_part(design: ac.Design, tmp_path: Path) -> None:
    with pytest.raises(DesignError, match="at_least"):
        sweep_part(design, Share(1, 9), tmp_path, {"rules.efficacy.at_least": [0.97, 7.0]})
    assert list(tmp_path.iterdir()) == []


def said(*words: str) -> tuple[int, str]:
    found = CliRunner().invoke(main, [*words, "--jobs", "1"], prog_name="adaptive-cart")
    return found.exit_code, " ".join(found.output.split())


def typed(folder: Path, part: str, *more: str) -> tuple[int, str]:
    vary = ("--vary", "rules.futility.below=0.02", "--trials", "8", "--scenario", "null")
    hello = str(DESIGNS / "hello.toml")
    return said(
        "sweep", hello, *vary, "--engine", "simulate", "--out", str(folder), "--part", part, *more
    )


def test_a_part_as_it_is_typed(tmp_path: Path) -> None:
    status, text = typed(tmp_path, "1/3", "--format", "png")
    assert status != 0
    assert "figures are made by merge" in text
    status, text = typed(tmp_path, "4/3")
    assert status != 0
    assert "NUMBER/OF is expected" in text
    status, text = typed(tmp_path, "3/3")
    assert status == 0, text
    assert "part 3 of 3 has none of the 2 runs" in text
    assert f"adaptive-cart merge {tmp_path}" in text
    status, text = said("merge", str(tmp_path), "--restart")
    assert status != 0
    assert "merge runs none" in text
    status, text = said("merge", str(tmp_path))
    assert status != 0
    assert "not there or not finished, of 3 parts: 1, 2" in text


@pytest.mark.slow
def test_parts_are_merged_with_their_figures(tmp_path: Path) -> None:
    for part in ("1/2", "2/2"):
        status, text = typed(tmp_path, part)
        assert status == 0, text
        assert f"part {part[0]} of 2: 1 of 2 runs" in text
    status, text = said("merge", str(tmp_path))
    assert status == 0, text
    assert "2 parts, each whole and of one sweep" in text
    assert (tmp_path / "sweep.csv").is_file()
    assert list(tmp_path.rglob("*.pdf"))


def test_merge_says_why_it_simulates(tmp_path: Path) -> None:
    design, told = ac.load_design(DESIGNS / "hello.toml"), list[str]()
    for part in ("1/2", "2/2"):
        ac.simulate(
            design, trials=4, jobs=1, engine="simulate", out=tmp_path, share=Share.parse(part)
        )
    ac.merge(tmp_path, jobs=1, tell=told.append)
    assert "engine: simulate (as its parts were run)" in told
