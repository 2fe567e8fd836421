"""The Celery application: workers run `celery -A promptevolver worker`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "promptevolver.settings")

app = Celery("promptevolver")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["optimizer"])
