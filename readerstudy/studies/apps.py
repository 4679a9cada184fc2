from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class StudiesConfig(AppConfig):
    name = "readerstudy.studies"
    label = "cohorts"
    default = True

    def ready(self):
        """Say who needs a second factor and what is witnessed; register the admin pages that have
        their own module."""
        from readerstudy.studies import second_factor_rule, witnessed_rows  # noqa: F401
        from readerstudy.studies.imports import queue  # noqa: F401 (it registers a kind of job)
        from readerstudy.studies.screening import admin  # noqa: F401


class StudyAdminConfig(admin_apps.AdminConfig):
    """Django's admin, with a site that members of a study may enter."""

    default = False
    default_site = "readerstudy.studies.role_limited_admin.StudySite"
