from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "readerstudy.audit"
    label = "audit"

    def ready(self):
        from readerstudy.audit.append_only import install_triggers

        post_migrate.connect(install_triggers, dispatch_uid="append-only triggers")
