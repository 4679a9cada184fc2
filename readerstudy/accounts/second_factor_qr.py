"""The picture of a new second factor's secret, for the camera of a telephone."""

from io import BytesIO

import qrcode
from allauth.mfa.adapter import get_adapter
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_GET
from qrcode.image.svg import SvgPathFillImage

from readerstudy.accounts.access import Audience, audience


@audience(Audience.ACCOUNT)
@require_GET
def set_up_picture(request: HttpRequest) -> HttpResponse:
    """The secret that this session was offered on the page for setting up, as an SVG.

    It has an address of its own because the policy allows no ``data:`` address. Kept by no cache,
    and gone from the session once the second factor is set up.
    """
    secret = request.session.get(SECRET_SESSION_KEY)
    if secret is None:
        raise Http404
    address = get_adapter().build_totp_url(request.user, secret)
    picture = BytesIO()
    qrcode.make(address, image_factory=SvgPathFillImage).save(picture)
    return HttpResponse(picture.getvalue(), content_type="image/svg+xml")
