"""What happens when two people write at once."""


class ChangedMeanwhileError(Exception):
    """Somebody else saved first: nothing was written."""
