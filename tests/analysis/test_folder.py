"""The folder of an analysis: only what an analysis wrote, and is unchanged, is replaced."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import adaptive_cart as ac
from adaptive_cart.analysis import analyze, folder
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.owned_folder import OwnedFolder
from analysis.test_analyze import responders, small


@pytest.fixture(autouse=True)
def _no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes seconds and is tested elsewhere."""
    monkeypatch.setattr(folder, "figures_of", lambda analysis: {})


def analysed(out: Path, design: Design | None = None) -> Any:
    return analyze(design or small(), responders((10, 14), (3, 12)), fast=True, out=out)


def test_a_folder_with_figures_of_somebody_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    photo = tmp_path / "mine" / "figures" / "photo.png"
    photo.parent.mkdir(parents=True)
    photo.write_text("x")
    with pytest.raises(ac.CartError, match="mine: holds something else than an analysis"):
        analysed(tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").rglob("*")] == ["figures", "photo.png"]
    assert photo.read_text() == "x"


def test_a_folder_of_another_command_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    for name in ("trials.parquet", "figures/F4.svg"):
        OwnedFolder(tmp_path / "run").write(name, b"of a run")
    with pytest.raises(ac.CartError, match="run: holds something else than an analysis"):
        analysed(tmp_path / "run")
    assert (tmp_path / "run" / "trials.parquet").read_bytes() == b"of a run"
    assert (tmp_path / "run" / "figures" / "F4.svg").read_bytes() == b"of a run"


def test_what_somebody_put_into_an_analysis_stays(tmp_path: Path) -> None:
    out = tmp_path / "out"
    analysed(out)
    for name in ("posterior.nc", "notes.txt", "figures/photo.png"):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text(name)
    analysed(out)
    for name in ("posterior.nc", "notes.txt", "figures/photo.png"):
        assert (out / name).read_text() == name
    (out / "analysis.md").write_text("my remarks")
    with pytest.raises(ac.CartError, match=r"analysis\.md has been changed"):
        analysed(out)
    assert (out / "analysis.md").read_text() == "my remarks"


def test_no_link_is_followed_out_of_the_folder(tmp_path: Path) -> None:
    out, victim = tmp_path / "out", tmp_path / "victim"
    analysed(out)
    victim.mkdir()
    (victim / "a.txt").write_text("a")
    (out / "analysis.md").unlink()
    (out / "analysis.md").symlink_to(victim / "a.txt")
    with pytest.raises(ac.CartError, match=r"analysis\.md is a link"):
        analysed(out)
    assert (victim / "a.txt").read_text() == "a"


def test_what_an_earlier_analysis_wrote_and_this_one_does_not_is_removed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    analysed(out)
    OwnedFolder(out).write("posterior_relapse.nc", b"of another look")
    OwnedFolder(out).write("figures/durability.svg", b"of another look")
    analysed(out)
    written = {"analysis.json", "analysis.md", "analysis.html", ".written.json"}
    assert {path.name for path in out.iterdir()} == written


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_an_endpoint_of_any_name_has_a_file_for_its_posterior(tmp_path: Path, suffix: str) -> None:
    class Fit:
        def save(self, stem: Path) -> Path:
            path = Path(f"{stem}{suffix}")
            if suffix == ".zarr":
                (path / "group").mkdir(parents=True)
                (path / "group" / "0.0").write_bytes(b"draws")
            else:
                path.write_bytes(b"draws")
            return path

    names = ("response", "crs, grade 3: Ω", "crs icans", "../x", "Ω" * 200, "long" * 60)
    analysis = SimpleNamespace(
        plan=SimpleNamespace(design=SimpleNamespace(primary="response")),
        reference=SimpleNamespace(fits=lambda: {name: Fit() for name in names}),
    )
    out = OwnedFolder(tmp_path / "out")
    found = dict(folder._write_posteriors(analysis, out))  # type: ignore[arg-type]
    assert list(found) == list(names)
    files = [file for written in found.values() for file in written]
    assert len(set(files)) == len(names)
    for file in files:
        assert (tmp_path / "out" / file).read_bytes() == b"draws"
        assert out.owns(file)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_an_endpoint_whose_name_is_no_file_name_is_analysed(tmp_path: Path) -> None:
    raw = small().model_dump(by_alias=True, exclude_none=True, mode="json")
    text = json.dumps(raw, ensure_ascii=False).replace('"response"', '"crs, grade 3: Ω"')
    design = Design(**json.loads(text))
    rows = [
        {("crs, grade 3: Ω" if k == "response" else k): v for k, v in row.items()}
        for row in responders((10, 14), (3, 12))
    ]
    analyze(design, rows, fast=True, out=tmp_path / "out")
    written = json.loads((tmp_path / "out" / "analysis.json").read_text(encoding="utf-8"))
    assert written["numbers"][1]["endpoints"]["crs, grade 3: Ω"]["events"] == 10.0
