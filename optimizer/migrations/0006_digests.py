from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('optimizer', '0005_inputs'),
    ]

    operations = [
        migrations.AddField(
            model_name='optimizationsession',
            name='digests',
            field=models.JSONField(blank=True, null=True),
        ),
    ]
