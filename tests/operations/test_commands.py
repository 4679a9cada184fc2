"""Whoever runs a command with a wrong argument reads words, and nothing was changed."""

from pathlib import Path

import pytest
from django.core.management import get_commands
from django.db import connection

from inference.models import ModelVersion
from readerstudy.accounts.models import User
from readerstudy.operations.process_entry import run_command
from readerstudy.studies.models import Case, Study
from tests import factories

pytestmark = pytest.mark.django_db

# Each file and folder that a command is given in the place of a good one.
BAD_FILES = ("none", "text", "binary", "empty", "folder", "text/below", "loop")
EVALUATION = ("evaluate_clahdm", "alpha", "--weights", "{text}")
TRAINING = ("train_clahdm", "alpha", "--architecture", "tiny", "--out", "{new}")
READS = {  # commands that read a file: {} is the file
    "import_cohort": ("alpha", "cohort", "{}"),
    "check_images": ("alpha", "--cohort", "cohort", "--source", "{}"),
    "import_predictions": ("alpha", "{}", "--name", "a", "--version", "1"),
    "add_model": ("name", "1", "--weights", "{}"),
    "evaluate_clahdm": ("alpha", "--weights", "{}"),
    "train_clahdm": (*TRAINING[1:], "--pretrained", "{}"),
    "analyse": ("alpha", "--plan", "{}"),
    "register_plan": ("alpha", "{}"),
    "restore": ("{}",),
    "restore --verify": ("{}", "--verify"),
    "import_study": ("{}",),
    "import_study --map": ("{empty}", "--map", "{}"),
}
BAD_PLACES = ("text", "text/below", "missing/below", "folder")
WRITES = {  # and those that write one
    "backup": ("{}",),
    "export_study": ("alpha", "{}"),
    "train_clahdm": (*TRAINING[1:-1], "{}"),
    "demo_model_training_study": ("--cases", "1", "--masks", "{}"),
}
FINE = {("backup", "folder"), ("demo_model_training_study", "folder"),
        ("demo_model_training_study", "missing/below")}  # where these commands write  # fmt: skip
WRONG = {  # and what else can be wrong
    "study": [("none", "open"), ("alpha", "fly"), ("alpha", "lock"),
              ("alpha", "open", "--by", "nobody")],
    "remind": [("none", "--site", "x"), ("alpha",), ("alpha", "--site", "x", "--days", "some")],
    "witness_rows": [("none",), ("alpha",)],
    "import_cohort": [("none", "a", "{text}"), ("alpha", "none", "{text}"), ()],
    "check_images": [("none",), ("alpha", "--cohort", "none", "--source", "{text}"),
                     ("alpha", "--source", "{text}"), ()],
    "import_predictions": [("none", "{text}", "--name", "a", "--version", "1")],
    "add_model": [("a", "1", "--untrained", "none"), ("a", "1"),
                  ("a" * 300, "1", "--untrained", "tiny"), ("a", "1" * 99, "--untrained", "tiny")],
    "train_clahdm": [("none", *TRAINING[2:]), (*TRAINING[1:], "--epochs", "0"),
                     (*TRAINING[1:], "--architecture", "huge"), (*TRAINING[1:], "--threads", "0"),
                     (*TRAINING[1:], "--device", "abacus"), TRAINING[1:]],
    "evaluate_clahdm": [("none", *EVALUATION[2:]), EVALUATION[1:],
                        (*EVALUATION[1:], "--device", "abacus")],
    "analyse": [("none",), ("alpha",), ("alpha", "--run", "99")],
    "register_plan": [("none",)],
    "alerts": [("--study", "none"), ("--study", "alpha")],
    "verify_audit": [("--head", "none"), ("--study", "none")],
    "export_study": [("none", "{new}"), ("alpha", "{new}", "--with-truth", "--by", "nobody")],
    "backup": [()],
    "restore": [()],
    "import_study": [()],
    "remove_second_factor": [("nobody",), ("anna",)],
    "make_files": [("none", "1"), ("alpha", "99")],
    "demo": [(), ("--port", "some")],
    "demo_model_training_study": [
        ("--study", "alpha"), ("--cases", "-1"), ("--study", "not a slug"),
    ],
    "run_jobs": [("none",), ()],
    "load_published_study": [("--investigator", "nobody")],
}  # fmt: skip
NO_ARGUMENTS = {"infer", "run_exports", "run_imports"}


@pytest.fixture
def files(tmp_path, monkeypatch) -> Path:
    """What stands in the place of the files that commands want, in the present folder: a long path
    is shortened where it is named."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_text("no such thing\n")
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    return tmp_path


@pytest.fixture(autouse=True)
def draft():
    return factories.make_draft("alpha", cases=1, cohorts=("cohort",))


def cases(table: dict[str, tuple], bad: tuple[str, ...]):
    return [pytest.param(name, given, each, id=f"{name}-{each}")
            for name, given in table.items() for each in bad
            if (name, each) not in FINE]  # fmt: skip


def refused(capsys, *arguments: str) -> str:
    """What the command says, that ends badly and changes nothing."""
    before = counts()
    with pytest.raises(SystemExit) as ended:
        run_command(["manage.py", *arguments])
    said = capsys.readouterr().err
    assert ended.value.code not in (0, None)
    assert said.strip()
    assert "Traceback" not in said
    assert "Error: [" not in said  # a bare number and a repr are no words
    assert counts() == before
    return said


def counts() -> list[int]:
    connection.ensure_connection()
    return [model.objects.count() for model in (Study, Case, User, ModelVersion)]


@pytest.mark.parametrize(("name", "given", "bad"), cases(READS, BAD_FILES))
def test_a_file_that_cannot_be_read_is_named(name, given, bad, files, capsys):
    arguments = [word.format(bad, empty="empty", new="new") for word in given]
    said = refused(capsys, name.partition(" ")[0], *arguments)
    assert Path(bad).name in said or name in ("import_study --map",)
    assert not (files / "new").exists()


@pytest.mark.parametrize(("name", "given", "bad"), cases(WRITES, BAD_PLACES))
def test_a_place_that_cannot_be_written_is_named(name, given, bad, files, capsys):
    refused(capsys, name, *[word.format(files / bad) for word in given])
    assert (files / "text").read_text() == "no such thing\n"
    assert list((files / "folder").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "given"), [(name, given) for name, all_ in WRONG.items() for given in all_]
)
def test_what_is_not_there_is_said(name, given, files, capsys):
    there = {each: str(files / each) for each in ("text", "new")}
    refused(capsys, name, *[word.format(**there) for word in given])
    assert not (files / "new").exists()


def test_every_command_is_tried():
    ours = ("readerstudy", "inference", "analysis")
    commands = {name for name, app in get_commands().items() if app.startswith(ours)}
    assert {name.partition(" ")[0] for name in (*READS, *WRITES, *WRONG)} | NO_ARGUMENTS == commands
