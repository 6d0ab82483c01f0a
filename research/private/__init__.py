"""Questions that are answered with noise: counts, groups, means and quantiles, whoever is or is not among the people.

`ask` is the way in. What is given is decided by the answer's price, and bounds are the data dictionary's: nothing about
the data decides how an answer is made.
"""

from research.budget import Locked, Spent
from research.private.asking import answered_before, ask
from research.private.dictionary import DataDictionary, NotDescribed, Variable
from research.private.questions import Answer, Kind, Question, question

__all__ = [
    "Answer",
    "DataDictionary",
    "Kind",
    "Locked",
    "NotDescribed",
    "Question",
    "Spent",
    "Variable",
    "answered_before",
    "ask",
    "question",
]
