"""Nobody could choose a time zone before: the stored UTC was the default, which is now that of the browser."""

from typing import Any

from django.db import migrations


def follow_the_browser(apps: Any, schema_editor: Any) -> None:
    _replace(apps, schema_editor, "UTC", "")


def keep_utc(apps: Any, schema_editor: Any) -> None:
    _replace(apps, schema_editor, "", "UTC")


def _replace(apps: Any, schema_editor: Any, old: str, new: str) -> None:
    """Checks that wait for the end of the transaction come first: no table can be altered while they wait."""
    apps.get_model("optimizer", "Preference").objects.filter(time_zone=old).update(time_zone=new)
    schema_editor.connection.check_constraints()


class Migration(migrations.Migration):
    dependencies = [("optimizer", "0021_preferences")]

    operations = [migrations.RunPython(follow_the_browser, keep_utc)]
