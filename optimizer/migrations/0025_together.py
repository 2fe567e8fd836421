from django.db import migrations


class Migration(migrations.Migration):
    """Templates and datasets came at the same time."""

    dependencies = [("optimizer", "0022_old_templates"), ("optimizer", "0024_dataset_versions")]

    operations: list[migrations.operations.base.Operation] = []
