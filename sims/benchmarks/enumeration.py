"""The exact engine against a plain enumeration of the same design, in turns.

    python sims/benchmarks/enumeration.py [--rounds 7]

Two arms, three looks, a rule for success and one for futility, 69 scenarios. The plain enumeration
is what somebody writes who needs no more: boundaries by Beta(1, 1) posteriors, then the mass of
the trials still running carried from look to look, in NumPy; of each scenario it tells success,
futility by look, and the mean number analysed. The engine tells those and bias, coverage, the
claims of each rule and the percentiles of the number beside, and decides ties by fractions.
Processor time; "over plain" is how many times as fast as the plain one the engine is, the median
over the rounds. Where R is there, `enumeration.R` is the plain enumeration in R, with R's own
matrix products, and "over R" the same against that.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import time
import tomllib
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy import special

from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.running.exact import enumerate_design

SUCCESS, FUTILITY = 0.985, 0.20
RATES = [(c, c + effect) for c in np.linspace(0.05, 0.60, 23) for effect in (0.0, 0.1, 0.25)]


def design_of(looks: tuple[int, ...]) -> Design:
    """The design, as a file says it."""
    scenarios = "".join(
        f"[scenarios.s{number}]\ndfr = {{ soc = {control:.6f}, cart = {cart:.6f} }}\n"
        for number, (control, cart) in enumerate(RATES)
    )
    text = f"""
name = "Two arms, three looks"
[arms.soc]
control = true
[arms.cart]
product = "autologous"
[endpoints.dfr]
type = "landmark"
month = 6
[analysis.dfr]
model = "beta_binomial"
[enrolment]
max_n = {looks[-1]}
per_month = 6
[looks]
observed = {list(looks)}
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = {{ endpoint = "dfr", arm = "cart", minus = "soc", above = 0.0 }}
at_least = {SUCCESS}
[[rules]]
name = "futility"
then = "declare_futility"
posterior = {{ endpoint = "dfr", arm = "cart", minus = "soc", above = 0.0 }}
below = {FUTILITY}
looks = {list(range(1, len(looks)))}
{scenarios}"""
    return Design(**tomllib.loads(text))


def exceeds(n: int) -> np.ndarray:
    """P(cart > soc) of every table of n in each arm, (soc, cart), by the sum over responders."""
    soc, cart = np.arange(n + 1.0)[:, None], np.arange(n + 1.0)
    a, b = soc + 1, n - soc + 1
    # P(Beta(x + 1, n - x + 1) > c) is that of at most x responders of n + 1
    log_choose = special.gammaln(n + 2) - special.gammaln(cart + 1) - special.gammaln(n + 2 - cart)
    term = np.exp(log_choose + special.betaln(a + cart, b + n + 1 - cart) - special.betaln(a, b))
    return np.cumsum(term, axis=1)


def binomial(n: int, rate: float) -> np.ndarray:
    """Probability of each number of responders."""
    k = np.arange(n + 1)
    return special.binom(n, k) * rate**k * (1.0 - rate) ** (n - k)


def plain(looks: tuple[int, ...]) -> list[tuple[float, ...]]:
    """Success, futility by look, and the mean number analysed, of every scenario."""
    wins, stops = [], []
    for look in looks:
        chance = exceeds(look // 2)
        wins.append(chance >= SUCCESS)
        stops.append(chance < FUTILITY if look < looks[-1] else np.zeros_like(wins[-1]))
    found = []
    for soc, cart in RATES:
        mass, before = np.ones((1, 1)), 0
        success, number, futile = 0.0, 0.0, []
        for look, win, stop in zip(looks, wins, stops, strict=True):
            more = look // 2 - before
            steps = []
            for rate in (soc, cart):
                move = np.zeros((before + 1, look // 2 + 1))
                chance = binomial(more, rate)
                for responders in range(before + 1):
                    move[responders, responders : responders + more + 1] = chance
                steps.append(move)
            mass = steps[0].T @ mass @ steps[1]
            success += mass[win].sum()
            futile.append(mass[stop & ~win].sum())
            gone = win | stop if look < looks[-1] else np.ones_like(win)
            number += look * mass[gone].sum()
            mass = np.where(gone, 0.0, mass)
            before = look // 2
        found.append((success, *futile, number))
    return found


def in_r(looks: tuple[int, ...]) -> tuple[float, float]:
    """Processor time of the same in R, and the mean probability of a success; nothing without R."""
    if shutil.which("Rscript") is None:
        return float("nan"), float("nan")
    script = Path(__file__).with_suffix(".R")
    command = ["Rscript", str(script), str(looks[-1])]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds, success = map(float, told.split())
    return seconds, success


def main() -> None:
    """Measure and print."""
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("--rounds", type=int, default=7)
    rounds = reader.parse_args().rounds
    print(
        f"{'participants':16s} {'plain, s':>9s} {'in R, s':>9s} {'engine, s':>9s} "
        f"{'over plain':>10s} {'over R':>7s}"
    )
    for looks in ((60, 90, 120), (120, 180, 240)):
        design = design_of(looks)
        truths = truths_of(design)
        seconds: list[tuple[float, float, float]] = []
        for _ in range(rounds):
            began = time.process_time()
            expected = plain(looks)
            middle = time.process_time()
            rows, _ = enumerate_design(design, truths)
            engine = time.process_time() - middle
            of_r, success = in_r(looks)
            seconds.append((middle - began, of_r, engine))
        told = [row[5] for row in rows if row[1] == "success" and row[2:5] == (None,) * 3]
        assert np.allclose(told, [each[0] for each in expected], rtol=0.0, atol=1e-9)
        assert of_r != of_r or np.isclose(success, np.mean(told), rtol=0.0, atol=1e-9)
        each = [statistics.median(of) for of in zip(*seconds[1:], strict=True)]
        over = [statistics.median(one[k] / one[-1] for one in seconds[1:]) for k in (0, 1)]
        print(
            f"{looks!s:16s} {each[0]:9.3f} {each[1]:9.3f} {each[2]:9.3f} "
            f"{over[0]:10.2f} {over[1]:7.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
