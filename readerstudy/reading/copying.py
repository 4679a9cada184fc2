"""Copy a study as a new draft: always its settings, and of its parts those that are asked for.

Rows are copied field by field, whatever fields they have, but for those that are named here as
the study's own. What readers did, and what the model computed, stays with the study that it is of.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from django.db import models, transaction

from inference.models import StudyModel
from readerstudy.accounts.models import User
from readerstudy.audit.log import record
from readerstudy.reading.lifecycle import StepNotPossible
from readerstudy.reading.models import Reader
from readerstudy.studies.file_staging import StagedFiles, staged_files
from readerstudy.studies.models import (
    Case,
    Cohort,
    Image,
    Membership,
    Protocol,
    ReferenceStandard,
    Study,
)
from readerstudy.studies.permissions import Action, may
from readerstudy.studies.review import similar_images
from readerstudy.studies.review.models import (
    CandidateFrame,
    ImageFinding,
    ImageReview,
    ImageThumbnail,
)
from readerstudy.studies.screening.models import Exclusion, Screening

OWN = {
    Study: {"slug", "title", "state", "created_at", "opened_at", "locked_at", "unblinded_at",
            "archived_at"},
    Protocol: {"seed", "frozen_at", "frozen_document", "frozen_sha256"},
}  # fmt: skip
"""Fields that a copy does not take over: it has its own, or begins with the default."""
ROWS_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Copying:
    """A copy in the making. ``link`` stores a file once more, and gives its new name."""

    source: Study
    study: Study
    by: str
    link: Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class CopyPart:
    """Something that is copied if it is asked for, by whoever may do what it ``needs``."""

    name: str
    label: str
    copy: Callable[[Copying], None]
    by_default: bool = False
    needs: Action = Action.COPY


_PARTS: dict[str, CopyPart] = {}


def register_part(part: CopyPart) -> None:
    """Offer a part; later apps do so when they are ready. In this order they are copied."""
    _PARTS[part.name] = part


def all_parts() -> list[CopyPart]:
    """All that there is."""
    return list(_PARTS.values())


def parts_for(user: User, source: Study) -> list[CopyPart]:
    """What this person may ask for. Who is blinded to a study's truth, be it for as long as it is
    sealed, could unblind a copy that has it."""
    return [part for part in all_parts() if may(user, part.needs, source)]


def copy_study(
    source: Study, *, slug: str, title: str, part_names: set[str], by: str, same_seed: bool = False
) -> Study:
    """A new draft with the source's settings, and those parts that are asked for by name.

    Raises StepNotPossible when a part can't be copied; nothing is copied then.
    """
    with staged_files("copy") as files, transaction.atomic():
        study = _copied(source, slug=slug, title=title)
        study.save()
        for protocol in Protocol.objects.filter(study=source):
            seed = {"seed": protocol.seed} if same_seed else {}
            _copied(protocol, study=study, **seed).save()
        for chosen in StudyModel.objects.filter(study=source):
            _copied(chosen, study=study).save()
        copying = Copying(source=source, study=study, by=by, link=partial(_linked, files))
        for part in all_parts():
            if part.name in part_names:
                part.copy(copying)
        _keep_own_role(copying)
        detail = {"from": source.slug, "parts": sorted(part_names), "same_seed": same_seed}
        files.place()
        record("study.copy", actor=by, study=slug, detail=detail)
    return study


def _linked(files: StagedFiles, name: str) -> str:
    """Store an image's file once more; its new name. Images are never written again."""
    try:
        return files.link(name)
    except FileNotFoundError:
        raise StepNotPossible([f"The image file {name} is missing. Nothing was copied."]) from None


def _copied(row: models.Model, **changes) -> models.Model:
    """A new row, not saved, with all of this one's fields but its own, and the changes."""
    own = OWN.get(type(row), set())
    fields = {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if not field.primary_key and field.name not in own and field.name not in changes
    }
    return type(row)(**fields, **changes)


def _copy_readers(copying: Copying) -> None:
    for reader in Reader.objects.filter(study=copying.source).order_by("pk"):
        _copied(reader, study=copying.study).save()


def _copy_members(copying: Copying) -> None:
    for member in Membership.objects.filter(study=copying.source).order_by("pk"):
        _copied(member, study=copying.study).save()


def _keep_own_role(copying: Copying) -> None:
    """Whoever copies a study has in the copy the role that they have in the study."""
    taken = Membership.objects.filter(study=copying.study).values("user")
    own = Membership.objects.filter(study=copying.source, user__username=copying.by)
    for member in own.exclude(user__in=taken):
        _copied(member, study=copying.study).save()


