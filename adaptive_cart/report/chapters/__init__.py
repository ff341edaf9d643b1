"""The chapters of the report, in its order: each is the file of that name, which declares it."""

from __future__ import annotations

import importlib

from adaptive_cart.report.chapter import Chapter

CHAPTERS = (
    "summary",
    "aims",
    "design",
    "model",
    "rules",
    "assumptions",
    "methods",
    "characteristics",
    "sensitivity",
    "safety",
    "examples",
    "conduct",
    "conclusions",
    "verification",
    "code_and_manifest",
    "traceability",
    "all_numbers",
)


def chapter(name: str) -> Chapter:
    """What a chapter declares.

    Raises
    ------
    ValueError
        If there is no such chapter.
    """
    if name not in CHAPTERS:
        raise ValueError(f"no chapter is called {name!r}; there are {', '.join(CHAPTERS)}")
    declared: Chapter = importlib.import_module(f"{__name__}.{name}").CHAPTER
    return declared
