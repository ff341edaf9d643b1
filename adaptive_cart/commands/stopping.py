"""Ctrl-C ends a command with exit status 1 and without a traceback, whatever it was doing."""

from __future__ import annotations

import atexit
import functools
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from adaptive_cart.commands.first import ended_at_once


class _Stopped(KeyboardInterrupt):
    """Ctrl-C. Where Python sees its own KeyboardInterrupt pass, it may end with another status."""


_USUAL = (signal.default_int_handler, ended_at_once)


def end_at_once() -> None:
    """Let Ctrl-C end this process at once, unless somebody else has said what it does."""
    if not _in_the_main_thread():  # Python lets no other say what Ctrl-C does
        return
    if signal.getsignal(signal.SIGINT) in (*_USUAL, _stop):
        _unheard_at_the_very_end()
        signal.signal(signal.SIGINT, ended_at_once)


def _in_the_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@functools.cache
def _unheard_at_the_very_end() -> None:
    """Where Python takes itself apart it lets Ctrl-C kill the process, with another exit status."""
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)


def _stop(number: int, frame: object) -> None:
    raise _Stopped


@contextmanager
def stoppable() -> Iterator[None]:
    """Let Ctrl-C be told as such by who has called."""
    usual = signal.getsignal(signal.SIGINT)
    if usual not in _USUAL or not _in_the_main_thread():
        yield
        return
    signal.signal(signal.SIGINT, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
