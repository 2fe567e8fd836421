"""What a worker may write: claim a session, record what the engine tells, finish. Nothing else writes these rows."""

from optimizer.progress.ledger import LedgerRows
from optimizer.progress.run import Run, claim, live_text, reopen

__all__ = ["LedgerRows", "Run", "claim", "live_text", "reopen"]
