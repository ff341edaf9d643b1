"""Participants enrolled, randomised and followed, a block of trials at a time."""
