"""PostgreSQL, Valkey and a model server from wheels, for whoever has configured none."""

from .addresses import resolve
from .home import Home, ServiceError
from .lease import ensure_running, release

__all__ = ["Home", "ServiceError", "ensure_running", "release", "resolve"]
