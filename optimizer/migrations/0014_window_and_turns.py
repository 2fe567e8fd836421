from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [('optimizer', '0013_call_host')]

    operations = [
        migrations.AddField(
            model_name='optimizationsession',
            name='remotes',
            field=models.JSONField(blank=True, db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name='optimizationsession',
            name='turns',
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.AddField(
            model_name='optimizationsession',
            name='window',
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
    ]
