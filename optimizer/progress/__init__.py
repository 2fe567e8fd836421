"""What a worker may write: claim a session, record what the engine tells, finish, learn from it.

Nothing else writes these rows.
"""

from optimizer.progress.choosing import settle_models
from optimizer.progress.claiming import claim, reopen
from optimizer.progress.learning import learn
from optimizer.progress.ledger import LedgerRows
from optimizer.progress.newest import Newest, newest_answer
from optimizer.progress.run import Run
from optimizer.progress.silence import tell_of_silence

__all__ = [
    "LedgerRows",
    "Newest",
    "Run",
    "claim",
    "learn",
    "newest_answer",
    "reopen",
    "settle_models",
    "tell_of_silence",
]
