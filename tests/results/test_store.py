"""The results folder: whole files or none, streams of rows, what is ours and what is not."""

from __future__ import annotations

import errno
import itertools
import json
import os
import pickle
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_cart.errors import ResultsError, RunError
from adaptive_cart.nouns.whole_files import write_text
from adaptive_cart.results import store as module
from adaptive_cart.results import unmerged as unmerged_module
from adaptive_cart.results.columns import Columns, LastLooks
from adaptive_cart.results.parquet_tables import regrouped, write_table
from adaptive_cart.results.parts import Parts, Span, Stretch
from adaptive_cart.results.store import LOOKS, TRIALS, Identity, Store, in_turn
from adaptive_cart.results.unmerged import Unmerged
from adaptive_cart.running.reading_off import done_by
from adaptive_cart.running.stretches import pieces_of, spans_of, stretch_length, trials_in

IDENTITY = Identity("d1", 7, "0.1", "simulate")
NAMES = ("null", "expected")
WORDS = ("success", "futility", "no_success")


def labels(words: tuple[str, ...], positions: np.ndarray) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(positions.astype(np.int8)), pa.array(words))


def trials_table(name: str, start: int, stop: int) -> pa.Table:
    trial = np.arange(start, stop)
    return pa.table(
        {
            "scenario": labels((name,), np.zeros(len(trial))),
            "trial": trial,
            "reason": labels(WORDS, trial % 3),
            "months": np.sqrt(trial) + len(name),
            "failed": trial % 5 == 0,
        }
    )


def looks_table(name: str, start: int, stop: int) -> pa.Table:
    """Trial t is seen at t % 3 + 1 looks, in two arms and three strata."""
    rows = [
        (trial, look, look == trial % 3, 100 * trial + 10 * arm + stratum)
        for trial in range(start, stop)
        for look in range(trial % 3 + 1)
        for arm in range(2)
        for stratum in range(3)
    ]
    trial, look, last, events = (np.array(column) for column in zip(*rows, strict=True))
    return pa.table(
        {
            "scenario": labels((name,), np.zeros(len(trial))),
            "trial": trial,
            "look": look.astype(np.int8),
            "last": last,
            "events": events,
        }
    )


def keep(parts: Parts, position: int, start: int, stop: int) -> Stretch:
    stretch = Stretch(position, start, stop)
    name = NAMES[position]
    parts.write(stretch, trials_table(name, start, stop), looks_table(name, start, stop))
    return stretch


def opened(folder: Path, identity: Identity = IDENTITY) -> Store:
    """A store made ready for a run."""
    store = Store(folder)
    store.prepare(identity, restart=False)
    store.open_parts()
    return store


def filled(folder: Path, edges: list[int], do: Any = in_turn) -> Store:
    """Tables of both scenarios, merged from stretches with these edges."""
    store = opened(folder)
    parts = store.parts
    spans = {}
    for position, name in enumerate(NAMES):
        stretches = [
            keep(parts, position, start, stop) for start, stop in itertools.pairwise(edges)
        ]
        spans[name] = [Span(part.start, part.stop, part) for part in stretches]
    store.merge(IDENTITY, spans, do)
    store.drop_parts()
    return store


def tables(store: Store) -> list[bytes]:
    return [store.path(name).read_bytes() for name in (TRIALS, LOOKS)]


def manifest(store: Store, **changed: object) -> dict[str, object]:
    told = {
        "format": module.FORMAT,
        "status": "complete",
        **vars(IDENTITY),
        "trials": dict.fromkeys(NAMES, 60),
        "checksums": {n: store.checksum(n) for n in (TRIALS, LOOKS) if store.path(n).exists()},
    } | changed
    store.write_manifest(told)
    return told


