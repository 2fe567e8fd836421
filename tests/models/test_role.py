"""With which rights the product uses its database."""

from __future__ import annotations

import pytest
from django.db import connection


@pytest.mark.django_db
def test_the_product_is_no_superuser() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False)
