"""What tests of the worker share."""

from __future__ import annotations

import pytest

from optimizer.models import OptimizationSession, User, Workspace
from tests import factories
from tests.engine.world import ITEMS, PROMPT


@pytest.fixture
def session(workspace: Workspace, user: User) -> OptimizationSession:
    """Pending, with the rows of the small world, and one round to go."""
    dataset = factories.keep_rows(workspace, user, [(item.input, item.expected) for item in ITEMS])
    prompt = factories.make_prompt(workspace, original=PROMPT)
    return factories.make_session(workspace, prompt=prompt, dataset=dataset, iterations=1, rounds=1)
