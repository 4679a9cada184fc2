from django.contrib import admin

from readerstudy.audit.models import AuditEvent


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that are looked at here and changed nowhere."""

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ["at", "actor", "action", "outcome", "study", "target", "address"]
    list_filter = ["outcome", "action", "study"]
    search_fields = ["actor", "action", "target"]
    date_hierarchy = "at"
