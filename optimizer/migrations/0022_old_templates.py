from django.db import migrations

from optimizer.models.words import words_of

NEWEST = """
UPDATE optimizer_prompttemplate SET newest = found.newest FROM (
    SELECT template_id, max(number) AS newest FROM optimizer_templateversion GROUP BY template_id
) AS found WHERE id = found.template_id
"""
AUTHORS = """
UPDATE optimizer_templateversion SET created_by_id = made.created_by_id
FROM optimizer_prompttemplate AS made WHERE made.id = template_id AND number = 1
"""
WORDS = "UPDATE optimizer_prompttemplate SET words = array_to_tsvector(%s::text[]) WHERE id = %s"


def find_words(apps, schema_editor):
    """What the search finds each template by."""
    versions = apps.get_model('optimizer', 'TemplateVersion').objects
    with schema_editor.connection.cursor() as cursor:
        for template in apps.get_model('optimizer', 'PromptTemplate').objects.defer('words').iterator():
            text = versions.filter(template=template, number=template.newest).values_list('text', flat=True)
            said = template.name, template.category, template.description, *template.tags, *text
            cursor.execute(WORDS, [words_of(*said), template.pk])


class Migration(migrations.Migration):
    dependencies = [('optimizer', '0021_templates')]

    operations = [
        migrations.RunSQL(NEWEST, 'UPDATE optimizer_prompttemplate SET newest = 0'),
        migrations.RunSQL(AUTHORS, 'UPDATE optimizer_templateversion SET created_by_id = NULL'),
        migrations.RunPython(find_words, migrations.RunPython.noop),
    ]
