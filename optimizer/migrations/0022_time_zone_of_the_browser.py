"""Nobody could choose a time zone before: the stored UTC was the default, which is now that of the browser."""

from typing import Any

from django.db import migrations


def follow_the_browser(apps: Any, schema_editor: Any) -> None:
    apps.get_model("optimizer", "Preference").objects.filter(time_zone="UTC").update(time_zone="")


def keep_utc(apps: Any, schema_editor: Any) -> None:
    apps.get_model("optimizer", "Preference").objects.filter(time_zone="").update(time_zone="UTC")


class Migration(migrations.Migration):
    dependencies = [("optimizer", "0021_preferences")]

    operations = [migrations.RunPython(follow_the_browser, keep_utc)]
