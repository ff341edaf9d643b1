"""A results folder that holds other people's files, links, or what a stop has left."""

from __future__ import annotations

import errno
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adaptive_cart.design.design import Design
from adaptive_cart.errors import CartError, ResultsError
from adaptive_cart.figures import write_figures
from adaptive_cart.nouns.locked_folder import locked
from adaptive_cart.results import rows
from adaptive_cart.results.result import Result, open_result
from adaptive_cart.results.store import LOOKS, MANIFEST, MEASURES, TRIALS, Store
from adaptive_cart.running import run as module
from adaptive_cart.running.run import simulate
from checks import raw_design


def drawn(out: Path, trials: int = 40, **how: Any) -> Result:
    raw = raw_design("hello")
    return simulate(Design(**raw), trials=trials, engine="simulate", jobs=1, out=out, **how)


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    folder = tmp_path / "victim"
    folder.mkdir()
    (folder / "a.txt").write_text("mine")
    return folder


@pytest.mark.parametrize("how", [{}, {"trials": 60}, {"restart": True}])
def test_a_link_in_the_place_of_parts_is_not_followed(
    tmp_path: Path, victim: Path, how: dict[str, Any]
) -> None:
    drawn(tmp_path / "r")
    (tmp_path / "r" / "parts").symlink_to(victim)
    try:
        drawn(tmp_path / "r", **how)
    except ResultsError as error:
        assert "parts: is a link" in str(error)  # noqa: PT017
    assert [path.name for path in victim.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("name", [TRIALS, LOOKS, MEASURES, "design.toml", "manifest.json"])
def test_a_link_in_the_place_of_a_file_is_not_written_through(
    tmp_path: Path, victim: Path, name: str
) -> None:
    drawn(tmp_path / "r")
    path = tmp_path / "r" / name
    there = path.rename(victim / name)
    path.symlink_to(there)
    before = there.read_bytes()
    with pytest.raises(ResultsError, match="is a link"):
        drawn(tmp_path / "r", 60)
    drawn(tmp_path / "r", 60, restart=True)  # the link gets another name
    assert there.read_bytes() == before
    assert not path.is_symlink()
    assert open_result(tmp_path / "r").manifest["trials"]["null"] == 60


def test_restart_where_no_run_was_removes_nothing(tmp_path: Path) -> None:
    (tmp_path / "own" / "figures").mkdir(parents=True)
    (tmp_path / "own" / "figures" / "photo.png").write_text("mine")
    (tmp_path / "own" / "report.docx").write_text("mine")
    with pytest.raises(ResultsError, match=r"figures, report\.docx"):
        drawn(tmp_path / "own", restart=True)
    assert (tmp_path / "own" / "figures" / "photo.png").read_text() == "mine"
    assert (tmp_path / "own" / "report.docx").read_text() == "mine"


def test_restart_keeps_what_somebody_put_beside_or_changed(tmp_path: Path) -> None:
    result = drawn(tmp_path / "r")
    write_figures(result, formats=("svg",), only=("F4",))
    figures = tmp_path / "r" / "figures"
    (figures / "photo.png").write_text("mine")
    changed = figures / "F04_power.svg"
    changed.write_text(changed.read_text() + "<!-- mine -->")
    with pytest.raises(ResultsError, match=r"F04_power\.svg has been changed"):
        write_figures(result, formats=("svg",), only=("F4",))
    drawn(tmp_path / "r", restart=True)
    assert sorted(path.name for path in figures.iterdir()) == ["F04_power.svg", "photo.png"]
    assert changed.read_text().endswith("<!-- mine -->")


@pytest.mark.parametrize("name", ["F04_power.svg", "captions.json"])
def test_figures_replace_no_file_of_somebody_else(tmp_path: Path, name: str) -> None:
    result = drawn(tmp_path / "r")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text("mine")
    with pytest.raises(CartError, match="was not written here"):
        write_figures(result, tmp_path / "mine", formats=("svg",), only=("F4",))
    assert (tmp_path / "mine" / name).read_text() == "mine"


@pytest.mark.parametrize(("before", "manifests"), [(0, 4), (30, 3)])
def test_a_full_disk_at_any_manifest_loses_no_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int, manifests: int
) -> None:
    """Stopped between the renaming of the tables and the manifest that counts them too."""
    whole = drawn(tmp_path / "straight", 60)
    real: Callable[..., None] = Store.write_manifest
    for stop_at in range(1, manifests + 1):
        out = tmp_path / f"stopped at {stop_at}"
        if before:
            drawn(out, before)
        calls = [0]

        def full(self: Store, manifest: Any, calls: list[int] = calls, at: int = stop_at) -> None:
            calls[0] += 1
            if calls[0] == at:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(self, manifest)

        monkeypatch.setattr(Store, "write_manifest", full)
        with pytest.raises(OSError, match="No space left"):
            drawn(out, 60)
        monkeypatch.setattr(Store, "write_manifest", real)
        again = drawn(out, 60)
        assert again.manifest["status"] == "complete"
        assert again.manifest["trials"] == whole.manifest["trials"]
        for name in (TRIALS, LOOKS, MEASURES):
            assert (out / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()
        assert open_result(out).figure("null", "success").n == 60


def test_a_finished_run_is_read_back_and_not_worked_out_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = drawn(tmp_path / "r")

    def never(*arguments: Any, **keywords: Any) -> None:
        raise AssertionError("worked out again")

    for name in ("values_of_all", "tasks_of", "run_stretches", "boundaries_csv"):
        monkeypatch.setattr(module, name, never)
    os.chmod(tmp_path / "r", 0o555)
    again = drawn(tmp_path / "r")
    os.chmod(tmp_path / "r", 0o755)
    assert again.operating_characteristics.equals(first.operating_characteristics)
    described = tomllib.loads(Design(**raw_design("hello")).as_toml())
    described["description"] = "said anew"
    text = Design(**described).as_toml()
    simulate(
        Design(**described), trials=40, engine="simulate", jobs=1, out=tmp_path / "r",
        design_text=text,
    )  # fmt: skip
    assert (tmp_path / "r" / "design.toml").read_text() == text


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("finished", [True, False])
def test_tables_with_other_columns_are_not_extended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: bool
) -> None:
    """Told before anything is run, and the folder is as it was."""
    out, columns = tmp_path / "r", rows._trial_columns
    if finished:
        drawn(out)
    else:
        with monkeypatch.context() as patched:
            patched.setattr(Store, "merge", stopped)
            with pytest.raises(RuntimeError, match="stopped"):
                drawn(out)
    before = contents(out)

    def more(plan: Any, block: Any) -> dict[str, Any]:
        return columns(plan, block) | {"within_error_x": np.zeros(len(block.look), dtype=bool)}

    with monkeypatch.context() as patched:
        patched.setattr(rows, "_trial_columns", more)
        patched.setattr(module, "run_stretches", stopped)
        with pytest.raises(ResultsError) as caught:
            drawn(out, 60)
        told = str(caught.value)
        assert "trials.parquet lacks within_error_x" in told
        assert "another --out, or --restart" in told
        assert "\n" not in told
    assert contents(out) == before
    assert drawn(out, 60).manifest["status"] == "complete"


def stopped(*arguments: Any, **how: Any) -> None:
    raise RuntimeError("stopped")


def test_a_folder_that_is_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "results").symlink_to(tmp_path / "not mounted")
    with (
        pytest.raises(ResultsError, match=r"results: is a link to .*not mounted, which is not"),
        locked(tmp_path / "results"),
    ):
        pass
    (tmp_path / "not mounted").mkdir()
    with locked(tmp_path / "results"):
        pass


@pytest.mark.parametrize(("ours", "way"), [(True, ", or --restart to replace them"), (False, "")])
def test_a_restart_is_advised_where_it_is_done(tmp_path: Path, ours: bool, way: str) -> None:
    drawn(tmp_path / "run")
    (tmp_path / "run" / MANIFEST).unlink()
    if not ours:
        (tmp_path / "run" / "trials.parquet").write_text("mine")
    with pytest.raises(ResultsError) as caught:
        drawn(tmp_path / "run")
    assert str(caught.value).endswith(f"that says of what; choose another --out{way}")
    if ours:
        drawn(tmp_path / "run", restart=True)
    else:
        with pytest.raises(ResultsError, match="nothing there is replaced"):
            drawn(tmp_path / "run", restart=True)
