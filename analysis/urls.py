from django.urls import path

from analysis import views

app_name = "analysis"
urlpatterns = [
    path("<slug:slug>/", views.results, name="results"),
    path("<slug:slug>/plan/", views.register_plan, name="register_plan"),
    path("<slug:slug>/runs/", views.start_run, name="start_run"),
    path("<slug:slug>/runs/<int:number>/", views.run, name="run"),
    path("<slug:slug>/runs/<int:number>/results.json", views.results_json, name="results_json"),
    path("<slug:slug>/runs/<int:number>/metrics.csv", views.metrics_csv, name="metrics_csv"),
    path("<slug:slug>/runs/<int:number>/tests.csv", views.tests_csv, name="tests_csv"),
]
