"""The site's own settings, with a kind of job that loads nothing: for processes under test."""

from readerstudy.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.jobs.light"]  # noqa: F405
