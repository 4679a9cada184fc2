from django.contrib.auth.views import LogoutView
from django.urls import path

from readerstudy.accounts.access import Audience, audience
from readerstudy.accounts.views import SignIn

app_name = "accounts"
urlpatterns = [
    path("sign-in/", audience(Audience.PUBLIC)(SignIn.as_view()), name="login"),
    path("sign-out/", audience(Audience.SIGNED_IN)(LogoutView.as_view()), name="logout"),
]
