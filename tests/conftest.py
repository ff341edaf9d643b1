"""What every test has in common: the smallest design and its runs, made once in a session.

A run of a course integrates its true values first. Here it does so over fewer points than usual:
a tenth of a second for a scenario, and not seven. What these values are is tested with all points,
by ``true_values`` itself.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import suppress
from tempfile import TemporaryDirectory

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: as the command line has it

import pytest
from hypothesis import HealthCheck, settings

import adaptive_cart as ac
from adaptive_cart.results.estimand import SobolLatents, true_values
from adaptive_cart.results.result import Result
from adaptive_cart.running import forked, run
from adaptive_cart.running.forked import can_be_copied
from adaptive_cart.telling import walkthrough
from checks import raw_design

FEWER = 2**10  # points a scramble

# The same input every time, and no verdict that hangs on how busy the machine is.
settings.register_profile(
    "same_everywhere", derandomize=True, database=None, deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
settings.load_profile("same_everywhere")


def pytest_configure(config: pytest.Config) -> None:
    """Let workers and commands that tests start read the modules that one of them has compiled.

    Where Python is told to leave no bytecode beside the modules, each would compile them anew: two
    seconds apiece. What is compiled stays in the folder that pytest keeps from run to run, if it
    keeps one. Rubbish is sought seldom: there is little of it among many objects.
    """
    gc.set_threshold(20_000)
    if sys.dont_write_bytecode:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = folder_of_bytecode(config)
        sys.dont_write_bytecode = False


def folder_of_bytecode(config: pytest.Config) -> str:
    """The one that pytest keeps, or one for this run where it keeps none or may not write."""
    kept = getattr(config, "cache", None)
    if kept is not None:
        with suppress(OSError):
            return str(kept.mkdir("bytecode"))
    folder = TemporaryDirectory(prefix="bytecode-")
    config.add_cleanup(folder.cleanup)
    return folder.name


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is made to collect the tests lasts as long as they do: no rubbish is sought in it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def fewer_points() -> Iterator[None]:
    """True values of a run, and of an example, have the error of fewer points."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run, "SobolLatents", lambda: SobolLatents(points=FEWER))
        patched.setattr(
            walkthrough,
            "true_values",
            lambda design, truth: true_values(design, truth, SobolLatents(points=FEWER)),
        )
        yield


@pytest.fixture(scope="session", autouse=True)
def receiver_left_out() -> Iterator[None]:
    """The thread through which xdist speaks to this process waits at a pipe, with no lock held."""
    of_xdist = len(sys._current_frames()) - threading.active_count()
    with pytest.MonkeyPatch.context() as patched:
        counted = forked.python_threads
        patched.setattr(
            forked, "python_threads", lambda: max(threading.active_count(), counted() - of_xdist)
        )
        yield


@pytest.fixture(scope="session")
def hello() -> ac.Design:
    """The smallest design."""
    return ac.Design(**raw_design("hello"))


@pytest.fixture(scope="session")
def hello_exact(hello: ac.Design, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Its operating characteristics, enumerated; in a folder called ``exact``, to be read."""
    return ac.simulate(hello, out=tmp_path_factory.mktemp("hello") / "exact")


@pytest.fixture
def copied() -> None:
    """This process can be copied for workers: the threads of processes started before are ended."""
    from joblib.externals.loky import reusable_executor

    if reusable_executor._executor is not None:
        reusable_executor._executor.shutdown(wait=True, kill_workers=True)
    if not can_be_copied():
        pytest.skip("not on Linux, or another test's thread is under way")
