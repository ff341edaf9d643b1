"""How a trial is conducted: looks, rules and decisions, a block of trials at a time.

Start reading in `trial.py`.
"""
