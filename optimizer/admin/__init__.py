"""Django's admin: the whole installation, for its staff, behind the product's own door."""

from optimizer.admin import datasets, feedback, sessions, templates, users, workspaces

__all__ = ["datasets", "feedback", "sessions", "templates", "users", "workspaces"]
