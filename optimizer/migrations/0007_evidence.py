from django.db import migrations, models


class Migration(migrations.Migration):
    """The column was in 0001 for a while: databases made in that time have it, all others get it here."""

    dependencies = [
        ('optimizer', '0006_digests'),
    ]

    operations = [
        migrations.RunSQL(
            'ALTER TABLE optimizer_optimizationsession ADD COLUMN IF NOT EXISTS evidence jsonb NULL',
            'ALTER TABLE optimizer_optimizationsession DROP COLUMN evidence',
            state_operations=[
                migrations.AddField(
                    model_name='optimizationsession',
                    name='evidence',
                    field=models.JSONField(blank=True, null=True),
                ),
            ],
        ),
    ]