# ── whole files or none ───────────────────────────────────────────────────────────────────────
def test_a_text_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def full(*args: object, **keywords: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"a\.txt: cannot be written: No space left on device"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_table_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    write_table(path, trials_table("null", 0, 5), "run")
    before = path.read_bytes()

    def half(table: pa.Table, where: Path, **keywords: object) -> None:
        Path(where).write_bytes(b"PAR1 and then no more")
        raise OSError(errno.ENOSPC, "Error writing bytes to file. Detail: [errno 28]")

    monkeypatch.setattr(pq, "write_table", half)
    with pytest.raises(RunError, match=r"No space left on device.*goes on from there"):
        write_table(path, trials_table("null", 0, 6), "run")
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.parquet"]


def test_a_device_stays_a_device_and_a_link_a_link(tmp_path):
    write_text(Path(os.devnull), "nothing")
    assert Path(os.devnull).is_char_device()
    (tmp_path / "there.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("there.txt")
    write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "there.txt").read_text() == "new"


# ── streams of rows ───────────────────────────────────────────────────────────────────────────
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    rows=st.integers(1, 60),
)
def test_regrouped_keeps_every_row_in_order(sizes: list[int], rows: int):
    edges = np.cumsum([0, *sizes])
    pieces = [trials_table("null", start, stop) for start, stop in itertools.pairwise(edges)]
    groups = list(regrouped(iter(pieces), rows))
    assert pa.concat_tables(groups).equals(trials_table("null", 0, edges[-1]))
    assert [group.num_rows for group in groups[:-1]] == [rows] * (len(groups) - 1)
    assert all(column.num_chunks == 1 for group in groups for column in group.columns)


@pytest.mark.parametrize("row_group", [7, 64, 100_000])
def test_the_bytes_of_a_table_do_not_tell_how_it_was_filled(tmp_path, monkeypatch, row_group):
    monkeypatch.setattr(module, "ROW_GROUP", row_group)
    at_once = tables(filled(tmp_path / "at_once", [0, 60]))
    in_pieces = tables(filled(tmp_path / "in_pieces", [0, 1, 17, 40, 60], partial(done_by, 2)))
    store = filled(tmp_path / "extended", [0, 25])
    store.prepare(IDENTITY, restart=False)
    store.open_parts()
    parts = store.parts
    spans = {
        # the part begins before what is kept ends, and reaches beyond what is wanted
        name: [Span(0, 25, None), Span(25, 60, keep(parts, position, 20, 70))]
        for position, name in enumerate(NAMES)
    }
    store.merge(IDENTITY, spans)
    assert at_once == in_pieces == tables(store)


@pytest.mark.parametrize("suffix", ["trials", "looks"])
def test_what_fails_is_told_and_leaves_both_tables_as_they_were(tmp_path, suffix):
    store = filled(tmp_path, [0, 60])
    before = tables(store)
    store.prepare(IDENTITY, restart=False)
    store.open_parts()
    spans = {
        name: [Span(0, 60, None), Span(60, 90, keep(store.parts, position, 60, 90))]
        for position, name in enumerate(NAMES)
    }
    broken = store.parts.path(Stretch(1, 60, 90), suffix)
    broken.write_bytes(broken.read_bytes()[:-9])
    told = rf"{suffix}\.parquet: is damaged .*, and its stretch has been removed"
    with pytest.raises(RunError, match=told):
        store.merge(IDENTITY, spans)
    assert tables(store) == before


def test_a_damaged_stretch_stays_until_whoever_asked_for_it_is_told(tmp_path):
    parts = opened(tmp_path).parts
    stretch = keep(parts, 0, 0, 60)
    parts.path(stretch, "trials").write_bytes(b"nothing")
    with pytest.raises(RunError) as caught:
        parts.read(Span(0, 60, stretch), "trials")
    parts.read(Span(0, 60, stretch), "looks")  # another process may read it at this moment
    error = pickle.loads(pickle.dumps(caught.value))
    told = r"trials\.parquet: is damaged .* has been removed. What was"
    with pytest.raises(RunError, match=told), parts.without_damaged():
        raise error
    assert parts.finished() == []


