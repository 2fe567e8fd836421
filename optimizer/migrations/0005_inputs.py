from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('optimizer', '0004_output_ratings'),
    ]

    operations = [
        migrations.AddField(
            model_name='optimizationsession',
            name='inputs',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='optimizationsession',
            name='inputs_requested',
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
