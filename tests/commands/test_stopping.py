"""Ctrl-C while a command is loaded or ends, and a command that is not started by a shell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from test_cli import environment

ROOT = str(Path(__file__).parents[2])

PRESSED = """
import atexit, signal, sys
from importlib.abc import MetaPathFinder

WHEN = {when!r}

class Pressed(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == WHEN:
            signal.raise_signal(signal.SIGINT)
        if name == "click" and WHEN == "the end":
            atexit.register(signal.raise_signal, signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Pressed())
sys.argv[:] = ["/usr/bin/adaptive-cart", "--version"]

class Late:
    def __del__(self, pressed=signal.raise_signal, key=signal.SIGINT):
        if WHEN == "too late":
            pressed(key)

late = Late()
sys.modules.pop(WHEN, None)  # it is loaded again
from adaptive_cart.__main__ import start
start()
"""


@pytest.mark.parametrize(
    "when",
    ["adaptive_cart.commands.stopping", "threading", "click", "adaptive_cart.results.store",
     "the end", "too late"],
)  # fmt: skip
def test_ctrl_c_while_a_command_is_loaded_or_ends(when):
    code = PRESSED.format(when=when)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment())
    assert ended.returncode == (when != "too late")
    assert ended.stderr == b""


IN_A_THREAD = """
import sys, threading
from adaptive_cart.__main__ import start
sys.argv[:] = ["adaptive-cart", "--version"]
thread = threading.Thread(target=start)
thread.start()
thread.join()
"""


def test_a_command_may_be_started_in_a_thread():
    ended = subprocess.run(
        [sys.executable, "-c", IN_A_THREAD], capture_output=True, env=environment()
    )
    assert ended.stdout.startswith(b"adaptive-cart ")
    assert ended.stderr == b""


def test_who_loads_the_command_only_is_asked_as_before():
    # said here, since whoever is started in the background has Ctrl-C ignored
    code = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import adaptive_cart.__main__
print(signal.getsignal(signal.SIGINT))
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=environment(), text=True
    )
    assert "default_int_handler" in ended.stdout


def test_little_is_loaded_before_ctrl_c_is_listened_to():
    code = """
import sys
before = {*sys.modules}
import _signal, adaptive_cart.commands.first
print(*sorted({*sys.modules} - before))
"""
    ended = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {ROOT!r})" + code],
        capture_output=True, env=environment(), text=True,
    )  # fmt: skip
    own = {"adaptive_cart", "adaptive_cart.commands", "adaptive_cart.commands.first"}
    assert {*ended.stdout.split()} <= {*own, "__future__"}, ended.stderr
