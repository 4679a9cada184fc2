from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class AuditConfig(AppConfig):
    name = "readerstudy.audit"
    label = "audit"

    def ready(self):
        from readerstudy.audit.append_only import drop_triggers, install_triggers

        pre_migrate.connect(drop_triggers, dispatch_uid="no triggers in a migration")
        post_migrate.connect(install_triggers, dispatch_uid="append-only triggers")
