"""The admin's pages on which a person looks at a cohort's images and decides."""

from collections.abc import Callable
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_safe

from readerstudy.audit.log import record
from readerstudy.imaging import Box
from readerstudy.studies.models import Cohort, Image, Study
from readerstudy.studies.permissions import Action, may
from readerstudy.studies.review import decisions, similar_images
from readerstudy.studies.review.models import CandidateFrame, ImageReview, SimilarImages

IMAGES_A_PAGE = 12
PAIRS_SHOWN = 20  # at a time: the next ones follow once these are answered
State = ImageReview.State
_APPROVED = ImageReview.objects.filter(
    image=OuterRef("pk"), state=State.APPROVED, sha256=OuterRef("sha256")
)
SHOWN = {
    "waiting": "To review",
    "approved": "Approved",
    "all": "All",
}


class ReviewsImages:
    """Mixin of the cohort's admin: its images, to be looked at and decided on."""

    def get_queryset(self, request):
        of_cohort = Image.objects.filter(case__cohort=OuterRef("pk")).filter(~Exists(_APPROVED))
        return super().get_queryset(request).annotate(waits=Exists(of_cohort))

    @admin.display(description="Images")
    def review_link(self, cohort: Cohort) -> str:
        url = reverse("admin:cohorts_cohort_images", args=[cohort.pk])
        return format_html('<a href="{}">{}</a>', url, "Review" if cohort.waits else "View")

    def get_urls(self):
        pages = [
            ("<int:cohort_id>/images/", self.images_view, "images"),
            ("<int:cohort_id>/images/<int:image_id>.png", require_safe(self.image_view), "image"),
            (
                "<int:cohort_id>/images/<int:image_id>-converted.png",
                require_safe(self.converted_view),
                "converted",
            ),
            ("<int:cohort_id>/frames/<int:frame_id>.png", require_safe(self.frame_view), "frame"),
        ]
        own = [
            path(route, self.admin_site.admin_view(view), name=f"cohorts_cohort_{name}")
            for route, view, name in pages
        ]
        return [*own, *super().get_urls()]

    def images_view(self, request: HttpRequest, cohort_id: int) -> HttpResponse:
        """A page of previews; a POST is a decision on one or several of them."""
        cohort = self._cohort(request, cohort_id)
        is_draft = cohort.study.state == Study.State.DRAFT
        may_decide = is_draft and may(request.user, Action.REVIEW_IMAGES, cohort.study)
        if request.method == "POST":
            if not may_decide:
                raise PermissionDenied
            self._decide(request, cohort)
            return redirect(self._here(request, cohort))
        shown = request.GET.get("show", "waiting")
        shown = shown if shown in SHOWN else "waiting"
        page = Paginator(_images(cohort, shown), IMAGES_A_PAGE).get_page(request.GET.get("page"))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Images of {cohort}",
            "cohort": cohort,
            "page": page,
            "shown": shown,
            "choices": SHOWN,
            "counts": _counts(cohort),
            "pairs": _pairs(cohort).order_by("pk")[:PAIRS_SHOWN],
            "pair_count": _pairs(cohort).count(),
            "may_decide": may_decide,
        }
        return TemplateResponse(request, "admin/cohorts/cohort/images.html", context)

    def image_view(self, request: HttpRequest, cohort_id: int, image_id: int) -> HttpResponse:
        """The stored PNG; as all of the admin, not to be kept by a cache."""
        cohort = self._cohort(request, cohort_id)
        return _png(get_object_or_404(Image, pk=image_id, case__cohort=cohort))

    def converted_view(self, request: HttpRequest, cohort_id: int, image_id: int) -> HttpResponse:
        """As `image_view`, were the image's samples converted; for one whose colours are open."""
        cohort = self._cohort(request, cohort_id)
        images = Image.objects.filter(
            case__cohort=cohort, findings__kind=decisions.COLOURS, findings__answered_by=""
        )
        image = get_object_or_404(images, pk=image_id)
        try:
            return HttpResponse(decisions.other_colours(image), content_type="image/png")
        except FileNotFoundError:
            raise Http404 from None

    def frame_view(self, request: HttpRequest, cohort_id: int, frame_id: int) -> HttpResponse:
        """The stored PNG of a clip's frame."""
        cohort = self._cohort(request, cohort_id)
        found = get_object_or_404(CandidateFrame, pk=frame_id, image__case__cohort=cohort)
        return _png(found)

    def _cohort(self, request: HttpRequest, cohort_id: int) -> Cohort:
        found = self.get_object(request, str(cohort_id))
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        if found is None:
            raise Http404
        return found

    def _decide(self, request: HttpRequest, cohort: Cohort) -> None:
        decide = DECISIONS.get(request.POST.get("decision", ""))
        try:
            if decide is None:
                raise decisions.DecisionNotPossible("Choose a decision.")
            message = decide(request.POST, cohort, by=request.user.get_username())
        except decisions.DecisionNotPossible as refusal:
            record(
                "image.review",
                request=request,
                study=cohort.study.slug,
                target=cohort.name,
                refused=True,
                detail={"reason": str(refusal)},
            )
            self.message_user(request, str(refusal), messages.ERROR)
        else:
            self.message_user(request, message, messages.SUCCESS)

    def _here(self, request: HttpRequest, cohort: Cohort) -> str:
        url = reverse("admin:cohorts_cohort_images", args=[cohort.pk])
        query = {name: request.GET[name] for name in ("show", "page") if name in request.GET}
        return f"{url}?{urlencode(query)}" if query else url


