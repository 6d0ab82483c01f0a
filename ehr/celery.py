"""The Celery application. Every task can be found again in the database and may run twice."""

import os

from celery import Celery

from ehr.environment import require_apart

require_apart()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ehr.settings")

app = Celery("chartseal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# What looks at the chain from outside stands in a file of its own.
app.autodiscover_tasks(related_name="watch")
