"""How each process of the site begins, and how a command ends that can't do its work: in words.

A program, a folder or a setting that is missing is said in one line with what to do
(``failures_in_words``), and not by a stack trace; ``--traceback`` shows that to whoever wants it.
"""

import logging
import os
import sys
import threading

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import Error, connection
from environs import EnvError

from readerstudy.operations.failures_in_words import in_words, settings_in_words

SETTINGS = ("DJANGO_SETTINGS_MODULE", "readerstudy.settings")
GUNICORN_GIVES_UP = 4
"""The status of a worker that gunicorn does not start again: the application can't be loaded."""


def load_settings(*, status: int = 1) -> None:
    """Read the site's settings; where they are wrong, say so and end the process."""
    os.environ.setdefault(*SETTINGS)
    try:
        settings.INSTALLED_APPS  # noqa: B018 (the settings are read when the first is asked for)
    except (ImproperlyConfigured, EnvError) as error:
        _end(settings_in_words(error), status=status)


def warn_if_database_unreachable() -> None:
    """Warn in the log where the database can't be used. The site starts all the same: it may come
    up later. A thread of its own asks, since a host that is not there is waited for."""
    threading.Thread(target=_warn_of_database, daemon=True).start()


def _warn_of_database() -> None:
    try:
        connection.ensure_connection()
    except Error as error:
        logging.getLogger("readerstudy.operation.start").warning("%s", in_words(error))
    finally:
        connection.close()


def run_command(arguments: list[str]) -> None:
    """``manage.py``: run a command, and say in words what it lacks."""
    os.environ.setdefault(*SETTINGS)
    try:
        execute_from_command_line(arguments)
    except KeyboardInterrupt:
        _end("Stopped.", status=130)
    except Exception as error:
        text = in_words(error)
        if text is None or "--traceback" in arguments:
            raise
        _end(text, status=1)


def _end(text: str, *, status: int) -> None:
    print(text, file=sys.stderr)
    sys.exit(status)
