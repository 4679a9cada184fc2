"""What the form of each decision on a cohort's images holds, and what a person is told of it."""

from collections.abc import Callable

from readerstudy.imaging import Box
from readerstudy.studies.models import Cohort, Image
from readerstudy.studies.review import approval, decisions, pair_decisions
from readerstudy.studies.review.draft_reviews import DecisionNotPossible
from readerstudy.studies.review.models import SimilarImages
from readerstudy.studies.review.similar_images import pairs_of_cohort

LONGEST_TEXT = 200


def _approve(submitted, cohort: Cohort, *, by: str) -> str:
    seen = {}
    for each in submitted.getlist("seen"):
        number, _, sha256 = each.partition(":")
        seen[_number(number, "image")] = sha256
    if not seen:
        raise DecisionNotPossible("Tick the images that you have reviewed.")
    if len(seen) != Image.objects.filter(pk__in=seen, case__cohort=cohort).count():
        raise DecisionNotPossible("One of these images does not belong to this cohort.")
    answered: dict[int, set[str]] = {}
    for each in submitted.getlist("answered"):
        number, _, kind = each.partition(":")
        answered.setdefault(_number(number, "image"), set()).add(kind)
    refused = approval.approval_problems(seen, study=cohort.study, answered=answered)
    ready = {image: sha256 for image, sha256 in seen.items() if image not in refused}
    count = approval.approve(ready, study=cohort.study, by=by, answered=answered) if ready else 0
    done = f"{count} image{'' if count == 1 else 's'} approved."
    if refused:
        raise DecisionNotPossible(" ".join([*([done] if ready else []), *refused.values()]))
    return done


def _crop(submitted, cohort: Cohort, *, by: str) -> str:
    sides = (_number(submitted.get(side), side) for side in ("left", "top", "right", "bottom"))
    image = _one(submitted, cohort)
    is_whole = "whole" in submitted
    box = Box(0, 0, image.width, image.height) if is_whole else Box(*sides)
    decisions.crop(image, box, seen=submitted.get("sha256", ""), by=by, is_whole=is_whole)
    if is_whole:
        return f"{image} stays whole. Review it."
    return f"{image} was cropped, and what was outside the box was deleted. Review the result."


def _choose_frame(submitted, cohort: Cohort, *, by: str) -> str:
    image = _one(submitted, cohort)
    number = _number(submitted.get("number"), "frame")
    decisions.choose_frame(image, number, by=by)
    return f"{image} is now frame {number}. The other frames were deleted."


def _choose_colours(submitted, cohort: Cohort, *, by: str) -> str:
    choice = submitted.get("colours")
    if choice not in ("stored", "converted"):
        raise DecisionNotPossible("Choose one of the two pictures.")
    image = _one(submitted, cohort)
    seen = submitted.get("sha256", "")
    decisions.choose_colours(image, converted=choice == "converted", seen=seen, by=by)
    return f"The colours of {image} are settled. Review the result."


def _answer_similar(submitted, cohort: Cohort, *, by: str) -> str:
    pair = _pair(submitted, cohort)
    pair_decisions.answer_similar(pair, _text(submitted, "answer"), by=by)
    return f"{pair} may both stand."


def _withdraw_answer(submitted, cohort: Cohort, *, by: str) -> str:
    pair = _pair(submitted, cohort)
    pair_decisions.withdraw_answer(pair, by=by)
    return f"{pair} must be answered again."


def _pair(submitted, cohort: Cohort) -> SimilarImages:
    number = _number(submitted.get("pair"), "pair")
    if pair := pairs_of_cohort(cohort).filter(pk=number).first():
        return pair
    raise DecisionNotPossible("This pair no longer exists. Reload the page.")


def _reject(submitted, cohort: Cohort, *, by: str) -> str:
    image = _one(submitted, cohort)
    decisions.reject(image, reason=_text(submitted, "reason"), by=by)
    return f"{image} was rejected. Remove its case; then you can import it again."


def _withdraw_rejection(submitted, cohort: Cohort, *, by: str) -> str:
    image = _one(submitted, cohort)
    decisions.withdraw_rejection(image, by=by)
    return f"{image} is no longer rejected. Review it."


def _remove(submitted, cohort: Cohort, *, by: str) -> str:
    if "sure" not in submitted:
        raise DecisionNotPossible("Tick that the case is to be removed for good.")
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
    "withdraw_answer": _withdraw_answer,
    "reject": _reject,
    "withdraw_rejection": _withdraw_rejection,
    "remove": _remove,
}


def _one(submitted, cohort: Cohort) -> Image:
    images = Image.objects.select_related("case__cohort__study", "review")
    number = _number(submitted.get("image"), "image")
    image = images.filter(pk=number, case__cohort=cohort).first()
    if image is None:
        raise DecisionNotPossible("This image no longer exists. Reload the page.")
    return image


def _text(submitted, name: str) -> str:
    """What a person wrote. Raises DecisionNotPossible for what can't be stored or is too long."""
    text = submitted.get(name, "").strip()
    if len(text) > LONGEST_TEXT or not text.isprintable():
        raise DecisionNotPossible(
            f"Write at most {LONGEST_TEXT} characters, in one line, without control characters."
        )
    return text


def _number(text: str | None, what: str) -> int:
    """A whole number of a form. Raises DecisionNotPossible."""
    if not text or not text.isascii() or not text.isdigit() or len(text) > 9:
        raise DecisionNotPossible(f"Enter the {what} as a whole number.")
    return int(text)
