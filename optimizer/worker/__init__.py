"""What a worker does: claim a session, run the engine, record what it tells, finish, learn from it.

Nothing else writes these rows.
"""
