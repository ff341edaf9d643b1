"""Ctrl-C while worker processes are made: it waits, and they never see it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ctrl_c_waits() -> Iterator[None]:
    """Let Ctrl-C wait until this is over; processes made meanwhile never see it.

    It is the run's to answer. To block the signal is what those processes inherit, and not enough
    for this one: another thread, such as those of OpenBLAS and Arrow, may take a signal that this
    thread blocks, and Python then answers it here, between any two steps.
    """
    waiting: list[int] = []
    usual = None
    if threading.current_thread() is threading.main_thread():  # Python answers in no other
        usual = signal.getsignal(signal.SIGINT)
    if usual is not None:  # nobody but Python has set how it is answered
        signal.signal(signal.SIGINT, lambda number, frame: waiting.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if usual is not None:
            signal.signal(signal.SIGINT, usual)
        if waiting:
            signal.raise_signal(signal.SIGINT)
