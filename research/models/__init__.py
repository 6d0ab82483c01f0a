"""Facts about studies: who asked what, who joined, and what left."""

from research.models.joining import Joining, JoiningParcel
from research.models.studies import Agreement, EthicsApproval, Question, Researcher, Run, Study, Vote

__all__ = ["Agreement", "EthicsApproval", "Joining", "JoiningParcel", "Question", "Researcher", "Run", "Study", "Vote"]
