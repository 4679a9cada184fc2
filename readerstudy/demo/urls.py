from django.urls import path

from readerstudy.demo import comparison_views

app_name = "demo"
urlpatterns = [
    path("<slug:slug>/runs/<int:number>/paper/", comparison_views.paper_comparison, name="paper")
]
