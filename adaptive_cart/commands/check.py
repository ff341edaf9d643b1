"""``adaptive-cart check``: read DESIGN, report every problem, and show what it means."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import LazyLoader, find_spec, module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from adaptive_cart.commands import options
from adaptive_cart.commands.terminal import folded

# What the libraries of `check` load and never use there: half of the time it would take.
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


@click.command(name="check")
@options.design
@options.settings
def command(design: Path, settings: tuple[str, ...]) -> None:
    """Read DESIGN, report every problem, and show what it means.

    DESIGN may also be the file of a programme.
    """
    _postpone_imports()
    from adaptive_cart.design.file import load_design, names_designs, read_tables
    from adaptive_cart.telling.check import described

    if names_designs(read_tables(design)):
        told = _programme(design, settings)
    else:
        told = described(load_design(design, settings))
    click.echo(folded(told))


def _programme(file: Path, settings: tuple[str, ...]) -> str:
    from adaptive_cart.design.replacing import settings_of
    from adaptive_cart.programmes import load_programme
    from adaptive_cart.programmes.described import described

    return described(load_programme(file, settings_of(settings)))


def _postpone_imports() -> None:
    """Let modules that `check` has no use for be loaded only when something looks into them."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # it would start some for matrices
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
