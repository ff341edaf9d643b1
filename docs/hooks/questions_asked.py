"""The page ``questions.md``: every kind of question, and how each model answers it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from adaptive_cart.models import ANALYSES, AnalysisBase
from adaptive_cart.nouns.questions import KINDS, Question, QuestionKind

INTRODUCTION = """\
# Every question

Made from the kinds of question and from the models themselves. What each means in a trial is told
in [how it decides](semantics.md); the keys stand in the `posterior` table of a rule
([every key](reference.md)).
"""
HOW = """
## How each is answered

By the model of the endpoint, and what a probability may be wrong by; the tests hold the answers to
that. Draws are 4,096 quasi-random ones of the posterior.
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page; mkdocs calls this before it reads any."""
    files.append(File.generated(config, "questions.md", content="\n".join(page())))
    return files


def page() -> Iterator[str]:
    """Lines of the page."""
    yield INTRODUCTION
    yield "| asked by | about | another arm | models |"
    yield "|---|---|---|---|"
    for kind in KINDS.values():
        able = [f"`{name}`" for name, model in ANALYSES.items() if model.can_be_asked(kind)]
        other = f"`{kind.other}`" if kind.other else ""
        about = str(inspect.getdoc(type(kind))).splitlines()[0]
        yield f"| {keys_of(kind)} | {about} | {other} | {', '.join(able)} |"
    yield HOW
    yield "| asked by | model | how | within |"
    yield "|---|---|---|---|"
    for kind in KINDS.values():
        for name, model in ANALYSES.items():
            if model.can_be_asked(kind):
                for of, how, within in answers(model, kind):
                    yield f"| {keys_of(kind)}{of} | `{name}` | {how} | {within:g} |"


def keys_of(kind: QuestionKind) -> str:
    """Keys that ask a kind of question."""
    return " and ".join(f"`{key}`" for key in kind.asking) or "`above` or `below` alone"


def answers(model: type[AnalysisBase], kind: QuestionKind) -> Iterator[tuple[str, str, float]]:
    """How a model answers a kind of question and within what, of one arm and of two by itself."""
    two = Question("", 1, 0 if kind.other else None, kind=kind.name)
    one = Question("", 1, kind=kind.name)
    both = not kind.of_two and kind.other == "minus"
    found = [answered(model, question) for question in ([one, two] if both else [two])]
    if len(set(found)) == 1:
        yield ("", *found[0])
        return
    for of, answer in zip((" of one arm", " with `minus`"), found, strict=True):
        yield (of, *answer)


def answered(model: type[AnalysisBase], question: Question) -> tuple[str, float]:
    """How, and what a probability may be wrong by: draws, 0.005."""
    posterior = model.answered_by
    how = posterior.exactly if posterior.closed_for(question) else "draws"
    return how, posterior.error(question)
