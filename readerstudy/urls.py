"""Every URL of the site. Each view declares who may see it (accounts/access.py)."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from readerstudy.accounts.access import Audience, audience
from readerstudy.operations.health import healthz, readyz
from readerstudy.reading.views import home

admin.site.site_header = admin.site.site_title = "Reader study"
admin.site.index_title = "Cohorts, readers and models"

urlpatterns = [
    path("", home, name="home"),
    path("language/", audience(Audience.PUBLIC)(set_language), name="set_language"),
    path("accounts/", include("readerstudy.accounts.urls")),
    path("accounts/", include("readerstudy.accounts.allauth_urls")),
    path("read/", include("readerstudy.reading.urls")),
    path("api/v1/", include("readerstudy.reading.api")),
    path("results/", include("analysis.urls")),
    path("results/", include("readerstudy.demo.urls")),
    path("audit/", include("readerstudy.studies.auditor.urls")),
    # One sign-in and one change of password for the whole site: the admin's own would pass by the
    # rules of ours.
    path(
        "admin/login/",
        audience(Audience.PUBLIC)(
            RedirectView.as_view(pattern_name="accounts:login", query_string=True)
        ),
    ),
    path(
        "admin/password_change/",
        audience(Audience.SIGNED_IN)(RedirectView.as_view(pattern_name="account_change_password")),
    ),
    path("admin/", admin.site.urls),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path(
        "favicon.ico",  # what browsers ask for where a page names no icon
        audience(Audience.PUBLIC)(RedirectView.as_view(url=static("site/icon.svg"))),
    ),
]

handler400 = "readerstudy.error_pages.bad_request"
handler403 = "readerstudy.error_pages.forbidden"
handler404 = "readerstudy.error_pages.not_found"
handler500 = "readerstudy.error_pages.server_error"
