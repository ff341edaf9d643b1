"""Only what we wrote, and is unchanged, is replaced or removed; no link is followed."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest

from adaptive_cart.errors import ResultsError
from adaptive_cart.nouns.owned_folder import LIST, OwnedFolder


def held(folder: Path) -> dict[str, bytes]:
    """Every file that anybody put there, by its name."""
    files = (path for path in folder.rglob("[!.]*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_what_was_written_is_ours_also_for_the_next_who_opens(tmp_path: Path) -> None:
    OwnedFolder(tmp_path / "new").write("figures/one.txt", "first")
    again = OwnedFolder(tmp_path / "new")
    assert again.owns("figures/one.txt")
    again.write("figures/one.txt", "second")
    assert held(tmp_path / "new") == {"figures/one.txt": b"second"}
    assert again.remove("figures/one.txt")
    assert not (tmp_path / "new" / "figures").exists()  # it held nothing else


def stranger(folder: Path, kind: str) -> None:
    """Put something of somebody else's where ``a.txt`` is to be written."""
    path = folder / "a.txt"
    if kind == "changed":
        OwnedFolder(folder).write("a.txt", "ours")
        path.write_text("ours, with a note of mine")
    elif kind == "not ours":
        path.write_text("mine")
    elif kind == "folder":
        path.mkdir()
        (path / "inside.txt").write_text("mine")
    elif kind == "dangling link":
        path.symlink_to(folder.parent / "nowhere.txt")
    else:
        (folder.parent / "outside.txt").write_text("mine")
        path.symlink_to(folder.parent / "outside.txt")


@pytest.mark.parametrize("kind", ["changed", "not ours", "folder", "link", "dangling link"])
def test_what_is_not_ours_is_neither_replaced_nor_removed(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    stranger(folder, kind)
    before = held(tmp_path)
    with pytest.raises(ResultsError, match=r"a\.txt (is a link|has been changed|was not written)"):
        OwnedFolder(folder).write("a.txt", "new")
    assert not OwnedFolder(folder).remove("a.txt")
    OwnedFolder(folder).keep_only([])
    assert held(tmp_path) == before
    assert not (tmp_path / "nowhere.txt").exists()


def test_a_folder_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "one.txt").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "figures").symlink_to(tmp_path / "victim")
    owned = OwnedFolder(tmp_path / "folder")
    with pytest.raises(ResultsError, match=r"folder: figures is a link\. Nothing"):
        owned.require_free(["figures/one.txt", "figures/two.txt"])
    with pytest.raises(ResultsError, match="figures is a link"):
        owned.write("figures/two.txt", "new")
    # nor where a list that somebody sent claims the file
    told = {"files": {"figures/one.txt": [owned_digest("mine")]}, "temporary": [], "set_aside": []}
    (tmp_path / "folder" / LIST).write_text(json.dumps(told))
    sent = OwnedFolder(tmp_path / "folder")
    assert not sent.remove("figures/one.txt")
    assert held(tmp_path / "victim") == {"one.txt": b"mine"}


def owned_digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "told",
    [
        "{",
        "[]",
        '{"files": {"../outside.txt": ["DIGEST"]}, "temporary": [], "set_aside": []}',
        '{"files": {"/etc/passwd": ["DIGEST"]}, "temporary": [], "set_aside": []}',
        '{"files": {}, "temporary": ["../outside.txt"], "set_aside": []}',
        '{"files": {}, "temporary": ["a.txt"], "set_aside": []}',
        "[" * 100_000,
    ],
)
def test_a_list_that_is_not_as_we_write_it_makes_nothing_ours(tmp_path: Path, told: str) -> None:
    (tmp_path / "outside.txt").write_text("mine")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("mine")
    (folder / LIST).write_text(told.replace("DIGEST", owned_digest("mine")))
    owned = OwnedFolder(folder)
    owned.sweep()
    for name in ("../outside.txt", "a.txt"):
        assert not owned.remove(name)
    assert (tmp_path / "outside.txt").exists()
    assert held(folder) == {"a.txt": b"mine"}


def test_a_temporary_name_that_is_taken_is_not_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim.txt"
    victim.write_text("mine")
    (tmp_path / "folder").mkdir()
    foreseen = tmp_path / "folder" / "a.txt.foreseen.tmp"
    foreseen.symlink_to(victim)
    module = "adaptive_cart.nouns.owned_folder.temporary_name"
    monkeypatch.setattr(module, lambda path: foreseen)
    with pytest.raises(Exception, match="File exists"):
        OwnedFolder(tmp_path / "folder").write("a.txt", "new")
    assert victim.read_text() == "mine"


def test_what_a_stop_leaves_is_swept_and_nothing_else(tmp_path: Path) -> None:
    left = []

    def stopped() -> None:
        with OwnedFolder(tmp_path).writing("a.txt") as temporary:
            left.append(temporary)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    left[0].write_text("half of it")  # as a kill would have left it
    (tmp_path / "a.txt.0123456789ab.tmp").write_text("mine")
    OwnedFolder(tmp_path).sweep()
    assert held(tmp_path) == {"a.txt.0123456789ab.tmp": b"mine"}


@pytest.mark.parametrize("at", range(1, 7))
def test_a_kill_leaves_no_list_that_is_not_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    OwnedFolder(tmp_path).write("a.txt", "old")
    left, real = at, Path.replace

    def killed(self: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        return real(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    monkeypatch.setattr(Path, "unlink", lambda path: None)  # who is killed does not tidy up
    owned, written = OwnedFolder(tmp_path), 0
    with suppress(KeyboardInterrupt):
        for content in ("new", "newer"):
            owned.write("a.txt", content)
            written += 1
    monkeypatch.undo()
    assert written == (at - 1) // 3
    assert len(list(tmp_path.glob("*.tmp"))) in (1, 2)  # of the list, of the file or of both
    OwnedFolder(tmp_path).sweep()
    assert sorted(path.name for path in tmp_path.iterdir()) == [LIST, "a.txt"]


def test_a_list_forgets_temporary_files_that_are_gone(tmp_path: Path) -> None:
    for content in ("old", "new", "newer"):
        OwnedFolder(tmp_path).write("a.txt", content)
    told = json.loads((tmp_path / LIST).read_text())["temporary"]
    assert len(told) == 2  # of the file, whose name it got, and of the next list


def test_a_stop_between_list_and_file_leaves_both_versions_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    OwnedFolder(tmp_path).write("a.txt", "old")

    real = Path.replace

    def stopped(self: Path, target: Path) -> Path:
        if Path(target).name == "a.txt":
            raise KeyboardInterrupt
        return real(self, target)

    monkeypatch.setattr(Path, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        OwnedFolder(tmp_path).write("a.txt", "new")
    monkeypatch.setattr(Path, "replace", real)
    assert (tmp_path / "a.txt").read_text() == "old"
    assert OwnedFolder(tmp_path).owns("a.txt")
    OwnedFolder(tmp_path).write("a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"


def test_what_is_set_aside_keeps_its_content_and_is_no_stranger(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("mine")
    (tmp_path / "a.txt.kept1").write_text("older")
    owned = OwnedFolder(tmp_path)
    assert owned.strangers() == ["a.txt", "a.txt.kept1"]
    assert owned.set_aside("a.txt") == "a.txt.kept2"
    assert OwnedFolder(tmp_path).strangers() == ["a.txt.kept1"]
    assert (tmp_path / "a.txt.kept2").read_text() == "mine"
    assert not os.path.lexists(tmp_path / "a.txt")
