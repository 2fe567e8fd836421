"""`make bench-method`: the optimizer against its peers, at the same tokens, rows and server."""
