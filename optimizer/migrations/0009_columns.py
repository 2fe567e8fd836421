from django.db import migrations, models


class Migration(migrations.Migration):
    """Rows keep all their columns; names in braces may be marked as text."""

    dependencies = [
        ("optimizer", "0008_erasure"),
    ]

    operations = [
        migrations.AddField("dataset", "columns", models.JSONField(blank=True, db_default=[], default=list)),
        migrations.AddField("dataset", "roles", models.JSONField(blank=True, db_default={}, default=dict)),
        migrations.AddField("example", "cells", models.JSONField(blank=True, db_default={}, default=dict)),
        migrations.AddField("example", "accepted", models.JSONField(blank=True, db_default=[], default=list)),
        migrations.AddField(
            "optimizationsession", "literals", models.JSONField(blank=True, db_default=[], default=list)
        ),
    ]
