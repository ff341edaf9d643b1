"""What libraries load and hardly use: the half of the time of a command that does little."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import LazyLoader, find_spec, module_from_spec
from types import ModuleType
from typing import Any

# What NumPy's names are a way to, so that SciPy, which takes them all, loads it unasked.
_POSTPONED = (
    "numpy.char",
    "numpy.ctypeslib",
    "numpy.f2py",
    "numpy.ma",
    "numpy.polynomial",
    "numpy.random",
    "numpy.rec",
    "numpy.strings",
    "numpy.testing",
)


def postpone_imports() -> None:
    """Let modules that libraries load be loaded only when something looks into them."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")  # it would search all packages for some
    _stand_in_for_metadata()
    for name in _POSTPONED:
        spec = None if name in sys.modules else find_spec(name)
        if spec is None or spec.loader is None:
            continue
        spec.loader = LazyLoader(spec.loader)
        module = module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        parent, _, child = name.rpartition(".")
        setattr(sys.modules[parent], child, module)


def _stand_in_for_metadata() -> None:
    """Let pydantic name a function of ``importlib.metadata`` without loading it to have it."""
    name = "importlib.metadata"
    if name in sys.modules:
        return

    def real() -> ModuleType:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]
        return import_module(name)

    def entry_points(**chosen: Any) -> Any:
        return real().entry_points(**chosen)

    stand_in = ModuleType(name)
    vars(stand_in).update(
        __path__=[],  # Python looks it up
        __getattr__=lambda attribute: getattr(real(), attribute),
        entry_points=entry_points,
    )
    sys.modules[name] = stand_in
