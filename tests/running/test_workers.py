"""Calls handed to workers: in order, done again where a worker dies, given up where all do."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from adaptive_cart.commands import COMMANDS
from adaptive_cart.design.file import load_design
from adaptive_cart.errors import InputError, RunError
from adaptive_cart.running import cluster as cluster_module
from adaptive_cart.running import workers as workers_module
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.cluster import NO_WORKERS, PATIENCE, PAUSED, UNANSWERED, Cluster
from adaptive_cart.running.workers import (
    Workers,
    at_work,
    spread,
    spread_as_finished,
)

DESIGNS = Path(__file__).parents[2] / "designs"


def square(number: int) -> int:
    return number * number


def slower_first(number: int) -> int:
    time.sleep(0.3 if number == 0 else 0.0)
    return number


def dies_once(marks: Path, number: int) -> int:
    """End the worker the first time that it is asked for some numbers."""
    mark = marks / str(number)
    if number % 5 == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def asleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def interrupted(number: int) -> int:
    """What Ctrl-C does to every process of a terminal."""
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.2)
    return number


def dies(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def dies_at_one(marks: Path, number: int) -> int:
    if number == 1:
        (marks / f"{time.monotonic_ns()}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("jobs", [1, 2, None])
def test_results_come_in_the_order_of_the_items(jobs):
    assert list(spread(square, range(9), jobs)) == [n * n for n in range(9)]
    assert list(spread(square, [], jobs)) == []


def test_results_come_when_they_are_there():
    assert sorted(spread_as_finished(slower_first, range(4), 2)) == [0, 1, 2, 3]
    assert list(spread(slower_first, range(4), 2)) == [0, 1, 2, 3]


def test_a_worker_that_dies_costs_time_and_no_result(tmp_path):
    found = list(spread(functools.partial(dies_once, tmp_path), range(12), 2))
    assert found == [n * n for n in range(12)]
    assert {path.name for path in tmp_path.iterdir()} == {"2", "7"}  # they did die


@pytest.mark.slow
def test_workers_that_always_die_are_given_up(tmp_path):
    with pytest.raises(
        RunError, match=r"ended from outside.*3 times.*Parts are kept; fewer --jobs"
    ):
        list(spread(dies, range(4), 2, "Parts are kept"))
    # what another call finishes does not help the one that kills its worker for ever
    found: list[int] = []
    with pytest.raises(RunError, match="ended from outside"):
        found.extend(spread_as_finished(functools.partial(dies_at_one, tmp_path), range(9), 2))
    assert len(list(tmp_path.iterdir())) >= PATIENCE


def test_backends_that_do_not_exist_are_refused():
    for backend, scheduler, told in (
        ("threads", None, "found 'threads'; loky or dask is expected"),
        ("loky", "tcp://x:1", "add --backend dask"),
    ):
        with pytest.raises(InputError, match=told), at_work(backend, scheduler):
            pass


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_what_takes_jobs_takes_a_cluster(name):
    command = import_module(COMMANDS[name]).command
    options = {option.name for option in command.params}
    assert ("jobs" in options) == ({"backend", "scheduler"} <= options)


# ── a cluster ─────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def cluster() -> Iterator[object]:
    distributed = pytest.importorskip("distributed")
    import dask

    # on a busy machine a worker that died takes longer to come again than a cluster waits
    patient = dask.config.set({"distributed.deploy.lost-worker-timeout": 600})
    own = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with patient, distributed.LocalCluster(**own) as found:
        yield found


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_cluster_does_the_same_though_its_workers_die(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_module, "SECONDS_FOR_WORKERS", 600)
    with at_work("dask", cluster.scheduler_address):
        assert list(spread(square, range(9))) == [n * n for n in range(9)]
        found = list(spread(functools.partial(dies_once, tmp_path), range(12)))
        assert found == [n * n for n in range(12)]
        # a call that kills every worker: the cluster forgives three, we send it again, then give up
        with pytest.raises(RunError, match=r"a worker of tcp.* died, 3 times with nothing"):
            list(spread(dies, range(1)))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_search_over_a_cluster_finds_the_same(cluster, tmp_path):
    design = load_design(DESIGNS / "hello.toml").replace(
        {"rules.efficacy.at_least": "calibrate", "calibration.type_one_error": 0.025}
    )
    here = calibrate(design, trials=400, engine="simulate", jobs=1)
    with at_work("dask", cluster.scheduler_address):
        there = calibrate(design, trials=400, engine="simulate")
    assert there == here


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_scheduler_that_goes_is_one_line():
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None)
    address = cluster.scheduler_address
    threading.Timer(1.0, cluster.close).start()
    with pytest.raises(RunError) as caught, at_work("dask", address):
        list(spread(time.sleep, [0.2] * 40, kept="What was finished is kept"))
    assert str(caught.value) == (
        f"the dask scheduler of {address} is gone. What was finished is kept"
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_cluster_whose_workers_are_gone_is_one_line(cluster, monkeypatch):
    monkeypatch.setattr(cluster_module, "SECONDS_BETWEEN_LOOKS", 0.1)
    monkeypatch.setattr(cluster_module, "SECONDS_FOR_WORKERS", 1)
    found: list[float] = []
    with at_work("dask", cluster.scheduler_address):
        results = spread(asleep, [0.0, 600.0, 600.0], kept="Parts are kept")
        found.append(next(results))
        cluster.scale(0)
        with pytest.raises(RunError) as caught:
            found += results
    assert found == [0.0]
    assert str(caught.value) == (
        f"{cluster.scheduler_address} has had no workers for 1 seconds, or none that lived until "
        f"it was looked for. Parts are kept"
    )


@pytest.mark.slow
def test_workers_of_our_own_cluster_neither_hear_ctrl_c_nor_tell_what_they_were_doing(capfd):
    pytest.importorskip("distributed")
    with at_work("dask", jobs=2):
        assert list(spread(interrupted, range(4))) == [0, 1, 2, 3]
        first = spread_as_finished(asleep, [0.0, 20.0], 2)
        assert next(first) == 0.0
        first.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_workers_that_our_own_cluster_has_given_up_are_started_again(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster_module, "SECONDS_TO_COME_AGAIN", 0)  # given up at once
    monkeypatch.setattr(cluster_module, "SECONDS_BETWEEN_LOOKS", 1.0)
    with at_work("dask", jobs=2):
        found = list(spread(functools.partial(dies_once, tmp_path), range(12)))
    assert found == [n * n for n in range(12)]
    assert {path.name for path in tmp_path.iterdir()} == {"2", "7"}


@pytest.mark.parametrize("hindrance", [NO_WORKERS, PAUSED, UNANSWERED])
@pytest.mark.parametrize("works_first", [False, True])
def test_a_cluster_is_given_up_where_it_did_not_work_at_twelve_looks(
    monkeypatch, hindrance, works_first
):
    now = [0.0]
    monkeypatch.setattr(cluster_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    looks = iter([*["", hindrance] * 5, *[""] * works_first, *[hindrance] * 12])
    told: list[str] = []
    cluster = SimpleNamespace(
        hindrance=lambda: next(looks), where="tcp://there:1", tell=told.append
    )
    watch = cluster_module.Watch(cluster, "Parts are kept")
    watch.look()  # too early
    before = 10 if works_first else 9  # the last of those that alternate is the first of twelve
    for _ in range(before + 11 + works_first):
        now[0] += 5.0
        watch.look()
    assert told == [f"tcp://there:1 {hindrance.format(10)}; given up after 60 seconds"]
    now[0] += 5.0
    with pytest.raises(RunError) as caught:
        watch.look()
    assert str(caught.value) == f"tcp://there:1 {hindrance.format(60)}. Parts are kept"


def test_that_a_cluster_works_again_is_told_where_it_was_told_not_to(monkeypatch):
    monkeypatch.setattr(cluster_module, "SECONDS_BETWEEN_LOOKS", 0.0)
    looks = iter([PAUSED, "", PAUSED, PAUSED, ""])
    told: list[str] = []
    cluster = SimpleNamespace(hindrance=lambda: next(looks), where="there", tell=told.append)
    watch = cluster_module.Watch(cluster, "")
    for _ in range(5):
        watch.look()
    assert [line.split()[1] for line in told] == ["has", "works"]


def one_worker(status: str, under_way: int = 0) -> dict[str, object]:
    return {"status": status, "metrics": {"task_counts": {"executing": under_way}}}


@pytest.mark.parametrize(
    ("workers", "found"),
    [
        ([], NO_WORKERS),
        ([one_worker("paused")] * 2, PAUSED),
        ([one_worker("paused"), one_worker("running")], ""),
        ([one_worker("paused"), one_worker("paused", under_way=1)], ""),  # it ends what it has
        (None, UNANSWERED),
    ],
)
def test_what_keeps_a_cluster_from_working_is_seen(workers, found):
    def sync(asked, callback_timeout):
        assert callback_timeout == cluster_module.SECONDS_BETWEEN_LOOKS
        if workers is None:
            raise TimeoutError
        return {"workers": dict(enumerate(workers))}

    cluster = Cluster(2, "tcp://there:1")
    cluster._client = SimpleNamespace(sync=sync, scheduler=SimpleNamespace(identity=None))
    assert cluster.hindrance() == found


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_workers_that_are_paused_are_told_and_given_up(monkeypatch):
    distributed = pytest.importorskip("distributed")
    import dask

    monkeypatch.setattr(cluster_module, "SECONDS_BETWEEN_LOOKS", 1.0)
    monkeypatch.setattr(cluster_module, "SECONDS_FOR_WORKERS", 3)
    told: list[str] = []
    own = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    full = {  # of its memory at once
        "distributed.worker.memory.pause": 1e-6,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.target": False,
    }
    with dask.config.set(full), distributed.LocalCluster(**own) as cluster:
        address = cluster.scheduler_address
        with pytest.raises(RunError) as caught, at_work("dask", address, tell=told.append):
            list(spread(square, range(9), kept="Parts are kept"))
    assert str(caught.value) == f"{address} {PAUSED.format(3)}. Parts are kept"
    assert told == [f"{address} {PAUSED.format(2)}; given up after 3 seconds"]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("thawed", [False, True])
def test_a_scheduler_that_is_frozen_is_told_and_given_up(monkeypatch, tmp_path, thawed):
    pytest.importorskip("distributed")
    told: list[str] = []
    found: list[float] = []
    with scheduler_and_worker(tmp_path) as (address, scheduler):

        def tell(line: str) -> None:
            told.append(line)
            if thawed:
                scheduler.send_signal(signal.SIGCONT)

        with at_work("dask", address, tell=tell):
            results = spread(asleep, [0.0, *[0.1] * 20], kept="Parts are kept")
            found.append(next(results))
            told.clear()  # it may have taken its time to begin
            monkeypatch.setattr(cluster_module, "SECONDS_BETWEEN_LOOKS", 1.0)
            monkeypatch.setattr(cluster_module, "SECONDS_FOR_WORKERS", 600 if thawed else 4)
            scheduler.send_signal(signal.SIGSTOP)
            if thawed:
                found += results
            else:
                with pytest.raises(RunError) as caught:
                    found += results
                assert str(caught.value) == f"{address} {UNANSWERED.format(4)}. Parts are kept"
    assert told[0] == (
        f"{address} {UNANSWERED.format(2)}; given up after {600 if thawed else 4} seconds"
    )
    if thawed:
        assert found == [0.0, *[0.1] * 20]
        assert told[1] == f"{address} works again"


@contextmanager
def scheduler_and_worker(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A cluster of two processes of their own."""
    file = folder / "scheduler.json"
    started = []
    for part in ("dask_scheduler", "dask_worker"):
        words = [sys.executable, "-m", f"distributed.cli.{part}", "--scheduler-file", str(file)]
        words += ["--no-dashboard"]
        words += ["--host", "127.0.0.1", "--port", "0"] if part == "dask_scheduler" else []
        quiet, env = subprocess.DEVNULL, os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        started.append(subprocess.Popen(words, stdout=quiet, stderr=quiet, cwd=folder, env=env))
        while not file.exists():
            time.sleep(0.1)
    try:
        yield json.loads(file.read_text(encoding="utf-8"))["address"], started[0]
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait()


