"""Stretches of a run that is being put together: how often their files are opened."""

from __future__ import annotations

import itertools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from adaptive_cart.results import unmerged as module
from adaptive_cart.results.parts import Parts, Span, Stretch
from adaptive_cart.results.store import TRIALS
from adaptive_cart.results.unmerged import Unmerged

EDGES = (0, 20, 45, 60)
NAMES = ("null", "expected")


def months(position: int, start: int, stop: int) -> np.ndarray:
    return np.arange(start, stop) / 7 + position


@pytest.fixture
def unmerged(tmp_path: Path) -> Unmerged:
    """Two scenarios in three stretches each, as another process has them."""
    parts = Parts(tmp_path)
    spans = {}
    for position, name in enumerate(NAMES):
        spans[name] = []
        for start, stop in itertools.pairwise(EDGES):
            stretch = Stretch(position, start, stop)
            trial = np.arange(start, stop)
            table = pa.table({"trial": trial, "months": months(position, start, stop)})
            parts.write(stretch, table, table)
            spans[name].append(Span(start, stop, stretch))
    last = spans[NAMES[1]][-1]
    spans[NAMES[1]][-1] = Span(last.start, 55, last.part)  # of which not all is wanted
    return pickle.loads(pickle.dumps(Unmerged(tmp_path, parts, spans)))


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Names of the files that are opened, and these."""
    original, found = module.opened, []

    def counted(path: Path) -> Any:
        found.append((path.name.split(".")[0], original(path)))
        return found[-1][1]

    monkeypatch.setattr(module, "opened", counted)
    return found


def test_a_stretch_is_opened_once_for_all_columns_of_its_scenario(unmerged, files):
    for position, (name, stop) in enumerate(zip(NAMES, (60, 55), strict=True)):
        for _ in range(3):
            assert (unmerged.column(TRIALS, name, "trial") == np.arange(stop)).all()
            assert (unmerged.column(TRIALS, name, "months") == months(position, 0, stop)).all()
    names = [name for name, _ in files]
    assert len(names) == len(set(names)) == 6
    assert [file.closed for _, file in files] == [True] * 3 + [False] * 3  # of the last scenario
    for name in NAMES[:1] * 2:
        unmerged.column(TRIALS, name, "trial")
    assert [file.closed for _, file in files] == [True] * 6 + [False] * 3


@pytest.mark.parametrize("most", [0, 2])
def test_of_many_stretches_some_stay_open(unmerged, files, monkeypatch, most):
    monkeypatch.setattr(module, "MOST_OPEN", most)
    for _ in range(4):
        assert (unmerged.column(TRIALS, NAMES[0], "months") == months(0, 0, 60)).all()
    assert len(files) == most + (3 - most) * 4
    assert [file.closed for _, file in files].count(False) == most