def _copy_cohorts(copying: Copying) -> None:
    for cohort in Cohort.objects.filter(study=copying.source):
        _copied(cohort, study=copying.study).save()


def _copy_cases(copying: Copying) -> None:
    """The cases with images and screening, in cohorts of the same names."""
    for source in Cohort.objects.filter(study=copying.source):
        cohort = Cohort.objects.filter(study=copying.study, name=source.name).first()
        if cohort is None:
            cohort = _copied(source, study=copying.study)
            cohort.save()
        keys = list(Case.objects.filter(cohort=source).order_by("pk").values_list("pk", flat=True))
        for start in range(0, len(keys), ROWS_AT_ONCE):
            _copy_some(keys[start : start + ROWS_AT_ONCE], cohort, link=copying.link)
    _copy_similar_images(copying)
    _copy_screening(copying)


def _copy_some(keys: list[int], cohort: Cohort, *, link: Callable[[str], str]) -> None:
    """Copy the cases of these keys, some thousands at most, into a cohort."""
    cases = Case.objects.filter(pk__in=keys).order_by("pk")
    made = Case.objects.bulk_create(_copied(case, cohort=cohort) for case in cases)
    _copy_images(dict(zip(keys, made, strict=True)), link=link)


def _copy_truth(copying: Copying) -> None:
    """The reference standards of the cases that were copied."""
    cases = {
        (case.cohort.name, case.case_id): case
        for case in Case.objects.filter(cohort__study=copying.study).select_related("cohort")
    }
    if not cases:
        return
    truths = ReferenceStandard.objects.filter(case__cohort__study=copying.source)
    ReferenceStandard.objects.bulk_create(
        (
            _copied(truth, case=cases[truth.case.cohort.name, truth.case.case_id])
            for truth in truths.select_related("case__cohort").order_by("pk")
        ),
        batch_size=ROWS_AT_ONCE,
    )


def _copy_images(cases: dict[int, Case], *, link: Callable[[str], str]) -> None:
    """Images of these cases, with what was found in them and decided: the pixels are the same."""
    images = list(Image.objects.filter(case__in=cases).order_by("pk"))
    made = Image.objects.bulk_create(
        _copied(image, case=cases[image.case_id], file=link(image.file.name)) for image in images
    )
    copies = {image.pk: copy for image, copy in zip(images, made, strict=True)}
    ImageReview.objects.bulk_create(
        _copied(review, image=copies[review.image_id])
        for review in ImageReview.objects.filter(image__in=copies)
    )
    CandidateFrame.objects.bulk_create(
        _copied(frame, image=copies[frame.image_id], file=link(frame.file.name))
        for frame in CandidateFrame.objects.filter(image__in=copies)
    )
    for model in (ImageFinding, ImageThumbnail):
        model.objects.bulk_create(
            _copied(row, image=copies[row.image_id])
            for row in model.objects.filter(image__in=copies)
        )


def _copy_similar_images(copying: Copying) -> None:
    """The pairs of images that show the same, with their answers."""
    pairs = list(similar_images.pairs_of(copying.source).order_by("pk"))
    if not pairs:
        return
    images = {
        (image.case.cohort.name, image.case.case_id, image.modality): image
        for image in Image.objects.filter(case__cohort__study=copying.study).select_related(
            "case__cohort"
        )
    }
    for pair in pairs:
        first, second = (
            images.get((each.case.cohort.name, each.case.case_id, each.modality))
            for each in pair.images
        )
        if first and second:
            _copied(pair, first=first, second=second).save()


def _copy_screening(copying: Copying) -> None:
    """How the patients came to be these, by cohorts of the same names."""
    cohorts = {cohort.name: cohort for cohort in Cohort.objects.filter(study=copying.study)}
    rows = Screening.objects.filter(study=copying.source).select_related("cohort")
    for screening in rows.order_by("pk"):
        of = screening.cohort and cohorts[screening.cohort.name]
        made = _copied(screening, study=copying.study, cohort=of)
        made.save()
        Exclusion.objects.bulk_create(
            _copied(exclusion, screening=made)
            for exclusion in screening.exclusion_set.order_by("position")
        )


register_part(CopyPart(name="cohorts", label="Cohorts", copy=_copy_cohorts, by_default=True))
register_part(
    CopyPart(
        name="cases",
        label="Cases with images, and screening",
        copy=_copy_cases,
    )
)
register_part(
    CopyPart(
        name="truth",
        label="Reference standards of these cases",
        copy=_copy_truth,
        needs=Action.SEE_TRUTH,
    )
)
register_part(CopyPart(name="readers", label="Readers", copy=_copy_readers))
register_part(
    CopyPart(
        name="members",
        label="Members: investigators, data managers and auditors",
        copy=_copy_members,
    )
)