@pytest.mark.parametrize(("row_group", "most_open"), [(5, 128), (7, 1), (100_000, 0)])
def test_trials_in_stretches_are_read_as_those_in_tables(
    tmp_path, monkeypatch, row_group, most_open
):
    monkeypatch.setattr(module, "ROW_GROUP", row_group)
    monkeypatch.setattr(unmerged_module, "MOST_OPEN", most_open)
    merged = filled(tmp_path / "merged", [0, 20, 60])
    store = filled(tmp_path / "in pieces", [0, 20])
    store.prepare(IDENTITY, restart=False)
    store.open_parts()
    kept = [keep(store.parts, 0, start, stop) for start, stop in ((20, 45), (40, 70))]
    spans = {NAMES[0]: [Span(0, 20, None), Span(20, 45, kept[0]), Span(45, 60, kept[1])]}
    unmerged = Unmerged(store.folder, store.parts, spans)
    assert unmerged.column_names(TRIALS) == merged.column_names(TRIALS)
    words = {"reason": WORDS}
    found, expected = (Columns(of, TRIALS, NAMES[0], words) for of in (unmerged, merged))
    for column in ("trial", "months", "failed", "reason"):
        assert np.array_equal(found[column], expected[column])
    ends = [LastLooks(of, NAMES[0], 2, 3).by_arm("events") for of in (unmerged, merged)]
    assert np.array_equal(*ends)


@pytest.mark.parametrize("full", [TRIALS, LOOKS])
def test_a_full_disk_is_told_of_the_table_that_it_stopped(tmp_path, monkeypatch, full):
    store = opened(tmp_path)
    stretch = keep(store.parts, 0, 0, 60)
    sources = store._sources

    def failing(name, *rest):
        if name == full:
            raise OSError(errno.ENOSPC, "full")
        return sources(name, *rest)

    monkeypatch.setattr(store, "_sources", failing)
    with pytest.raises(RunError, match=rf"{full}: cannot be written"):
        store.merge(IDENTITY, {"null": [Span(0, 60, stretch)]})
    assert not store.path(TRIALS).exists()
    assert not store.path(LOOKS).exists()


@pytest.mark.parametrize("row_group", [5, 7, 100_000])
def test_columns_come_in_order_of_trial(tmp_path, monkeypatch, row_group):
    monkeypatch.setattr(module, "ROW_GROUP", row_group)
    store = filled(tmp_path, [0, 20, 60])
    expected = trials_table("expected", 0, 60)
    for column in ("trial", "months", "failed"):
        found = store.column(TRIALS, "expected", column)
        assert np.array_equal(found, expected.column(column).to_numpy())
    other_words = ("no_success", "success")
    reason = store.column(TRIALS, "null", "reason", other_words)
    assert reason.tolist() == [(1, -1, 0)[trial % 3] for trial in range(60)]
    columns = Columns(store, TRIALS, "null", {"reason": WORDS})
    assert set(columns) == {"scenario", "trial", "reason", "months", "failed"}
    assert columns["reason"].tolist() == [trial % 3 for trial in range(60)]
    assert "none" not in columns
    assert columns.get("none", 3) == 3


@pytest.mark.parametrize("row_group", [5, 7, 100_000])
def test_last_looks_are_summed_over_strata(tmp_path, monkeypatch, row_group):
    monkeypatch.setattr(module, "ROW_GROUP", row_group)
    store = filled(tmp_path, [0, 20, 60])
    by_arm = LastLooks(store, "null", 2, 3).by_arm("events")
    trial = np.arange(60.0)
    assert np.array_equal(by_arm, [300 * trial + 3, 300 * trial + 33])
    assert by_arm.flags.c_contiguous
    with pytest.raises(ResultsError, match="does not hold whole looks"):
        LastLooks(store, "null", 7, 1).by_arm("events")


