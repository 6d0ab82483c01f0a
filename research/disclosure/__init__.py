"""What may be said of groups of people: rounded, small ones hidden, and nothing hidden that can be worked out.

Plain Python: no Django, no network, no state.
"""

from research.disclosure.differencing import Answered, earlier_answer
from research.disclosure.rounding import BASE, SMALL, Rules, shown
from research.disclosure.tables import NotATable, Published, Table, publish, publish_list

__all__ = [
    "BASE",
    "SMALL",
    "Answered",
    "NotATable",
    "Published",
    "Rules",
    "Table",
    "earlier_answer",
    "publish",
    "publish_list",
    "shown",
]
