"""From early data to the controlled trial: many candidates, and what is left of them.

    file ─► Programme (two designs, a law of candidates)
               │
               ▼            a stretch of portfolios at once, as arrays
    CandidateLaw.draw ─► early trials ─► go? ─► controlled trials of those that go ─► accounts
      works? parameters    each with its own       with a prior from exactly their          │
                           truth                   early counts                             ▼
                                                            candidates ─► measures, text, figures

A *candidate* is one product, a *portfolio* all candidates of one programme. A candidate that works
has parameters of its own; one that does not runs the course of the control. Early and controlled
trials are those of two design files, simulated by the same code as ``simulate``, every trial under
the truth of its candidate; trial numbers are candidates, so that trial i of the controlled design
is trial i of ``simulate``. A candidate that does not go costs no controlled trial.

>>> import adaptive_cart as ac
>>> programme = ac.load_programme("designs/programmes/lupus.toml")
>>> ac.simulate_programme(programme, portfolios=100).text()
"""

from __future__ import annotations

from adaptive_cart.programmes.programme import Programme, load_programme
from adaptive_cart.programmes.run import simulate_programme

__all__ = ["Programme", "load_programme", "simulate_programme"]
