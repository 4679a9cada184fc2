from django.contrib.admin.apps import AdminConfig


class AuditedAdminConfig(AdminConfig):
    """Django's own admin app, with a site that records what is changed there."""

    default_site = "readerstudy.audit.admin_site.AuditedSite"
