from django.urls import path

from readerstudy.demo import views

app_name = "demo"
urlpatterns = [path("<slug:slug>/runs/<int:number>/paper/", views.paper, name="paper")]
