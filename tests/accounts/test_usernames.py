"""A name signs in in whatever capitals it is typed, and is never two people's."""

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client

from readerstudy.accounts import invitations
from readerstudy.accounts.models import User
from tests import factories

pytestmark = pytest.mark.django_db
SIGN_IN, FORGOTTEN = "/accounts/sign-in/", "/accounts/password/forgotten/"


def signed_in_as(typed: str, password: str = factories.PASSWORD) -> int | None:
    client = Client()
    client.post(SIGN_IN, {"username": typed, "password": password})
    user = client.session.get("_auth_user_id")
    return user and int(user)


@pytest.mark.parametrize(
    "typed",
    ["eva@example.org", "Eva@example.org", "EVA@EXAMPLE.ORG", " eva@example.org ",
     "\u00a0Eva@Example.org\u3000", "\uff25va@example.org"],
)  # fmt: skip
def test_capitals_and_spaces_around_do_not_matter(typed):
    eva = factories.make_user("eva@example.org")
    assert signed_in_as(typed) == eva.pk
    assert signed_in_as(typed, factories.PASSWORD.upper()) is None


def test_a_name_that_was_given_in_capitals_is_found_by_small_letters():
    anna = factories.make_user("Anna")
    assert signed_in_as("anna") == anna.pk


def twins() -> tuple[User, User]:
    """Two users from before names had to differ by more."""
    small = factories.make_user("anna")
    capital = factories.make_user("other", email="other@example.org")
    User.objects.filter(pk=capital.pk).update(username="Anna")
    return small, User.objects.get(pk=capital.pk)


def test_of_two_from_before_each_signs_in_with_the_name_as_it_is_written():
    small, capital = twins()
    assert signed_in_as("anna") == small.pk
    assert signed_in_as("Anna") == capital.pk
    assert signed_in_as("ANNA") is None


def test_they_can_still_be_changed_but_not_made_anew():
    _small, capital = twins()
    capital.first_name = "Anna"
    capital.full_clean()
    capital.save()
    with pytest.raises(ValidationError, match="capitals make no difference"):
        User(username="aNNa").save()
    with pytest.raises(ValidationError, match="capitals make no difference"):
        User.objects.create_user("ANNA", password=factories.PASSWORD)
    other = factories.make_user("boris")
    other.username = "ANNA"
    with pytest.raises(ValidationError, match="capitals make no difference"):
        other.full_clean()


def test_no_page_and_no_command_makes_a_second_one():
    root = factories.make_user("root", is_staff=True, is_superuser=True)
    factories.make_user("anna")
    client = Client()
    client.force_login(root)
    form = {"username": "Anna", "usable_password": "true", "password1": "a password of her own",
            "password2": "a password of her own"}  # fmt: skip
    page = client.post("/admin/accounts/user/add/", form).content.decode()
    assert "already exists" in page
    with pytest.raises(CommandError, match="already taken"):
        call_command("createsuperuser", username="Root", email="a@b.de", interactive=False)
    assert User.objects.count() == 2


@pytest.mark.parametrize("typed", ["ANNA@example.ORG", "  Anna@Example.org "])
def test_invitations_and_forgotten_passwords_find_an_address_in_any_capitals(typed):
    anna = factories.make_user("anna", email="anna@Example.org")
    assert invitations.find_or_make(typed) == anna
    Client().post(FORGOTTEN, {"email": typed})
    assert "password/new/" in mail.outbox[-1].body
    eva = invitations.find_or_make("EVA@Example.org")
    assert invitations.find_or_make(" eva@example.ORG") == eva
