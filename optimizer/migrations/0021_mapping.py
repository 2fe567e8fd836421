from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('optimizer', '0020_cross_fitted'),
    ]

    operations = [
        migrations.AddField(
            model_name='optimizationsession',
            name='mapping',
            field=models.JSONField(blank=True, db_default={}, default=dict),
        ),
    ]
