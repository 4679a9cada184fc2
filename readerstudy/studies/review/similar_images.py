"""Images of a study that show the same: found as they come, answered before the study opens."""

from collections.abc import Sequence
from contextlib import suppress

from django.db.models import Q
from django.utils import timezone

from readerstudy.imaging import UnreadableImage
from readerstudy.studies.models import Cohort, Image, Study
from readerstudy.studies.review.models import ImageThumbnail, SimilarImages

Place = tuple[int, str, bytes]  # the case's id, the SHA-256 and the thumbnail of an image
OPEN = Q(answered_by="")


SYNTHETIC = "They were drawn for a synthetic study."


def record_similar(study: Study, images: Sequence[Image], *, answered_by: str = "") -> int:
    """Pair each of these images, whose thumbnails are stored, with the first image of another case
    that shows the same; how many there were. ``answered_by`` drew them, for a synthetic study."""
    later = {image.pk for image in images}
    add_missing_thumbnails(study)
    rows = (
        ImageThumbnail.objects.filter(image__case__cohort__study=study)
        .order_by("image")
        .values_list("image", "image__case", "image__sha256", "pixels")
    )
    known = {pk: (case, sha256, bytes(pixels)) for pk, case, sha256, pixels in rows}
    answer = {"answer": SYNTHETIC, "answered_by": answered_by, "answered_at": timezone.now()}
    pairs = [
        SimilarImages(
            first_id=first,
            second_id=second,
            is_same=known[first][1] == known[second][1],
            **(answer if answered_by else {}),
        )
        for second, first in _first_alike(known, later).items()
    ]
    SimilarImages.objects.bulk_create(pairs, ignore_conflicts=True)
    return len(pairs)


def add_missing_thumbnails(study: Study) -> int:
    """Of images that came before there were any, or in a bundle; how many there were."""
    from readerstudy.imaging.likeness import thumbnail
    from readerstudy.imaging.pixels import decode_rgb

    images = Image.objects.filter(case__cohort__study=study, thumbnail=None).order_by("pk")
    count = 0
    for image in images.iterator(chunk_size=100):
        with suppress(FileNotFoundError, UnreadableImage), image.file.open("rb") as file:
            pixels = thumbnail(decode_rgb(file.read()))
            ImageThumbnail.objects.create(image=image, pixels=pixels)
            count += 1
    return count


def _first_alike(known: dict[int, Place], later: set[int]) -> dict[int, int]:
    """By the later of two alike images, the first; images of one case are often much alike."""
    import numpy as np  # not for every page

    from readerstudy.imaging.likeness import alike

    keys, cases = np.array(list(known)), np.array([case for case, _, _ in known.values()])
    some = np.flatnonzero(np.isin(keys, list(later)))
    thumbnails = [pixels for _, _, pixels in known.values()]
    found: dict[int, int] = {}
    for at, places in alike([thumbnails[place] for place in some], thumbnails):
        key = int(keys[some[at]])
        others = keys[places[cases[places] != cases[some[at]]]]
        if (before := others[others < key]).size:
            found[key] = int(before[0])
        for after in set(others[others > key].tolist()) - later:
            found[after] = min(key, found.get(after, key))
    return found | _same_files(known, later, found)


def _same_files(known: dict[int, Place], later: set[int], found: dict[int, int]) -> dict[int, int]:
    """Those that are the same to the pixel, of one shade included, also within a case."""
    same, first_of = {}, {}
    for key, (_case, sha256, _pixels) in known.items():
        first = first_of.setdefault(sha256, key)
        if first != key and {first, key} & later and key not in found:
            same[key] = first
    return same


def refresh(image: Image, rgb) -> None:
    """After an image was replaced by other pixels, (H, W, 3) uint8: compare it anew.

    Pairs that it is in stay, to be answered: cropped otherwise it still shows the same patient.
    """
    from readerstudy.imaging.likeness import thumbnail

    ImageThumbnail.objects.update_or_create(image=image, defaults={"pixels": thumbnail(rgb)})
    record_similar(image.case.cohort.study, [image])


def forget(images: Sequence[Image]) -> list[Image]:
    """Before images are deleted; the others that were paired with one of them, which
    may show the same as each other and are to be recorded anew."""
    seconds = SimilarImages.objects.filter(first__in=images).exclude(second__in=images)
    left = list(Image.objects.filter(pk__in=seconds.values("second")))
    SimilarImages.objects.filter(Q(first__in=images) | Q(second__in=images)).delete()
    ImageThumbnail.objects.filter(image__in=images).delete()
    return left


def pairs_of(study: Study):
    """All pairs of a study, with what a page shows of them."""
    return SimilarImages.objects.filter(second__case__cohort__study=study).select_related(
        "first__case__cohort", "second__case__cohort"
    )


def pairs_of_cohort(cohort: Cohort):
    """Those of a study's pairs with an image in this cohort."""
    either = Q(first__case__cohort=cohort) | Q(second__case__cohort=cohort)
    return pairs_of(cohort.study).filter(either)


def unanswered_reasons(study: Study) -> list[str]:
    """Why the study can't open yet: pictures that stand in it twice, and nobody has said why."""
    if count := pairs_of(study).filter(OPEN).count():
        pairs = "1 picture seems" if count == 1 else f"{count} pictures seem"
        return [
            f"{pairs} to stand in the study twice. Answer each in the admin, under Cohorts, Review."
        ]
    return []
