from django.urls import path, register_converter

from analysis import downloads, views
from analysis.run_file_names import FIGURE_FORMATS, TABLE_FORMATS


class FigureFormat:
    regex = "|".join(FIGURE_FORMATS)

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return str(value)


class TableFormat(FigureFormat):
    regex = "|".join(TABLE_FORMATS)


class DataFile(FigureFormat):
    regex = "[a-z]+[.][a-z]+"


register_converter(FigureFormat, "figure_format")
register_converter(TableFormat, "table_format")
register_converter(DataFile, "data_file")

RUN = "<slug:slug>/runs/<int:number>/"
app_name = "analysis"
urlpatterns = [
    path("<slug:slug>/", views.results, name="results"),
    path("<slug:slug>/plan/", views.register_plan, name="register_plan"),
    path("<slug:slug>/remind/", views.remind_reader, name="remind"),
    path("<slug:slug>/runs/", views.start_run, name="start_run"),
    path(RUN, views.run, name="run"),
    path(f"{RUN}files/", views.run_files, name="run_files"),
    path(f"{RUN}results.json", downloads.results_json, name="results_json"),
    path(f"{RUN}results.xlsx", downloads.file, {"name": "results.xlsx"}, name="results_xlsx"),
    path(f"{RUN}metrics.csv", downloads.file, {"name": "metrics.csv"}, name="metrics_csv"),
    path(f"{RUN}tests.csv", downloads.file, {"name": "tests.csv"}, name="tests_csv"),
    path(f"{RUN}report.pdf", downloads.file, {"name": "report.pdf"}, name="report"),
    path(
        f"{RUN}figures/<slug:name>.<figure_format:format>",
        downloads.file,
        {"folder": "figures/"},
        name="figure",
    ),
    path(
        f"{RUN}charts/<slug:name>.json",
        downloads.file,
        {"folder": "charts/", "format": "json"},
        name="chart",
    ),
    path(
        f"{RUN}tables/<slug:name>.<table_format:format>",
        downloads.file,
        {"folder": "tables/"},
        name="table",
    ),
    path(f"{RUN}data/<data_file:name>", downloads.file, {"folder": "data/"}, name="data"),
]
