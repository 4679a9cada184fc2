from django.urls import path

from analysis import views

app_name = "analysis"
urlpatterns = [
    path("<slug:slug>/", views.results, name="results"),
    path("<slug:slug>/metrics.csv", views.metrics_csv, name="metrics_csv"),
    path("<slug:slug>/tests.csv", views.tests_csv, name="tests_csv"),
]
