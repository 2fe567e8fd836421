from django.db import migrations

COUNTED = """
UPDATE optimizer_dataset AS dataset SET row_count = counted.rows
FROM (SELECT dataset_id, count(*) AS rows FROM optimizer_example GROUP BY dataset_id) AS counted
WHERE counted.dataset_id = dataset.id
"""
FIRST_VERSIONS = """
INSERT INTO optimizer_datasetversion (dataset_id, number, change, columns, roles, row_count, created_at, created_by_id)
SELECT id, 1, 'Rows as they were first kept', columns, roles, row_count, created_at, created_by_id
FROM optimizer_dataset
"""


class Migration(migrations.Migration):
    """The rows that were there are version 1 of their dataset."""

    dependencies = [
        ("optimizer", "0023_datasets"),
    ]

    operations = [
        migrations.RunSQL(COUNTED, migrations.RunSQL.noop),
        migrations.RunSQL(FIRST_VERSIONS, "DELETE FROM optimizer_datasetversion"),
    ]
