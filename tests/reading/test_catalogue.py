"""The Chinese catalogue: gathered from the source as it stands, complete, and compiled."""

import gettext
import os
import shutil
import subprocess
import sys
from enum import StrEnum
from pathlib import Path

import pytest

from readerstudy.diagnosis import Etiology, Malignancy, Modality
from readerstudy.reading.label_translations import IN_LANGUAGE
from readerstudy.studies.clinical_vocabulary import Location, NeckLevel, Sex
from readerstudy.studies.models import Study
from tests.servers import ROOT

CATALOGUE = ROOT / "locale/zh_Hans/LC_MESSAGES/django.po"
SOURCES = ("readerstudy", "inference", "analysis", "templates")
Messages = dict[str, str]
NO_PLURALS = "nplurals=INTEGER; plural=EXPRESSION;"  # what a new catalogue begins with


def compiled(mo: Path) -> Messages:
    """What a compiled catalogue holds: by message, after its context if it has one, its text."""
    with mo.open("rb") as file:
        held = gettext.GNUTranslations(file)._catalog
    # A message with plurals is held once for each of them.
    texts = {m[0] if isinstance(m, tuple) else m: text for m, text in held.items()}
    return {message: text for message, text in texts.items() if message}


def compile_to(mo: Path, po: Path) -> Messages:
    """Compile as ``make messages`` does: what is empty or fuzzy is left out."""
    subprocess.run(["msgfmt", "--check", "--output-file", mo, po], check=True)
    return compiled(mo)


@pytest.fixture(scope="module")
def gathered(tmp_path_factory) -> set[str]:
    """Every message of the source, gathered anew from a copy of it."""
    copy = tmp_path_factory.mktemp("source")
    only = shutil.ignore_patterns("*.safetensors", "__pycache__", "migrations")
    for folder in SOURCES:
        shutil.copytree(ROOT / folder, copy / folder, ignore=only)
    (copy / "locale").mkdir()
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    subprocess.run(
        [sys.executable, "-m", "django", "makemessages", "--locale", "zh_Hans", "--keep-pot"],
        cwd=copy, env=environment, check=True, capture_output=True,
    )  # fmt: skip
    # Each message stands for its own translation, so that none is left out when compiled.
    template, english = copy / "locale/django.pot", copy / "en.po"
    template.write_text(template.read_text().replace(NO_PLURALS, "nplurals=2; plural=n != 1;"))
    subprocess.run(["msgen", "--output-file", english, template], check=True)
    return set(compile_to(copy / "en.mo", english))


def test_every_text_in_the_source_is_translated(gathered):
    """Also one whose translation is marked fuzzy counts as missing."""
    translated = compiled(CATALOGUE.with_suffix(".mo"))
    assert len(gathered) > 100
    assert {message for message in gathered if not translated.get(message)} == set()


def test_the_catalogue_holds_nothing_that_is_no_longer_said(gathered):
    assert set(compiled(CATALOGUE.with_suffix(".mo"))) - gathered == set()


def test_the_compiled_catalogue_is_the_written_one(tmp_path):
    assert compiled(CATALOGUE.with_suffix(".mo")) == compile_to(tmp_path / "now.mo", CATALOGUE)


@pytest.mark.parametrize(
    "kind", [Malignancy, Etiology, Modality, Sex, Location, NeckLevel, Study.State]
)
def test_every_label_that_a_reader_may_meet_is_in_the_catalogue(kind: type[StrEnum]):
    assert {member.label for member in kind} <= set(IN_LANGUAGE)


def test_the_diagnoses_in_chinese_are_those_of_the_discipline():
    held = compiled(CATALOGUE.with_suffix(".mo"))
    assert [held[etiology.label] for etiology in Etiology] == [
        "反应性增生",
        "淋巴结结核",
        "淋巴瘤",
        "转移癌",
    ]
    assert held["Level IIa"] == "IIa区"
    assert held["Colour Doppler flow imaging"] == "彩色多普勒血流成像"
