"""What may be said directly of an endpoint by arm, one kind a file.

A kind says what a value in a scenario may be and how participants' outcomes are drawn from it, and
what the endpoint's own column of a participants table holds. A new one is a file here, or stands
beside the one endpoint that has it.
"""

from __future__ import annotations

from adaptive_cart.endpoints.direct.base import Cell, Contact, DirectTruth, Drawing
from adaptive_cart.endpoints.direct.chain import ResponseOrChain
from adaptive_cart.endpoints.direct.onset import Onset
from adaptive_cart.endpoints.direct.response import Response
from adaptive_cart.endpoints.direct.scored import ScoresAtVisits
from adaptive_cart.endpoints.direct.shares import Shares, SharesOf
from adaptive_cart.endpoints.direct.times import Times
from adaptive_cart.endpoints.direct.yearly import Yearly

__all__ = [
    "Cell",
    "Contact",
    "DirectTruth",
    "Drawing",
    "Onset",
    "Response",
    "ResponseOrChain",
    "ScoresAtVisits",
    "Shares",
    "SharesOf",
    "Times",
    "Yearly",
]
