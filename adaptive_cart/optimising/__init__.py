"""The best of many designs: what is free, what is wanted of it, and what it costs on average.

    what is free ─► candidates ─► each judged on the same truths ─► the best ─► judged afresh

A candidate is the design with keys set otherwise and other looks. What is wanted is an error, a
power in some scenarios, and little of what an aim counts, on average over a mixture of truths. On
counts every candidate is enumerated, and dynamic programming tells what no design can do better
(:mod:`adaptive_cart.running.best_possible`); elsewhere all candidates meet the same participants.

>>> ac.optimise(design, {"rules.efficacy.at_least": (0.97, 0.999)}, power={"expected": 0.9})
"""
