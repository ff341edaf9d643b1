"""What a product brings with it: logistics that a design need not repeat.

``delay`` is the time from randomisation to infusion (vein to vein for an autologous product), and
``failure`` the probability of never being infused: manufacturing failure and other loss before
infusion together. A design's ``[truth]`` or a scenario overrides both. The other columns are shown
by ``adaptive-cart check`` and never enter a simulation.

These are judgements anchored to published figures, skeptical where the evidence is thin: delays
and losses from the randomised lymphoma trials (ZUMA-7, TRANSFORM, BELINDA: 29, 34 and 52 days to
infusion, 94 to 97% infused; PMC10348487), manufacturing failure from the national UK series
(38 of 981, repository.cam.ac.uk 1810/380982) and the CASTLE basket trial (0 of 24; Müller et al.,
Nat Med 2026, doi 10.1038/s41591-025-04185-6); off-the-shelf products from TyU19 (Wang et al.,
Cell 2024, doi 10.1016/j.cell.2024.06.027), FT819 (NCT06308978) and CAR-NK (NCT06010472);
engagers from teclistamab and blinatumomab (Bucci et al., Nat Med 2024;30:1593); in vivo from
HN2301 (NEJM 2025). Another infusion: the same autologous product failed for T cells against the CAR
(Müller et al., Nat Med 2025, doi 10.1038/s41591-025-03718-3), while a second cycle of messenger-RNA
cells was given (Descartes-08, phase 2a) and doses of engagers are repeatable. Days are turned into
months of 365.25/12 days.
"""

from __future__ import annotations

from dataclasses import dataclass

from adaptive_cart.nouns.distributions import Lognormal
from adaptive_cart.nouns.parts import DAYS_PER_MONTH


@dataclass(frozen=True)
class Product:
    """Default logistics of a kind of treatment.

    Attributes
    ----------
    infused
        Whether participants are infused at all; standard of care is not.
    delay_days, delay_sigma
        Median days from randomisation to infusion, and the log-scale standard deviation.
    manufacturing_failure, other_loss
        Probabilities of losing a participant before infusion, for the two kinds of reason.
    lymphodepletion, redosing, cost
        In words, for the reader of a report.
    against_redosing
        What speaks against another infusion of the same product; blank where nothing is known to.
    """

    description: str
    infused: bool
    delay_days: float = 0.0
    delay_sigma: float = 0.0
    manufacturing_failure: float = 0.0
    other_loss: float = 0.0
    lymphodepletion: str = "none"
    redosing: str = "no"
    cost: str = ""
    against_redosing: str = ""

    @property
    def failure(self) -> float:
        """Probability of never being infused."""
        return round(self.manufacturing_failure + self.other_loss, 12)

    @property
    def delay(self) -> Lognormal:
        """Months from randomisation to infusion."""
        median = self.delay_days / DAYS_PER_MONTH
        return Lognormal(dist="lognormal", median=median, sigma=self.delay_sigma)


FAILED_AGAIN = (
    "T cells against the CAR; the one re-infusion of the same product that is documented failed "
    "(Müller et al., Nat Med 2025)"
)

PRODUCTS: dict[str, Product] = {
    "standard_of_care": Product("best standard of care, nobody is infused", infused=False),
    "autologous": Product(
        "autologous CD19 CAR-T, lentiviral, made in 7 to 14 days",
        True,
        40.0,
        0.30,
        0.03,
        0.03,
        "fludarabine and cyclophosphamide",
        "poor: immunity against the CAR",
        "USD 350-650 thousand",
        FAILED_AGAIN,
    ),
    "autologous_rapid": Product(
        "autologous CD19 CAR-T by a rapid process",
        True,
        28.0,
        0.25,
        0.02,
        0.02,
        "fludarabine and cyclophosphamide",
        "poor",
        "USD 280-520 thousand",
        FAILED_AGAIN,
    ),
    "autologous_dual": Product(
        "autologous CAR-T against CD19 and BCMA",
        True,
        40.0,
        0.30,
        0.05,
        0.03,
        "fludarabine and cyclophosphamide, or cyclophosphamide",
        "poor",
        "USD 420-780 thousand",
        FAILED_AGAIN,
    ),
    "autologous_mrna": Product(
        "autologous BCMA CAR-T by messenger RNA, six weekly doses",
        True,
        28.0,
        0.25,
        0.03,
        0.03,
        "none",
        "yes, a cycle at a time",
        "USD 200-300 thousand",
    ),
    "allogeneic": Product(
        "allogeneic gene-edited CAR-T, off the shelf",
        True,
        10.0,
        0.40,
        0.00,
        0.02,
        "fludarabine and cyclophosphamide",
        "possible",
        "USD 100-200 thousand",
    ),
    "ipsc_t": Product(
        "CAR-T derived from induced pluripotent stem cells",
        True,
        10.0,
        0.40,
        0.00,
        0.02,
        "cyclophosphamide or bendamustine alone, or none",
        "planned",
        "USD 50-150 thousand",
    ),
    "ipsc_nk": Product(
        "CAR-NK, allogeneic or from induced pluripotent stem cells, three doses",
        True,
        10.0,
        0.40,
        0.00,
        0.02,
        "low-dose fludarabine and cyclophosphamide",
        "planned",
        "USD 50-150 thousand",
    ),
    "regulatory": Product(
        "regulatory CAR-T (CAR-Treg)",
        True,
        45.0,
        0.35,
        0.10,
        0.03,
        "none",
        "unknown",
        "USD 300-500 thousand",
        "no second infusion is reported",
    ),
    "t_cell_engager": Product(
        "T-cell engager (teclistamab, blinatumomab)",
        True,
        5.0,
        0.50,
        0.00,
        0.01,
        "none",
        "yes",
        "USD 40-150 thousand a course",
    ),
    "in_vivo": Product(
        "in-vivo CAR-T by lipid nanoparticles",
        True,
        3.0,
        0.50,
        0.00,
        0.01,
        "none",
        "yes",
        "USD 20-100 thousand",
    ),
}
