"""The site's own settings, in a folder that goes away with the test run."""

import atexit
import os
import shutil
import tempfile

_folder = tempfile.mkdtemp(prefix="readerstudy-tests-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
os.environ |= {"READERSTUDY_VAR": _folder, "READERSTUDY_DEMO": "0", "READERSTUDY_HTTPS": "0"}
os.environ |= {"CELERY_BROKER_URL": "", "READERSTUDY_CACHE_URL": ""}  # whatever a .env says
# People sign in by their password alone, but where a test is about the second factor.
os.environ |= {"READERSTUDY_SECOND_FACTOR": "0", "READERSTUDY_BEHIND_PROXY": "0"}

from readerstudy.settings import *  # noqa: E402, F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.jobs.light"]  # noqa: F405
# A second connection would wait for the test's own lock.
INFERENCE_HEARTBEAT_SECONDS = ANALYSIS_HEARTBEAT_SECONDS = IMPORT_HEARTBEAT_SECONDS = 3600.0
JOB_FIRST_PAUSE_SECONDS = 0.001
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
