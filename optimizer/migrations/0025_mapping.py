from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('optimizer', '0024_dataset_versions'),
        ('optimizer', '0022_old_templates'),
    ]

    operations = [
        migrations.AddField(
            model_name='optimizationsession',
            name='mapping',
            field=models.JSONField(blank=True, db_default={}, default=dict),
        ),
    ]
