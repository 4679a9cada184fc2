"""The site's Celery application, but beat runs its schedule each second instead of each minute."""

from readerstudy.celery import app

for entry in app.conf.beat_schedule.values():
    entry["schedule"] = 1.0
