from django.urls import path, register_converter

from readerstudy.diagnosis import Modality
from readerstudy.reading import views


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
    path("<slug:slug>/<slug:code>/", views.submit, name="submit"),
    path("<slug:slug>/<slug:code>/<modality:modality>.png", views.image, name="image"),
    path(
        "<slug:slug>/<slug:code>/heatmap/<level:level>/<modality:modality>.png",
        views.heatmap,
        name="heatmap",
    ),
]
