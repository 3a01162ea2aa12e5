"""Triton's launcher: on loopback only, and clear about what is missing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import deploy.triton
from deploy.triton import TritonError, TritonServer

LISTENING = "0A"
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F"}  # 127.0.0.1, as IPv4 and within IPv6


def test_listens_on_loopback_only(triton: TritonServer) -> None:
    ports = {triton.ports.http, triton.ports.grpc, triton.ports.metrics}
    rows = [
        line.split()
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
    ]
    listening = [row[1].split(":") for row in rows if row[3] == LISTENING]
    found = {int(port, 16): address for address, port in listening if int(port, 16) in ports}
    assert found.keys() == ports
    assert set(found.values()) <= LOOPBACK


def test_says_in_one_line_that_there_is_no_bundle(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "deploy.triton", "--bundle", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "python -m export makes one" in result.stderr


def test_names_the_package_of_a_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy.triton, "LIBPYTHON", "libpython9.99.so.1.0")
    with pytest.raises(TritonError, match=r"libpython9\.99\.so\.1\.0 is missing.*apt-get install"):
        deploy.triton.environment()


def test_a_server_that_can_not_start_says_why(bundle: Path, tmp_path: Path) -> None:
    broken = tmp_path / "bundle"
    only_one = shutil.ignore_patterns("unet", "vae_decoder", "sampler")
    shutil.copytree(bundle, broken, ignore=only_one)
    (broken / "models/text_encoder/1/model.xml").write_text("<net")
    server = TritonServer(broken, tmp_path)
    with pytest.raises(TritonError, match="text_encoder"), server:
        pass
    assert server.process.poll() is not None
