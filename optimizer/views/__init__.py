"""HTTP in, HTML out: one file a subject."""
