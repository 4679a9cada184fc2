from django.urls import path, register_converter

from readerstudy.diagnosis import Modality
from readerstudy.reading import onboarding_views, views


class ModalityConverter:
    regex = "|".join(Modality)

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return str(value)


class LevelConverter:
    regex = "[12]"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(ModalityConverter, "modality")
register_converter(LevelConverter, "level")

app_name = "reading"
urlpatterns = [
    path("<slug:slug>/", views.current_case, name="current"),
    path("<slug:slug>/before/consent/", onboarding_views.consent, name="consent"),
    path("<slug:slug>/before/profile/", onboarding_views.profile, name="profile"),
    path("<slug:slug>/before/display/", onboarding_views.display, name="display"),
    path("<slug:slug>/before/practice/", onboarding_views.practice, name="practice"),
    path(
        "<slug:slug>/before/practice/<int:number>/",
        onboarding_views.practice_case,
        name="practice_case",
    ),
    path(
        "<slug:slug>/before/practice/<int:number>/<modality:modality>.png",
        onboarding_views.practice_image,
        name="practice_image",
    ),
    path("<slug:slug>/<slug:code>/", views.submit, name="submit"),
    path("<slug:slug>/<slug:code>/<modality:modality>.png", views.image, name="image"),
    path(
        "<slug:slug>/<slug:code>/heatmap/<level:level>/<modality:modality>.png",
        views.heatmap,
        name="heatmap",
    ),
]
