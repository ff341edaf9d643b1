"""Files that a user names: whole or not at all, and never in place of somebody's."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from adaptive_cart.errors import InputError
from adaptive_cart.nouns.whole_files import holds_text, write_new


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    write_new(path, "a\n")
    assert path.read_bytes() == b"a\n"
    for again in (False, True):
        with pytest.raises(InputError, match=r"p\.csv: is there already, and is not replaced"):
            write_new(path, "b\n", again=again)
    assert path.read_bytes() == b"a\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["p.csv"]


def test_what_was_written_may_be_written_again_where_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    write_new(path, "ä\n")
    write_new(path, "ä\n", again=True)
    with pytest.raises(InputError):
        write_new(path, "ä\n")
    path.write_text("a\n")  # as many characters, and other bytes
    assert not holds_text(path, "ä\n")


@pytest.mark.parametrize("there", [True, False])
def test_no_link_is_followed(tmp_path: Path, there: bool) -> None:
    target, link = tmp_path / "theirs.csv", tmp_path / "p.csv"
    if there:
        target.write_text("theirs\n")
    link.symlink_to(target)
    with pytest.raises(InputError):
        write_new(link, "theirs\n", again=True)
    assert target.exists() == there
    assert link.is_symlink()


def test_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is there already"):
        write_new(tmp_path, "a\n")


def test_a_pipe_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_new(pipe, "a\n")
    reader.join(timeout=10)
    assert read == ["a\n"]
    assert pipe.is_fifo()
