"""Sums across hospitals that nobody adds up: each site splits its numbers in shares, and only their sum comes out.

Who takes part, what is added and how much noise it gets is a `Plan` that all of them hold. A site adds its part of the
noise, splits each number into one share for each aggregator, any of which alone is a random number, and sends them
signed. Aggregators agree on who delivered, add what they have, and put their sums together: the total, with noise, of
the sites that delivered. Each is a process of its own, at an institution of its own; they talk over HTTP.

Nobody sees a site's number as long as one aggregator keeps its shares to itself; and if none does, the site's own
noise is still on it. From the total nobody learns more of one patient than the plan's price allows, no site either,
which knows its own part of the noise. A site that lies about its own number spoils the sum, and nobody would know; an
aggregator that lies about its sum does, too.

`split` and `joined` are all that a threshold scheme would have to offer in their place. Plain Python, no Django; HTTP
in `server` and `posting` alone.
"""

from research.sums.aggregator import Aggregator, State
from research.sums.messages import Refused
from research.sums.plan import NotAPlan, Party, Plan
from research.sums.site import NotDelivered, contribute, result_of

__all__ = ["Aggregator", "NotAPlan", "NotDelivered", "Party", "Plan", "Refused", "State", "contribute", "result_of"]