def test_a_cluster_is_connected_to_when_there_is_something_to_do(monkeypatch):
    pytest.importorskip("distributed")
    asked = []
    monkeypatch.setattr(Cluster, "_connected", lambda self: asked.append(self.where))
    with Workers(2, "dask").at_work():
        assert workers_module.over_a_cluster()
        with at_work("dask", "tcp://elsewhere:1"):  # inside, the one that is there
            assert workers_module._cluster.get().scheduler is None
    assert asked == []
    assert not workers_module.over_a_cluster()


@pytest.mark.parametrize("times", [2, PATIENCE])
def test_a_worker_that_is_ended_while_it_is_started_is_started_again(monkeypatch, times):
    distributed = pytest.importorskip("distributed")
    started = []

    def client(**asked):
        started.append(asked)
        if len(started) <= times:
            raise RuntimeError("Nanny failed to start.")
        return SimpleNamespace(close=lambda **how: None)

    monkeypatch.setattr(distributed, "Client", client)
    cluster = Cluster(2)
    if times < PATIENCE:
        assert cluster.client is not None
    else:
        with pytest.raises(RunError, match="does not start: a worker process was ended from outs"):
            _ = cluster.client
    cluster.close()
    assert len(started) == min(times + 1, PATIENCE)
    assert all(asked["n_workers"] == 2 for asked in started)