# ── what is missing ───────────────────────────────────────────────────────────────────────────
@given(
    kept=st.integers(0, 40),
    more=st.integers(0, 60),
    stretches=st.lists(st.tuples(st.integers(0, 120), st.integers(1, 50)), max_size=8),
    length=st.integers(1, 50),
)
def test_spans_and_gaps_are_all_trials_once(kept, more, stretches, length):
    target = kept + more
    finished = [Stretch(0, start, start + size) for start, size in stretches]
    spans, gaps = spans_of(target, kept, finished)
    for span in spans:
        if span.part is None:
            assert (span.start, span.stop) == (0, kept)
        else:
            assert span.part.start <= span.start < span.stop <= span.part.stop
    edges = sorted([(span.start, span.stop) for span in spans] + gaps)
    covered = [trial for start, stop in edges for trial in range(start, stop)]
    assert covered == list(range(target))
    there = {trial for part in finished for trial in range(part.start, part.stop)}
    nowhere = [trial for trial in range(kept, target) if trial not in there]
    assert [trial for start, stop in gaps for trial in range(start, stop)] == nowhere
    pieces = pieces_of({0: gaps}, length)
    assert [trial for start, stop, _ in pieces for trial in range(start, stop)] == nowhere
    assert all(stop - start <= length for start, stop, _ in pieces)


def test_scenarios_that_lack_the_same_trials_go_together():
    pieces = pieces_of({0: [(0, 10)], 1: [(4, 10)], 2: []}, 5)
    assert pieces == [(0, 5, (0,)), (4, 5, (1,)), (5, 10, (0, 1))]
    assert trials_in(pieces) == 16


@pytest.mark.parametrize(
    ("trials", "jobs", "length"),
    [(10_000, 2, 1_250), (10_000, 64, 250), (10**6, 2, 5_000), (1, 2, 250)],
)
def test_stretches_are_worth_a_file_and_enough_for_every_job(trials, jobs, length):
    assert stretch_length(trials, jobs) == length


def test_names_of_parts_are_read_back_and_others_left():
    stretch = Stretch(3, 2_500, 5_000)
    assert Stretch.parse(stretch.stem) == stretch
    assert Stretch.parse("notes") is None
    assert Stretch.parse("000-0-10") is None


def test_a_damaged_part_is_dropped_and_run_again(tmp_path):
    parts = opened(tmp_path).parts
    whole, cut, short = (keep(parts, 0, start, start + 10) for start in (0, 10, 20))
    path = parts.path(cut, "looks")
    path.write_bytes(path.read_bytes()[:-30])
    write_table(parts.path(short, "trials"), trials_table("null", 20, 29), parts.run)
    (parts.folder / "notes.looks.parquet").write_text("nothing")
    assert parts.finished() == [whole, cut, short]
    assert parts.drop_damaged() == 2
    assert parts.finished() == [whole]


def test_a_page_that_changed_is_found_when_a_part_is_read(tmp_path):
    parts = opened(tmp_path).parts
    stretch = keep(parts, 0, 0, 60)
    path = parts.path(stretch, "trials")
    inside = pq.ParquetFile(path).metadata.row_group(0).column(3)
    content = bytearray(path.read_bytes())
    start = inside.dictionary_page_offset or inside.data_page_offset
    content[start + inside.total_compressed_size - 8] ^= 1
    path.write_bytes(content)
    assert parts.drop_damaged() == 0  # the footer is sound
    with (
        pytest.raises(RunError, match=r"is damaged.*has been removed"),
        parts.without_damaged(),
    ):
        parts.read(Span(0, 60, stretch), "trials")
    assert parts.finished() == []


