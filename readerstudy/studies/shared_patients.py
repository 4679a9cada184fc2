"""Patients that are in two studies: by an image, or by the id that their hospital gave them."""

from django.db.models import Exists, OuterRef, QuerySet

from readerstudy.studies.models import Case, Image, Study


def share_patients(study_id: int, others: QuerySet[Study]) -> bool:
    """Whether a patient of this study is in one of the others too."""
    cases = Case.objects.filter(cohort__study=study_id)
    images = Image.objects.filter(case__cohort__study=study_id)
    same_images = Image.objects.filter(case__cohort__study__in=others).values("sha256")
    same_id = Case.objects.filter(
        cohort__study__in=others,
        case_id=OuterRef("case_id"),
        cohort__hospital=OuterRef("cohort__hospital"),
    )
    return images.filter(sha256__in=same_images).exists() or cases.filter(Exists(same_id)).exists()
