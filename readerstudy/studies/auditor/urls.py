from django.urls import path, register_converter

from readerstudy.studies.auditor import views
from readerstudy.studies.auditor.log_download import FORMATS


class LogFormat:
    regex = "|".join(FORMATS)

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return str(value)


register_converter(LogFormat, "log_format")

app_name = "audit"
urlpatterns = [
    path("", views.log, name="site"),
    path("events.<log_format:format>", views.export, name="site_file"),
    path("<slug:slug>/", views.log, name="study"),
    path("<slug:slug>/events.<log_format:format>", views.export, name="study_file"),
]
