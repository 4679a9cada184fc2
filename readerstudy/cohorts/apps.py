from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class CohortsConfig(AppConfig):
    name = "readerstudy.cohorts"
    label = "cohorts"
    default = True

    def ready(self):
        """Register the admin pages that have a module of their own."""
        from readerstudy.cohorts.screening import admin  # noqa: F401


class StudyAdminConfig(admin_apps.AdminConfig):
    """Django's admin, with a site that members of a study may enter."""

    default = False
    default_site = "readerstudy.cohorts.by_role.StudySite"
