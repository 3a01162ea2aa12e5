"""``python -m deploy.monitoring.binaries``: a real Prometheus and Alertmanager beside this Python.

They come from Debian's packages, which are unpacked but not installed, so that no service is
started. Debian's Alertmanager reads its templates from one fixed place, which only root may fill.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = ("prometheus", "prometheus-alertmanager")
BINARIES = {
    "promtool": "promtool",
    "prometheus-alertmanager": "alertmanager",
    "prometheus": "prometheus",
}
"""What is taken out of the packages, and how it is called here."""
APT = {"State::Lists": "lists", "Cache::Archives": "archives", "Cache::pkgcache": "packages.bin"}
"""Files of apt that are kept out of the system's."""

TEMPLATES = Path("usr/share/prometheus/alertmanager")
"""Where Debian's Alertmanager looks for its templates, below the root."""


def main() -> None:
    """Fetches the binaries."""
    if shutil.which("apt-get") is None:
        sys.exit(f"no apt-get here: put {', '.join(BINARIES.values())} beside {sys.executable}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "lists" / "partial").mkdir(parents=True)
        apt = [
            *("apt-get", "--quiet=2", "--option=APT::Sandbox::User=root"),
            *(f"--option=Dir::{kind}={folder / place}" for kind, place in APT.items()),
        ]
        subprocess.run([*apt, "update"], check=True)
        subprocess.run([*apt, "download", *PACKAGES], check=True, cwd=folder)
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg-deb", "--extract", package, folder / "unpacked"], check=True)
        shutil.copytree(folder / "unpacked" / TEMPLATES, "/" / TEMPLATES, dirs_exist_ok=True)
        for source, target in BINARIES.items():
            place = Path(sys.executable).parent / target
            aside = place.with_suffix(".tmp")
            aside.write_bytes((folder / "unpacked" / "usr" / "bin" / source).read_bytes())
            aside.chmod(0o755)
            aside.rename(place)


if __name__ == "__main__":
    main()
