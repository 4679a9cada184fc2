"""Model versions: only a file that holds what its card says becomes one, and nothing after it."""

import pickle

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import TestCase
from safetensors.numpy import load_file, save_file

from inference import model_registration, weights_uploads
from inference.clahdm import weights
from inference.clahdm.weights_card import WeightsError
from inference.models import ModelVersion
from readerstudy.audit.models import AuditEvent
from tests import factories


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Untrained tiny weights with their card."""
    path = tmp_path_factory.mktemp("weights") / "good.safetensors"
    model, card = weights.untrained("tiny", 1)
    weights.save(model, path, card=card)
    return path


def altered(good, tmp_path, change):
    """The good file with one tensor changed in the state dict."""
    from safetensors import safe_open

    with safe_open(good, framework="numpy") as file:
        metadata = file.metadata()
    tensors = load_file(good)
    change(tensors)
    path = tmp_path / "altered.safetensors"
    save_file(tensors, path, metadata=metadata)
    return path


def pickled(tmp_path):
    path = tmp_path / "pickle.safetensors"
    path.write_bytes(pickle.dumps({"weights": [1, 2, 3]}))
    return path


def truncated(good, tmp_path):
    path = tmp_path / "short.safetensors"
    path.write_bytes(good.read_bytes()[:-1000])
    return path


def huge_header(tmp_path):
    path = tmp_path / "header.safetensors"
    path.write_bytes((2**62).to_bytes(8, "little") + b"{}")
    return path


def test_a_good_file_is_read_with_its_card(good):
    checked = model_registration.check_weights(good)
    assert checked.card["architecture"] == "tiny"
    assert checked.sha256 == weights.file_sha256(good)


@pytest.mark.parametrize(
    "kind", ["pickle", "truncated", "header", "nan", "shape", "missing", "overflow"]
)
def test_a_wrong_or_malicious_file_is_refused_with_its_reason(kind, good, tmp_path):
    def nan(tensors):
        next(value for value in tensors.values() if value.ndim == 4).flat[0] = float("nan")

    def shape(tensors):
        name = next(name for name, value in tensors.items() if value.ndim == 4)
        tensors[name] = tensors[name][:1]

    def overflow(tensors):  # finite values, but what they compute is not
        for value in tensors.values():
            if value.ndim == 4:
                value[...] = 1e38

    make = {
        "pickle": lambda: pickled(tmp_path),
        "truncated": lambda: truncated(good, tmp_path),
        "header": lambda: huge_header(tmp_path),
        "nan": lambda: altered(good, tmp_path, nan),
        "shape": lambda: altered(good, tmp_path, shape),
        "overflow": lambda: altered(good, tmp_path, overflow),
        "missing": lambda: tmp_path / "missing.safetensors",
    }
    with pytest.raises(WeightsError) as refused:
        model_registration.check_weights(make[kind]())
    assert "Traceback" not in str(refused.value)
    assert len(str(refused.value)) > 10


@pytest.fixture
def admin(client, db):
    factories.make_user("admin", is_staff=True, is_superuser=True)
    client.login(username="admin", password=factories.PASSWORD)
    return client


ADD = "/admin/inference/modelversion/add/"


def add(client, content: bytes, version="1") -> str:
    """Upload a file, and let the worker do its part; the page that shows what came of it."""
    upload = SimpleUploadedFile("weights.safetensors", content)
    form = {"name": "CLA-HDM", "version": version, "weights_file": upload}
    answer = client.post(ADD, form)
    assert answer["Location"] == ADD
    waiting = client.get(ADD).content.decode()
    assert 'http-equiv="refresh"' in waiting
    assert "<form method" not in waiting  # which the refresh would empty
    call_command("run_jobs", "weights")
    page = client.get(ADD).content.decode()
    assert 'http-equiv="refresh"' not in page
    return page


def test_the_admin_adds_a_version_from_a_good_file(admin, good, media_root):
    page = add(admin, good.read_bytes())
    version = ModelVersion.objects.get()
    assert f'/admin/inference/modelversion/{version.pk}/change/">{version}</a>' in page
    assert [path for path in (media_root / weights_uploads.FOLDER).iterdir()] == []
    assert AuditEvent.objects.get(action="model.register").actor == "admin"
    assert (version.architecture, version.is_trained) == ("tiny", False)
    assert (media_root / version.weights.name).read_bytes() == good.read_bytes()
    page = admin.get(f"/admin/inference/modelversion/{version.pk}/change/")
    assert version.sha256 in page.content.decode()


def test_the_admin_refuses_a_bad_file_in_plain_words(admin, tmp_path, media_root):
    with TestCase.captureOnCommitCallbacks(execute=True):
        page = add(admin, pickled(tmp_path).read_bytes())
    assert "Not accepted: " in page
    assert "not a readable safetensors file" in page
    assert not ModelVersion.objects.exists()
    assert [path for path in media_root.rglob("*") if path.is_file()] == []


@pytest.mark.slow("each file is looked at by a process that loads torch")
def test_the_same_weights_are_registered_once(admin, good):
    add(admin, good.read_bytes())
    assert "already registered" in add(admin, good.read_bytes(), version="2")
    assert ModelVersion.objects.count() == 1
    with pytest.raises(CommandError, match="already registered"):
        call_command("add_model", "CLA-HDM", "3", weights=good)


def test_a_registered_version_can_not_be_changed_in_the_admin(admin, good):
    add(admin, good.read_bytes())
    version = ModelVersion.objects.get()
    url = f"/admin/inference/modelversion/{version.pk}/"
    assert admin.post(url + "change/", {"name": "other"}).status_code == 403
    assert admin.post(url + "delete/", {"post": "yes"}).status_code == 403
    assert ModelVersion.objects.get().name == "CLA-HDM"
