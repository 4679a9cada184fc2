from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class CohortsConfig(AppConfig):
    name = "readerstudy.cohorts"
    label = "cohorts"
    default = True

    def ready(self):
        """Say who needs a second factor; register the admin pages that have their own module."""
        from readerstudy.cohorts import members  # noqa: F401
        from readerstudy.cohorts.screening import admin  # noqa: F401


class StudyAdminConfig(admin_apps.AdminConfig):
    """Django's admin, with a site that members of a study may enter."""

    default = False
    default_site = "readerstudy.cohorts.by_role.StudySite"
