r"""The equations of the analysis models, one small source each, for every format.

The source is the part of TeX's mathematics that statisticians write without thinking: letters,
Greek names, ``_`` and ``^``, ``\frac{}{}``, ``\sqrt{}``, ``\sum``, ``\prod``, ``\int``,
``\mathrm{}`` for words and ``\text{}`` for prose. :func:`parsed` turns it into a tree, which
:mod:`.mathml`, :mod:`.omml` and ``pdf.typ`` write out for the page, for Word and for the PDF.

What the prior and the likelihood of a model are, the model says: ``AnalysisBase.statements``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Symbol:
    """A letter, a number, an operator, or words set upright."""

    text: str
    kind: Literal["letter", "number", "operator", "words"]


@dataclass(frozen=True)
class Group:
    """Parts in a row."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Fence:
    """What stands between two brackets."""

    opening: str
    inside: Node
    closing: str


@dataclass(frozen=True)
class Script:
    """A base with what stands below and above it."""

    base: Node
    below: Node | None
    above: Node | None


@dataclass(frozen=True)
class Fraction:
    """A fraction."""

    top: Node
    bottom: Node


@dataclass(frozen=True)
class Root:
    """A square root."""

    inside: Node


Node = Symbol | Group | Fence | Script | Fraction | Root
BRACKETS = {"(": ")", "[": "]"}

LETTERS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "theta": "θ", "lambda": "λ", "mu": "μ",  # noqa: RUF001
    "pi": "π", "sigma": "σ", "tau": "τ", "phi": "φ", "Delta": "Δ", "Phi": "Φ", "Sigma": "Σ",  # noqa: RUF001
    "infty": "∞",
}  # fmt: skip
OPERATORS = {
    "sim": "∼", "geq": "≥", "leq": "≤", "neq": "≠", "times": "×", "cdot": "·", "in": "∈",  # noqa: RUF001
    "mid": "∣", "to": "→", "ldots": "…", "propto": "∝",  # noqa: RUF001
}  # fmt: skip
LARGE = {"sum": "∑", "prod": "∏", "int": "∫"}
NAMES = ("log", "exp", "logit", "Pr", "max", "min")
_TOKEN = re.compile(r"\\([a-zA-Z]+)|\\([,;! ])|(\d+(?:\.\d+)?)|(\s+)|(.)")


class _Source:
    """The tokens of a source, read one by one."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        self.words: dict[int, str] = {}
        at = 0
        while at < len(text):
            found = re.compile(r"\\(mathrm|text)\{([^{}]*)\}").match(text, at)
            if found:
                self.words[len(self.tokens)] = found[2]
                self.tokens.append("\\words")
                at = found.end()
                continue
            token = _TOKEN.match(text, at)
            assert token is not None
            if not token[4]:
                self.tokens.append(token[0])
            at = token.end()
        self.place = 0

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.place += 1
        return token


def parsed(source: str) -> Group:
    """Read an equation.

    Raises
    ------
    ValueError
        If the source holds something outside the small language, or its braces do not match.
    """
    read = _Source(source)
    tree = _row(read, "")
    if read.peek():
        raise ValueError(f"a brace or a bracket too many in {source!r}")
    return tree


def _row(read: _Source, end: str) -> Group:
    parts: list[Node] = []
    while read.peek() != end:
        if not read.peek():
            raise ValueError("a brace or a bracket is not closed")
        if read.peek() in ("}", *BRACKETS.values()):
            break
        parts.append(_scripted(read))
    return Group(tuple(parts))


def _scripted(read: _Source) -> Node:
    base = _atom(read)
    below: Node | None = None
    above: Node | None = None
    while read.peek() in ("_", "^"):
        if read.take() == "_":
            below = _argument(read)
        else:
            above = _argument(read)
    return base if below is None and above is None else Script(base, below, above)


def _argument(read: _Source) -> Node:
    return _atom(read)


def _atom(read: _Source) -> Node:
    place, token = read.place, read.take()
    if token == "{":
        inside = _row(read, "}")
        if read.take() != "}":
            raise ValueError("a brace is not closed")
        return inside
    if token in BRACKETS:
        within = _row(read, BRACKETS[token])
        if read.take() != BRACKETS[token]:
            raise ValueError("a bracket is not closed")
        return Fence(token, within, BRACKETS[token])
    if token == "\\words":
        return Symbol(read.words[place], "words")
    if token.startswith("\\"):
        return _command(read, token[1:])
    if re.fullmatch(r"\d+(\.\d+)?", token):
        return Symbol(token, "number")
    if token.isalpha():
        return Symbol(token, "letter")
    if token in "+-=<>,;:|/!'*":
        return Symbol({"-": "−", "*": "·"}.get(token, token), "operator")
    raise ValueError(f"{token!r} is outside the language of equations")


def _command(read: _Source, name: str) -> Node:
    if name == "frac":
        return Fraction(_atom(read), _atom(read))
    if name == "sqrt":
        return Root(_atom(read))
    if name in LETTERS:
        return Symbol(LETTERS[name], "letter")
    if name in OPERATORS:
        return Symbol(OPERATORS[name], "operator")
    if name in LARGE:
        return Symbol(LARGE[name], "operator")
    if name in NAMES:
        return Symbol(name, "words")
    if name in (",", ";", " "):
        return Symbol("\u2009", "words")
    if name == "quad":
        return Symbol("\u2003", "words")
    raise ValueError(f"\\{name} is outside the language of equations")