def test_parts_of_another_run_are_not_seen(tmp_path):
    first = opened(tmp_path)
    stretch = keep(first.parts, 0, 0, 10)
    manifest(first, status="running", checksums={}, parts=first.parts.folder.name)
    assert opened(tmp_path).parts.finished() == [stretch]
    for other in (
        Identity("d2", 7, "0.1", "simulate"),
        Identity("d1", 8, "0.1", "simulate"),
        Identity("d1", 7, "0.2", "simulate"),
        Identity("d1", 7, "0.1", "exact"),
    ):
        assert opened(tmp_path, other).parts.finished() == []
    # the right place under another run's name: its footer says so
    mine = opened(tmp_path / "mine", Identity("d2", 7, "0.1", "simulate")).parts
    for path in first.parts.folder.iterdir():
        (mine.folder / path.name).write_bytes(path.read_bytes())
    assert mine.drop_damaged() == 1
    assert mine.finished() == []


# ── what a folder holds ───────────────────────────────────────────────────────────────────────
def test_a_sound_folder_is_found(tmp_path):
    store = filled(tmp_path, [0, 60])
    told = manifest(store)
    assert store.found(IDENTITY) == told
    assert Store(tmp_path / "none").found(IDENTITY) is None
    (tmp_path / "empty").mkdir()
    assert Store(tmp_path / "empty").found(IDENTITY) is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"digest": "d2"}, r"design \(digest\) d2 there, d1 now"),
        ({"seed": 8}, "seed 8 there, 7 now"),
        ({"version": "0.2"}, r"adaptive_cart version 0\.2 there, 0\.1 now"),
        ({"engine": "exact"}, "engine exact there, simulate now"),
        ({"format": 99}, "another format"),
        ({"seed": "7"}, "is damaged"),
        ({"trials": {"null": -1}}, "is damaged"),
        ({"trials": None}, "is damaged"),
        ({"trials": {"null": 60, "expected": 59}}, "holds 60 of 'null', 60 of 'expected' trials"),
        ({"trials": {"null": 60, "expected": 61}}, "holds 60 of 'null', 60 of 'expected' trials"),
        ({"status": "running", "trials": {"null": 61}}, "holds 60 of 'null'"),
        ({"checksums": {}}, "has been changed since it was written"),
    ],
)
def test_another_run_or_another_count_is_refused(tmp_path, changed, words):
    store = filled(tmp_path, [0, 60])
    manifest(store, **changed)
    with pytest.raises(ResultsError, match=words):
        store.found(IDENTITY)


def test_a_table_may_be_ahead_of_a_run_that_is_not_finished(tmp_path):
    store = filled(tmp_path, [0, 60])
    manifest(store, status="running", trials={"null": 40}, checksums={})
    assert store.found(IDENTITY) is not None
    manifest(store, status="running", trials={}, checksums={})
    store.path(TRIALS).unlink()
    assert store.found(IDENTITY) is not None


def test_any_changed_byte_of_a_complete_table_is_noticed(tmp_path):
    store = filled(tmp_path, [0, 60])
    told = manifest(store)
    for name in (TRIALS, LOOKS):
        whole = store.path(name).read_bytes()
        for place in range(0, len(whole), 97):
            changed = bytearray(whole)
            changed[place] ^= 0x10
            store.path(name).write_bytes(changed)
            with pytest.raises(ResultsError, match=f"{name}: .*--restart"):
                store.verify(told)
        for size in (0, 3, len(whole) // 2, len(whole) - 1):
            store.path(name).write_bytes(whole[:size])
            with pytest.raises(ResultsError, match=f"{name}: is damaged .*--restart"):
                store.verify(told)
        store.path(name).unlink()
        with pytest.raises(ResultsError, match=f"{name}: is missing; --restart"):
            store.verify(told)
        store.path(name).write_bytes(whole)
    store.verify(told)


def test_a_table_of_another_run_is_refused(tmp_path):
    store = filled(tmp_path, [0, 60])
    manifest(store, digest="d2")
    other = Identity("d2", 7, "0.1", "simulate")
    with pytest.raises(ResultsError, match=r"trials\.parquet: is of another run"):
        store.found(other)
    pq.write_table(trials_table("null", 0, 60), store.path(TRIALS))
    with pytest.raises(ResultsError, match="does not say of what run it is"):
        store.found(other)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["notes.txt"], r"files that are no results \(notes\.txt\)"),
        (["design.toml"], r"files that are no results \(design\.toml\)"),
        (["figures/one.png"], r"files that are no results \(figures\)"),
        (["trials.parquet"], r"holds trials\.parquet, but no manifest\.json"),
        (["operating_characteristics.csv"], r"but no manifest\.json"),
        (["parts/abc/000-0000000000-0000000010.looks.parquet"], r"holds parts, but no manifest"),
    ],
)
def test_a_folder_without_a_manifest_is_refused(tmp_path, names, words):
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("something")
    with pytest.raises(ResultsError, match=words):
        Store(tmp_path).found(IDENTITY)


