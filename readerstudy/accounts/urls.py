from django.contrib.auth import views as auth
from django.urls import path

from readerstudy.accounts.access import Audience, audience

app_name = "accounts"
public = audience(Audience.PUBLIC)
signed_in = audience(Audience.SIGNED_IN)

urlpatterns = [
    path(
        "sign-in/",
        public(
            auth.LoginView.as_view(
                template_name="accounts/sign_in.html", redirect_authenticated_user=True
            )
        ),
        name="login",
    ),
    path("sign-out/", signed_in(auth.LogoutView.as_view()), name="logout"),
]
