"""Rosa, who does research; the committee; a study of hers; and people nobody has to be opened for."""

import pytest

from consent.keyholder import studies as keyholder
from research.private import answering
from tests.research import studying
from tests.research.private_made import PARTS, Records


@pytest.fixture
def board(db):
    studying.prepare_ground()
    keyholder._begun.clear()
    return studying.committee()


@pytest.fixture
def rosa(board):
    return studying.researcher()


@pytest.fixture
def study(board, rosa):
    return studying.opened(rosa, board, categories=PARTS)


@pytest.fixture
def records(monkeypatch):
    """What people share, made up: what is tried is what is answered of them."""
    made = Records()
    monkeypatch.setattr(answering.snapshots, "take", made.take)
    return made