def test_hidden_and_half_written_files_are_nobodys(tmp_path):
    (tmp_path / ".gitkeep").write_text("")
    (tmp_path / "parts" / "abc").mkdir(parents=True)
    assert Store(tmp_path).found(IDENTITY) is None
    parts = opened(tmp_path).parts
    manifest(Store(tmp_path), status="running", trials={}, checksums={}, parts=parts.folder.name)
    half = "000-0000000000-0000000010.looks.parquet.0123456789ab.tmp"
    (parts.folder / half).write_text("")
    (parts.folder / "mine.tmp").write_text("not ours")
    (tmp_path / "manifest.json.0123456789ab.tmp").write_text("{ not ours, whatever it is called")
    again = opened(tmp_path).parts
    assert again.folder == parts.folder
    assert os.listdir(again.folder) == ["mine.tmp"]
    assert (tmp_path / "manifest.json.0123456789ab.tmp").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "a web site"}', "\x00\xff"])
def test_a_manifest_that_cannot_be_read_is_told(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text, encoding="latin-1")
    with pytest.raises(ResultsError, match=r"manifest\.json: "):
        Store(tmp_path).found(IDENTITY)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        words = r"file: is a file; choose another --out"
        with pytest.raises(ResultsError, match=words), Store(path).locked():
            pass
    with pytest.raises(ResultsError, match="is a file"):
        Store(tmp_path / "file").require_replaceable()


# ── replacing ─────────────────────────────────────────────────────────────────────────────────
def test_restart_removes_results_and_nothing_else(tmp_path):
    store = filled(tmp_path, [0, 60])
    manifest(store)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "one.png").write_text("nobody's list tells of it")
    store.require_replaceable()
    store.prepare(IDENTITY, restart=True)
    assert sorted(path.name for path in tmp_path.rglob("[!.]*")) == [
        "figures", "notes.txt", "one.png",
    ]  # fmt: skip


@pytest.mark.parametrize("damage", ["{", json.dumps({"format": 99, "digest": "d"}), None])
def test_restart_replaces_damaged_results(tmp_path, damage):
    store = filled(tmp_path, [0, 60])
    if damage is not None:
        (tmp_path / "manifest.json").write_text(damage)
    store.require_replaceable()
    store.prepare(IDENTITY, restart=True)
    assert store.found(IDENTITY) is None


@pytest.mark.parametrize(
    "names",
    [["design.toml"], ["notes.txt"], ["trials.parquet", "notes.txt"], ["manifest.json", "x.js"]],
)
def test_restart_replaces_nothing_where_files_are_no_results(tmp_path, names):
    for name in names:
        (tmp_path / name).write_text("{}")
    with pytest.raises(ResultsError, match=r"no run has written|no manifest of results"):
        Store(tmp_path).require_replaceable()
    assert sorted(os.listdir(tmp_path)) == sorted(names)


def test_two_runs_do_not_write_into_one_folder(tmp_path):
    words = "another run is writing there"
    held, refused = Store(tmp_path).locked(), Store(tmp_path).locked()
    with held, pytest.raises(ResultsError, match=words), refused:
        pass
    with Store(tmp_path).locked():
        pass
    assert os.listdir(tmp_path) == []
