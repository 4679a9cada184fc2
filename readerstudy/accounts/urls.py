from django.contrib.auth.views import LogoutView
from django.urls import path

from readerstudy.accounts.accept_invitation_views import accept_invitation, open_invitation
from readerstudy.accounts.access import Audience, audience
from readerstudy.accounts.second_factor_qr import set_up_picture
from readerstudy.accounts.views import SignIn

app_name = "accounts"
urlpatterns = [
    path("sign-in/", audience(Audience.PUBLIC)(SignIn.as_view()), name="login"),
    # Also for someone who gave a password and no second factor: to begin anew as somebody else.
    path("sign-out/", audience(Audience.PUBLIC)(LogoutView.as_view()), name="logout"),
    path("second-factor/set-up/code.svg", set_up_picture, name="set_up_picture"),
    path("invitation/", accept_invitation, name="invitation"),
    path("invitation/<str:token>/", open_invitation, name="invitation_link"),
]
