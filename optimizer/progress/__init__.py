"""What a worker may write: claim a session, record what the engine tells, finish, learn from it.

Nothing else writes these rows.
"""

from optimizer.progress.choosing import settle_models
from optimizer.progress.learning import learn
from optimizer.progress.ledger import LedgerRows
from optimizer.progress.run import Run, claim, live_text, reopen
from optimizer.progress.silence import tell_of_silence

__all__ = ["LedgerRows", "Run", "claim", "learn", "live_text", "reopen", "settle_models", "tell_of_silence"]
