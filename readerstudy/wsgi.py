"""The web process. It never imports torch."""

from django.core.wsgi import get_wsgi_application

from readerstudy.operations.startup import GUNICORN_GIVES_UP, load_settings, warn_of_database

load_settings(status=GUNICORN_GIVES_UP)
application = get_wsgi_application()
warn_of_database()
