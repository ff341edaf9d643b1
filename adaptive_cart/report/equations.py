r"""The equations of the analysis models, one small source each, for every format.

The source is the part of TeX's mathematics that statisticians write without thinking: letters,
Greek names, ``_`` and ``^``, ``\frac{}{}``, ``\sqrt{}``, ``\sum``, ``\prod``, ``\int``,
``\mathrm{}`` for words and ``\text{}`` for prose. :func:`parsed` turns it into a tree, which
:mod:`.mathml` and :mod:`.omml` write out for the page and for Word; the PDF draws the same source.

:data:`STATEMENTS` holds, by analysis model, what its prior and its likelihood are.
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
    "pi": "π", "sigma": "σ", "tau": "τ", "phi": "φ", "Delta": "Δ", "Phi": "Φ", "infty": "∞",  # noqa: RUF001
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
    raise ValueError(f"\\{name} is outside the language of equations")


def drawn(source: str) -> str:
    """The source as the drawing library reads it."""
    text = re.sub(r"\\text\{([^{}]*)\}", lambda m: r"\mathrm{" + _spaced(m[1]) + "}", source)
    text = re.sub(r"\\mathrm\{([^{}]*)\}", lambda m: r"\mathrm{" + _spaced(m[1]) + "}", text)
    for name in ("logit",):
        text = text.replace(f"\\{name}", rf"\mathrm{{{name}}}")
    return f"${text}$"


def _spaced(words: str) -> str:
    return re.sub(r"(?<!\\) ", r"\\ ", words)


@dataclass(frozen=True)
class Statement:
    """One equation of a model, and how it reads aloud."""

    source: str
    words: str


STATEMENTS: dict[str, tuple[Statement, ...]] = {
    "beta_binomial": (
        Statement(
            r"y_k \mid \theta_k \sim \mathrm{Binomial}(n_k, \theta_k)",
            "In arm k, the number of participants with the event, y, is binomial with the number "
            "analysed, n, and the probability theta.",
        ),
        Statement(
            r"\theta_k \sim \sum_{j} w_{kj} \, \mathrm{Beta}(a_{kj}, b_{kj})",
            "The prior of theta in arm k is a mixture of beta distributions with weights w; one "
            "component is the usual beta prior. Arms are independent.",
        ),
    ),
    "logistic": (
        Statement(
            r"y_{ks} \mid \theta_{ks} \sim \mathrm{Binomial}(n_{ks}, \theta_{ks})",
            "In arm k and stratum s, the number with the event is binomial.",
        ),
        Statement(
            r"\logit \theta_{ks} = \alpha + \beta k + \sigma_s + \gamma_s k",
            "On the logit: an intercept, a treatment effect, and for each stratum a shift of its "
            "own and an interaction of its own with treatment; k is nought in the control and one "
            "in the treated arm.",
        ),
        Statement(
            r"\alpha, \beta, \sigma_s, \gamma_s \sim \mathrm{Normal}(m, s)",
            "All are independently normal, each with a mean m and a standard deviation s of its "
            "own.",
        ),
    ),
    "hierarchical_logistic": (
        Statement(
            r"y_{ks} \mid \theta_{ks} \sim \mathrm{Binomial}(n_{ks}, \theta_{ks})",
            "In arm k and stratum s, the number with the event is binomial.",
        ),
        Statement(
            r"\logit \theta_{ks} = \alpha_s + \delta_s k , \; \alpha_s \sim \mathrm{Normal}(m, s)",
            "On the logit: the control of each stratum by itself, normal, plus the log odds ratio "
            "of the stratum in the treated arm, where k is one; in the control it is nought.",
        ),
        Statement(
            r"\delta_s \sim \mathrm{Normal}(\mu, \tau) , \; \mu \sim \mathrm{Normal}(m_\mu, s_\mu)"
            r" , \; \tau \sim \mathrm{HalfNormal}(s_\tau)",
            "The log odds ratios of the strata are exchangeable: normal around a common mean with "
            "a common standard deviation, which is half normal.",
        ),
    ),
    "piecewise_exponential": (
        Statement(
            r"D_{kj} \sim \mathrm{Poisson}(\lambda_j \, e^{\beta k} \, T_{kj})",
            "In interval j and arm k, the events D in T months at risk are Poisson; beta is the "
            "log hazard ratio; k is nought in the control and one in the experimental arm.",
        ),
        Statement(
            r"\lambda_j \sim \mathrm{Gamma}(a, b) , \; \beta \sim \mathrm{Normal}(m, s)",
            "The baseline hazard of each interval is gamma with shape a and rate b, the log hazard "
            "ratio normal.",
        ),
    ),
    "weibull_cure": (
        Statement(
            r"R_k(t) = c_k + (1 - c_k) \, \exp ( - \log 2 \, (t / m_k)^{h_k} )",
            "In arm k, the fraction of remitters still in remission t months after its onset: the "
            "cured fraction c, and of the others those whose Weibull time with median m and shape "
            "h is longer than t.",
        ),
        Statement(
            r"c_k \sim \mathrm{Beta}(a, b) , \; m_k \sim \mathrm{Lognormal}(\mu_m, \sigma_m) , \; "
            r"h_k \sim \mathrm{Lognormal}(\mu_h, \sigma_h)",
            "The cured fraction is beta, median and shape are lognormal, all independent.",
        ),
        Statement(
            r"L = \prod_{i} ( - R_k'(t_i) )^{d_i} \, R_k(t_i)^{1 - d_i}",
            "A relapse contributes the density, a censored remitter the fraction remaining.",
        ),
    ),
    "gamma_poisson": (
        Statement(
            r"y_k \mid \lambda_k \sim \mathrm{Poisson}(\lambda_k \, T_k)",
            "In arm k, the number of events in T patient-years is Poisson with the yearly rate "
            "lambda.",
        ),
        Statement(
            r"\lambda_k \sim \mathrm{Gamma}(a, b)",
            "The prior of the rate is gamma with shape a and rate b.",
        ),
    ),
}
POSTERIOR = Statement(
    r"p(\theta \mid y) \propto p(y \mid \theta) \, p(\theta)",
    "The posterior is proportional to likelihood times prior.",
)
