"""The admin's pages on which a person looks at a cohort's images and decides."""

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
from readerstudy.studies.models import Cohort, Image, Study
from readerstudy.studies.permissions import Action, may
from readerstudy.studies.review import decisions
from readerstudy.studies.review.draft_reviews import DecisionNotPossible
from readerstudy.studies.review.models import CandidateFrame, ImageFinding, ImageReview
from readerstudy.studies.review.similar_images import OPEN, pairs_of_cohort
from readerstudy.studies.review.submitted_decisions import DECISIONS

IMAGES_A_PAGE = 12
PAIRS_SHOWN = 20  # at a time: the next ones follow once these are answered
State = ImageReview.State
_APPROVED = ImageReview.objects.filter(
    image=OuterRef("pk"), state=State.APPROVED, sha256=OuterRef("sha256")
)
_OPEN_COLOURS = ImageFinding.objects.filter(
    image=OuterRef("pk"), kind=decisions.COLOURS, must_answer=True, answered_by=""
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
            "pairs": pairs_of_cohort(cohort).filter(OPEN)[:PAIRS_SHOWN],
            "pair_count": pairs_of_cohort(cohort).filter(OPEN).count(),
            "answered_pairs": pairs_of_cohort(cohort).exclude(OPEN),
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
                raise DecisionNotPossible("Choose a decision.")
            message = decide(request.POST, cohort, by=request.user.get_username())
        except DecisionNotPossible as refusal:
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
        .annotate(is_approved=Exists(_APPROVED), open_colours=Exists(_OPEN_COLOURS))
        .order_by("case__case_id", "case", "modality")
    )
    return images if shown == "all" else images.filter(is_approved=shown == "approved")


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
