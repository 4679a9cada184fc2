"""Images of docker/Containerfile, built and run without a registry: from a Debian made of packages.

It needs to be root, as whoever makes a base image from packages is.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.docker.compose_file import ROOT

SITE_UID = 10001
VERSION = "a-version-of-the-test"
# Without systemd and network namespaces, as in a container of one's own.
RUN = ("--runtime", "runc", "--network", "host", "--ulimit", "nofile=1024:1024",
       "--ulimit", "nproc=4096:4096", "--no-healthcheck")  # fmt: skip
CERTIFICATES = "/etc/ssl/certs:/etc/ssl/certs:ro"


def require_programs() -> None:
    """Raise for what the machine lacks."""
    missing = [name for name in ("mmdebstrap", "podman", "buildah", "runc")
               if not shutil.which(name)]  # fmt: skip
    if missing:
        raise FileNotFoundError(f"not installed: apt-get install {' '.join(missing)}")
    if os.geteuid():
        raise PermissionError("images are built by root alone")


@dataclass(frozen=True)
class Store:
    """Where images lie, apart from those of the machine."""

    folder: Path

    def _program(self, name: str) -> list[str]:
        return [name, "--root", str(self.folder / "root"), "--runroot", str(self.folder / "run"),
                "--storage-driver", "vfs"]  # fmt: skip

    def import_debian(self, name: str) -> None:
        """A base image of Debian 12 from its packages."""
        archive = self.folder / "debian.tar"
        command = ["mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates"]
        subprocess.run([*command, "bookworm", archive], check=True, timeout=600)
        subprocess.run(
            [*self._program("podman"), "import", "--quiet", archive, name], check=True, timeout=300
        )
        archive.unlink()

    def build(self, target: str, *, base: str, arguments: Mapping[str, str] | None = None) -> str:
        """An image of this target; its name."""
        given = {"BASE_IMAGE": base, "VERSION": VERSION, "SITE_UID": str(SITE_UID)}
        given |= arguments or {}
        name = f"localhost/readerstudy-{target}:test"
        subprocess.run(
            [*self._program("buildah"), "build", "--format", "docker", "--isolation", "chroot",
             "--network", "host", "--volume", CERTIFICATES,
             *(f"--build-arg={key}={value}" for key, value in given.items()),
             "--file", ROOT / "docker" / "Containerfile", "--target", target, "--tag", name, ROOT],
            check=True, timeout=1800, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        return name

    def inspect(self, image: str) -> dict:
        """What the image says of itself."""
        done = subprocess.run(
            [*self._program("podman"), "image", "inspect", image],
            check=True, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        return json.loads(done.stdout)[0]

    def command(
        self,
        image: str,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        var: Path | None = None,
    ) -> list[str]:
        """A command in the image: no rights, its root can't be written, ``var`` is its folder."""
        return [
            *self._program("podman"), "run", "--rm", *RUN, "--read-only", "--cap-drop=ALL",
            "--tmpfs=/tmp:mode=1777", "--security-opt=no-new-privileges",
            *(f"--env={key}={value}" for key, value in (env or {}).items()),
            *([f"--volume={var}:/var/lib/readerstudy"] if var else []),
            image, *arguments,
        ]  # fmt: skip

    def run(self, image: str, *arguments: str, **options) -> subprocess.CompletedProcess:
        """Run a command in the image to its end."""
        return subprocess.run(
            self.command(image, *arguments, **options),
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
