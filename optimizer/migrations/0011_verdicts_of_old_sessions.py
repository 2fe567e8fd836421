from django.db import migrations

# What the comparison of an ended optimization proves, as it is told since: see optimizer/engine/verdicts.py.
# A judge's unreadable verdicts were not counted apart then.
VERDICT = """
UPDATE optimizer_optimizationsession SET verdict = CASE
    WHEN (results #>> '{comparison,rows}')::float < 12 THEN 'too_few_rows'
    WHEN GREATEST((results ->> 'position_bias')::float, 1 - (results ->> 'position_bias')::float) > 0.8
        THEN 'not_proven'
    WHEN (results #>> '{comparison,low}')::float > 1e-9 THEN 'better'
    WHEN (results #>> '{comparison,high}')::float < -1e-9 THEN 'worse'
    ELSE 'not_proven' END
WHERE status = 'completed' AND jsonb_typeof(results -> 'comparison') = 'object'
    AND results #>> '{comparison,low}' IS NOT NULL
"""
# Where the original was kept, its score stood for the best's too; the best's own is that of the comparison.
SCORE = """
UPDATE optimizer_optimizationsession
SET best_score = LEAST(1, GREATEST(0, (results #>> '{comparison,best}')::float))
WHERE status = 'completed' AND kept_original AND jsonb_typeof(results -> 'comparison') = 'object'
    AND results #>> '{comparison,best}' IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [('optimizer', '0010_verdicts')]

    operations = [
        migrations.RunSQL(VERDICT, "UPDATE optimizer_optimizationsession SET verdict = '' WHERE verdict <> ''"),
        migrations.RunSQL(
            SCORE,
            "UPDATE optimizer_optimizationsession SET best_score = baseline_score "
            "WHERE status = 'completed' AND kept_original AND best_score IS NOT NULL",
        ),
    ]
