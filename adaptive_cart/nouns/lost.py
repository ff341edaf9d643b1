"""What was not seen of those who left before a look, and what it hangs on."""

from __future__ import annotations

from dataclasses import dataclass

from adaptive_cart.nouns.ahead import Coming
from adaptive_cart.nouns.records import Floats, Integers


@dataclass(frozen=True)
class Lost:
    """Follow-up that ended before the look.

    Attributes
    ----------
    participants
        ``(trial, arm, stratum)`` whose follow-up it is.
    amount
        ``(trial, arm, stratum)`` how much it is, in the unit in which the summary has follow-up:
        months at risk, patient-years.
    coming
        The same, for a model to complete.
    """

    participants: Integers
    amount: Floats
    coming: Coming


@dataclass(frozen=True)
class MissingShift:
    """How what is missing may differ from what was seen.

    Attributes
    ----------
    words
        What differs: "mean change of the missing".
    added
        Whether it differs by an amount that is added; else by a factor.
    amount
        Unit of what was not seen; blank where it is a number of participants.
    share
        Whether what is added is a share, up to all, of what was not seen and counts as nothing.
    """

    words: str
    added: bool
    amount: str = ""
    share: bool = False

    @property
    def none(self) -> float:
        """The amount, or the factor, with which what is missing is as what was seen."""
        return 0.0 if self.added else 1.0


@dataclass(frozen=True)
class Unseen:
    """What was not seen of those who left before the look, and counts as nothing.

    Or who are left out of the analysis with what was seen. All are sums, ``(trial, arm, stratum)``.

    Attributes
    ----------
    participants
        Whose it is.
    total, squares
        Of the months of each that were not seen, and of their squares.
    products
        Of these months and the value that counts, multiplied.
    own, own_squares
        Of the value that counts of those who are left out, and of its square; nothing where they
        are in the analysis.
    """

    participants: Integers
    total: Floats
    squares: Floats
    products: Floats
    own: Floats | None = None
    own_squares: Floats | None = None