def _images(cohort: Cohort, shown: str) -> QuerySet[Image]:
    images = (
        Image.objects.filter(case__cohort=cohort)
        .select_related("review", "case__cohort__study")
        .prefetch_related("candidateframe_set", "findings")
        .annotate(is_approved=Exists(_APPROVED))
        .order_by("case__case_id", "case", "modality")
    )
    return images if shown == "all" else images.filter(is_approved=shown == "approved")


def _pairs(cohort: Cohort) -> QuerySet[SimilarImages]:
    """Images of this cohort that stand in the study twice, and nobody has said why."""
    either = Q(first__case__cohort=cohort) | Q(second__case__cohort=cohort)
    return similar_images.pairs_of(cohort.study).filter(either, similar_images.OPEN)


def _counts(cohort: Cohort) -> dict[str, int]:
    images = Image.objects.filter(case__cohort=cohort).annotate(is_approved=Exists(_APPROVED))
    return images.aggregate(
        waiting=Count("pk", filter=Q(is_approved=False)),
        approved=Count("pk", filter=Q(is_approved=True)),
        all=Count("pk"),
    )


def _png(row: Image | CandidateFrame) -> FileResponse:
    try:
        file = row.file.open("rb")
    except FileNotFoundError:
        raise Http404 from None
    response = FileResponse(file, content_type="image/png")
    response["Content-Disposition"] = "inline"  # not under the name that the store knows
    return response


def _approve(submitted, cohort: Cohort, *, by: str) -> str:
    seen = {}
    for each in submitted.getlist("seen"):
        number, _, sha256 = each.partition(":")
        seen[_number(number, "image")] = sha256
    if not seen:
        raise decisions.DecisionNotPossible("Tick the images that you have reviewed.")
    if len(seen) != Image.objects.filter(pk__in=seen, case__cohort=cohort).count():
        raise decisions.DecisionNotPossible("One of these images does not belong to this cohort.")
    answered: dict[int, set[str]] = {}
    for each in submitted.getlist("answered"):
        number, _, kind = each.partition(":")
        answered.setdefault(_number(number, "image"), set()).add(kind)
    count = decisions.approve(seen, study=cohort.study, by=by, answered=answered)
    return f"{count} images approved." if count > 1 else "1 image approved."


def _crop(submitted, cohort: Cohort, *, by: str) -> str:
    sides = (_number(submitted.get(side), side) for side in ("left", "top", "right", "bottom"))
    image = _one(submitted, cohort)
    decisions.crop(image, Box(*sides), seen=submitted.get("sha256", ""), by=by)
    return f"{image} was cropped, and what was outside the box was deleted. Review the result."


def _choose_frame(submitted, cohort: Cohort, *, by: str) -> str:
    image = _one(submitted, cohort)
    number = _number(submitted.get("number"), "frame")
    decisions.choose_frame(image, number, by=by)
    return f"{image} is now frame {number}. The other frames were deleted."


def _choose_colours(submitted, cohort: Cohort, *, by: str) -> str:
    choice = submitted.get("colours")
    if choice not in ("stored", "converted"):
        raise decisions.DecisionNotPossible("Choose one of the two pictures.")
    image = _one(submitted, cohort)
    seen = submitted.get("sha256", "")
    decisions.choose_colours(image, converted=choice == "converted", seen=seen, by=by)
    return f"The colours of {image} are settled. Review the result."


def _answer_similar(submitted, cohort: Cohort, *, by: str) -> str:
    pair = _pairs(cohort).filter(pk=_number(submitted.get("pair"), "pair")).first()
    if pair is None:
        raise decisions.DecisionNotPossible("This pair no longer exists. Reload the page.")
    decisions.answer_similar(pair, submitted.get("answer", ""), by=by)
    return f"{pair} may both stand."


def _reject(submitted, cohort: Cohort, *, by: str) -> str:
    image = _one(submitted, cohort)
    decisions.reject(image, reason=submitted.get("reason", ""), by=by)
    return f"{image} was rejected. Remove its case, or import it again under another id."


def _remove(submitted, cohort: Cohort, *, by: str) -> str:
    case = _one(submitted, cohort).case
    target = str(case)
    decisions.remove_case(case, by=by)
    return f"{target} was removed, with its images and its reference standard."


DECISIONS: dict[str, Callable[..., str]] = {
    "approve": _approve,
    "crop": _crop,
    "frame": _choose_frame,
    "colours": _choose_colours,
    "similar": _answer_similar,
    "reject": _reject,
    "remove": _remove,
}


def _one(submitted, cohort: Cohort) -> Image:
    images = Image.objects.select_related("case__cohort__study", "review")
    number = _number(submitted.get("image"), "image")
    image = images.filter(pk=number, case__cohort=cohort).first()
    if image is None:
        raise decisions.DecisionNotPossible("This image no longer exists. Reload the page.")
    return image


def _number(text: str | None, what: str) -> int:
    """A whole number of a form. Raises DecisionNotPossible."""
    if not text or not text.isascii() or not text.isdigit() or len(text) > 9:
        raise decisions.DecisionNotPossible(f"Enter the {what} as a whole number.")
    return int(text)
