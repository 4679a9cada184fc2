"""The Celery application: ``celery -A readerstudy worker -Q inference -P solo -c 1``."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "readerstudy.settings")
app = Celery("readerstudy")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["readerstudy.cohorts", "inference", "analysis", "readerstudy.handover"])
