"""What a command does before anything else is loaded: from here on, Ctrl-C ends it at once.

Only what the interpreter has loaded anyway is used here, so that this is done within a millisecond.
"""

from __future__ import annotations

import os
import sys

NAME = "adaptive-cart"


def ended_at_once(number: int, frame: object) -> None:
    """End this process: it is only being loaded, or has said all that it has to say."""
    os._exit(1)


def is_typed(module: str) -> bool:
    """Whether a command was typed, and not a module of it loaded by another program."""
    return module == "__main__" or os.path.basename(sys.argv[0]).startswith(NAME)


def listen() -> None:
    """Let Ctrl-C end this process at once, unless somebody else has said what it does."""
    import _signal  # type: ignore[import-not-found]  # `signal` itself loads much first

    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        try:
            _signal.signal(_signal.SIGINT, ended_at_once)
        except ValueError:
            return  # Python lets no other thread than the main one say it
