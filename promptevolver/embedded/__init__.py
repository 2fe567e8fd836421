"""PostgreSQL, Valkey and a model server from wheels, for whoever has configured none."""

from .services.addresses import resolve
from .services.home import UNWRITABLE, Home, ServiceError, home_of, trouble
from .services.lease import ensure_running, release

__all__ = ["UNWRITABLE", "Home", "ServiceError", "ensure_running", "home_of", "release", "resolve", "trouble"]
