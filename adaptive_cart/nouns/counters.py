"""Whole numbers as narrow as they may be: labels of arms and strata, numbers of looks and rules.

A label stands for every participant of a block, so that a byte more is felt; but a design with 200
arms, looks, rules or strata needs more than a byte.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Labels: TypeAlias = npt.NDArray[np.signedinteger[Any]]
KINDS = (np.int8, np.int16, np.int32)


def narrow(largest: int) -> type[np.signedinteger[Any]]:
    """Return the narrowest type that holds every whole number from -1 to ``largest``."""
    return next((kind for kind in KINDS if largest <= np.iinfo(kind).max), np.int64)
