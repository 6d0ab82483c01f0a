"""Facts about studies: who asked what, who joined, and what left."""

from research.models.cohorts import CohortCount
from research.models.compensation import Due, Payout, SetAside
from research.models.figures import Figure, FigureRun
from research.models.joining import Joining, JoiningParcel
from research.models.leaving import Crowd, Recall, Recalled
from research.models.ledger import Asking, Debit, PatientBudget, PrivateAnswer, PrivateQuestion, StudyBudget
from research.models.releases import Inclusion, Release, ReleasePiece
from research.models.results import Result
from research.models.studies import Agreement, EthicsApproval, Question, Researcher, Run, Study, Vote
from research.models.watching import Unusual

__all__ = [
    "Agreement",
    "Asking",
    "CohortCount",
    "Crowd",
    "Debit",
    "Due",
    "EthicsApproval",
    "Figure",
    "FigureRun",
    "Inclusion",
    "Joining",
    "JoiningParcel",
    "PatientBudget",
    "Payout",
    "PrivateAnswer",
    "PrivateQuestion",
    "Question",
    "Recall",
    "Recalled",
    "Release",
    "ReleasePiece",
    "Researcher",
    "Result",
    "Run",
    "SetAside",
    "Study",
    "StudyBudget",
    "Unusual",
    "Vote",
]
