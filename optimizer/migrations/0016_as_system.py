from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('optimizer', '0015_waiting'),
    ]

    operations = [
        migrations.AddField(
            model_name='optimizationsession',
            name='as_system',
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
