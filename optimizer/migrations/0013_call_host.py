from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('optimizer', '0012_live'),
    ]

    operations = [
        migrations.AddField(
            model_name='llmcall',
            name='busy_ms',
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='llmcall',
            name='host',
            field=models.CharField(blank=True, db_default='', default='', max_length=200),
        ),
        migrations.AddField(
            model_name='llmcall',
            name='load_ms',
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddIndex(
            model_name='llmcall',
            index=models.Index(
                condition=models.Q(('load_ms__gte', 1000)), fields=['model', '-id'], name='call_that_loaded'
            ),
        ),
    ]
