"""The web process. It never imports torch."""

from django.core.wsgi import get_wsgi_application

from readerstudy.operations.process_entry import (
    GUNICORN_GIVES_UP,
    load_settings,
    warn_if_database_unreachable,
)

load_settings(status=GUNICORN_GIVES_UP)
application = get_wsgi_application()
warn_if_database_unreachable()
