"""`likeness-admin doctor`: a sound deployment, and each thing that may be wrong with one."""

import asyncio
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from sqlalchemy import text
from sqlalchemy.engine import make_url
from structlog.testing import capture_logs
from tritonclient.grpc import InferenceServerClient
from typer.testing import CliRunner

from deploy.triton import TritonServer
from export.manifest import EngineManifest
from identity import CheckerInput, ServingBundle
from service import leadership
from service.admin import doctor
from service.admin.checks import CHECKS
from service.admin.cli import app
from service.admin.doctor import Line, Verdict, examine
from service.settings import Settings
from service.store import Database
from service.trial_certificate import write_trial_certificate
from tests.service.gateway import Gateway, scripted
from tests.support.ports import free_ports
from tests.support.postgres import PostgresServer
from tests.support.s3_server import S3Server

Set = Callable[..., None]


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Sets settings of this process."""

    def setting(**settings: str) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(f"LIKENESS_{name}", value)

    return setting


async def look(check: str) -> Line:
    with capture_logs():
        (line,) = [line async for line in examine({check: CHECKS[check]}, Settings())]
    return line


def table(output: str) -> dict[str, tuple[str, str]]:
    """Verdict and text by the name of the check."""
    lines = [line.split(maxsplit=2) for line in output.splitlines()]
    return {name: (verdict, text) for verdict, name, text in lines}


def test_a_sound_deployment_is_found_so(
    studio: Gateway, exported_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in studio.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LIKENESS_BASE_MODEL", str(exported_checkpoint))
    monkeypatch.delenv("LIKENESS_JOBS__TRAINER")
    result = CliRunner().invoke(app, ["doctor"])
    found = table(result.output)
    assert ({name: verdict for name, (verdict, _) in found.items()}, result.exit_code) == (
        dict.fromkeys(["settings", *CHECKS], "ok"),
        0,
    )
    assert "schema 00" in found["database"][1]
    assert "5 models answered" in found["triton"][1]
    assert "a gateway leads" in found["trainings"][1]
    assert studio.blobs() == []


def test_wrong_settings_are_all_named(setting: Set) -> None:
    setting(LISTEN="somewhere", TLS__KEY="/nowhere")
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["fail", "settings", "LIKENESS_LISTEN:"],
        ["fail", "settings", "LIKENESS_TLS__KEY:"],
    ]
    setting(JOBS__TRAINER="python -m trainer.work")  # a JSON list is wanted
    result = CliRunner().invoke(app, ["doctor"])
    assert (result.exit_code, 'field "jobs"' in result.output) == (1, True)


async def test_a_check_that_hangs_or_breaks_keeps_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs(_: Settings) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    async def breaks(_: Settings) -> str:
        raise RuntimeError("secret")

    async def holds(_: Settings) -> str:
        return "all is well"

    monkeypatch.setattr(doctor, "LIMIT_SECONDS", 0.1)
    checks = {"hangs": hangs, "breaks": breaks, "holds": holds}
    lines = [str(line).split(maxsplit=2) async for line in examine(checks, Settings())]
    assert lines == [
        ["fail", "hangs", "did not end in 0.1 s"],
        ["fail", "breaks", "could not be looked at: RuntimeError"],
        ["ok", "holds", "all is well"],
    ]


async def test_a_database_of_another_schema_is_told(setting: Set, url: str) -> None:
    setting(DATABASE__URL=url)
    if url.startswith("sqlite"):
        Path(str(make_url(url).database)).touch()
    line = await look("database")
    assert (line.verdict, "empty" in line.text, "migrate" in line.text) == ("fail", True, True)
    database = Database(url)
    await database.migrate()
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await database.close()
    line = await look("database")
    assert (line.verdict, "schema 9999 is newer" in line.text) == ("warn", True)


async def test_a_database_that_is_away_or_refuses_to_write_fails(
    setting: Set, postgres: PostgresServer
) -> None:
    url = make_url(postgres.database())
    setting(DATABASE__URL=url.set(port=free_ports(1)[0], password="hush").render_as_string(False))
    line = await look("database")
    assert (line.verdict, "ConnectionRefusedError" in line.text) == ("fail", True)
    assert "hush" not in line.text
    setting(DATABASE__URL=url.render_as_string(False))
    database = Database(url.render_as_string(False))
    await database.migrate()
    assert (await look("database")).text.startswith("PostgreSQL ")
    async with database.write() as connection:
        only_read = f"ALTER DATABASE {url.database} SET default_transaction_read_only = on"
        await connection.execute(text(only_read))
    await database.close()
    line = await look("database")
    assert (line.verdict, "ReadOnlySQLTransactionError" in line.text) == ("fail", True)


async def test_what_is_not_there_is_told_and_not_made(setting: Set, tmp_path: Path) -> None:
    missing = tmp_path / "a b" / "c"
    setting(DATABASE__URL=f"sqlite+aiosqlite:///{missing}/likeness.db", BLOBS__URL=missing.as_uri())
    setting(**scripted("succeed"), JOBS__WORK_DIR=str(missing))
    lines = {name: await look(name) for name in ("database", "blobs", "trainer")}
    await look("clock")
    await look("trainings")
    assert {name: line.verdict for name, line in lines.items()} == {
        "database": "fail",
        "blobs": "fail",
        "trainer": "ok",
    }
    assert f"there is no file {missing}/likeness.db;" in lines["database"].text
    assert f"there is no directory {missing};" in lines["blobs"].text
    assert list(tmp_path.iterdir()) == []
    missing.mkdir(parents=True)
    assert (await look("blobs")).verdict == "ok"
    assert list(missing.iterdir()) == []


async def test_storage_that_takes_nothing_fails(
    setting: Set, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    setting(BLOBS__URL=(tmp_path / "file" / "blobs").as_uri())
    assert (await look("blobs")).verdict == "fail"
    with S3Server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        setting(BLOBS__URL="s3://likeness/prefix")
        assert ((await look("blobs")).verdict, server.blobs) == ("ok", {})
        server.refusal = lambda method: 403 if method == "PUT" else 0
        line = await look("blobs")
        assert (line.verdict, "secret" in line.text) == ("fail", False)


def test_a_clock_that_goes_wrong_fails(
    setting: Set, tmp_path: Path, postgres: PostgresServer
) -> None:
    spec = importlib.util.find_spec("libfaketime")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    library = Path(spec.submodule_search_locations[0]) / "vendor/libfaketime/src/libfaketime.so.1"
    setting(DATABASE__URL=postgres.database(), BLOBS__URL=tmp_path.as_uri())
    setting(**scripted("succeed"), TRITON__PROBE_SECONDS="0.1")
    result = subprocess.run(
        [sys.executable, "-m", "service.admin", "doctor"],
        env={**os.environ, "LD_PRELOAD": str(library), "FAKETIME": "+60"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1, result.stderr
    verdict, words = table(result.stdout)["clock"]
    assert (verdict, "limit 5 s" in words) == ("fail", True)
    skews = [float(words.split(f"{name} ")[1].split()[0]) for name in ("database", "storage")]
    assert skews == pytest.approx([-60, -60], abs=5)


async def test_a_model_that_is_not_ready_is_named(setting: Set, triton: TritonServer) -> None:
    setting(TRITON__URL=triton.grpc_address)
    client = InferenceServerClient(triton.grpc_address)
    client.unload_model("vae_encoder")
    try:
        line = await look("triton")
    finally:
        client.load_model("vae_encoder")
        client.close()
    assert (line.verdict, "not ready are vae_encoder;" in line.text) == ("fail", True)


@pytest.fixture
def copied(bundle: Path, tmp_path: Path, setting: Set) -> Path:
    """A bundle that may be broken."""
    setting(BUNDLE=str(tmp_path / "bundle"))
    return Path(shutil.copytree(bundle, tmp_path / "bundle"))


async def test_a_bundle_that_is_not_whole_fails(copied: Path) -> None:
    assert (await look("bundle")).verdict == "ok"
    of_another = EngineManifest("unet", "sha256:1", "", "openvino", "1", ["8.9"], "fp16", [], 1.0)
    engine = copied / "models" / "unet" / "1" / "unet.plan"
    of_another.save(engine)
    engine.touch()
    line = await look("bundle")
    assert (line.verdict, "is for base model sha256:1" in line.text) == ("fail", True)
    shutil.rmtree(copied / "models" / "unet")
    line = await look("bundle")
    assert (line.verdict, "models/unet is no model" in line.text) == ("fail", True)
    (copied / "bundle.json").unlink()
    line = await look("bundle")
    assert (line.verdict, "likeness-export" in line.text) == ("fail", True)


async def test_a_safety_checker_is_looked_at_like_other_models(
    setting: Set, copied: Path, triton: TritonServer
) -> None:
    assert "pictures are not judged" in (await look("bundle")).text
    takes = CheckerInput(32, 32, 3, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    replace(ServingBundle.load(copied), safety_checker=takes).save(copied)
    line = await look("bundle")
    assert (line.verdict, "models/safety_checker is no model" in line.text) == ("fail", True)
    shutil.copytree(copied / "models" / "unet", copied / "models" / "safety_checker")
    line = await look("bundle")
    assert (line.verdict, "pictures are judged" in line.text) == ("ok", True)
    setting(TRITON__URL=triton.grpc_address)  # it has loaded a bundle without one
    line = await look("triton")
    assert (line.verdict, "not ready are safety_checker;" in line.text) == ("fail", True)


async def test_a_trainer_that_can_not_work_fails(
    setting: Set, copied: Path, exported_checkpoint: Path, tmp_path: Path
) -> None:
    setting(BASE_MODEL=str(exported_checkpoint), JOBS__WORK_DIR=str(tmp_path / "jobs"))
    served = ServingBundle.load(copied).base_model_digest
    description = copied / "bundle.json"
    description.write_text(description.read_text().replace(served, "sha256:another"))
    line = await look("trainer")
    assert (line.verdict, "the bundle's sha256:another" in line.text) == ("fail", True)
    setting(JOBS__TRAINER=json.dumps([sys._base_executable, "-m", "trainer.work"]))
    line = await look("trainer")
    assert (line.verdict, "ModuleNotFoundError" in line.text) == ("fail", True)
    (tmp_path / "file").touch()
    setting(JOBS__WORK_DIR=str(tmp_path / "file"))
    line = await look("trainer")
    assert (line.verdict, "LIKENESS_JOBS__WORK_DIR" in line.text) == ("fail", True)


async def test_a_database_that_nobody_leads_is_a_warning(
    setting: Set, database: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leadership, "SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(leadership, "BEAT_SECONDS", 0.1)
    setting(DATABASE__URL=url)
    line = await look("trainings")
    assert (line.verdict, line.text.partition(";")[0]) == (
        Verdict.WARN,
        "0 run, 0 wait, and no gateway leads",
    )


@pytest.mark.parametrize(("days", "verdict"), [(-1, "fail"), (3, "warn"), (60, "ok")])
async def test_a_certificate_is_told_by_its_remaining_days(
    setting: Set, tmp_path: Path, days: int, verdict: str
) -> None:
    ends = datetime.now(UTC) + timedelta(days=days, minutes=1)
    begins = ends - timedelta(days=90)
    leaf = trustme.CA().issue_cert("localhost", not_before=begins, not_after=ends)
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    leaf.cert_chain_pems[0].write_to_path(certificate)
    leaf.private_key_pem.write_to_path(key)
    setting(TLS__CERTIFICATE=str(certificate), TLS__KEY=str(key))
    line = await look("tls")
    told = "has expired" if days < 0 else f"good for {days} days"
    assert (line.verdict, told in line.text) == (verdict, True)
    trustme.CA().issue_cert("localhost").private_key_pem.write_to_path(key)
    assert (await look("tls")).verdict == "fail"


async def test_a_certificate_that_signs_pictures_is_tried(setting: Set, tmp_path: Path) -> None:
    chain, key, _ = write_trial_certificate(tmp_path)
    setting(PROVENANCE__CERTIFICATES=str(chain), PROVENANCE__PRIVATE_KEY=str(key))
    line = await look("content-credentials")
    assert (line.verdict, "good for 36" in line.text) == ("ok", True)
    key.write_text("no key")
    assert (await look("content-credentials")).verdict == "fail"
