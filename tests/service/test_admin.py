"""The `likeness-admin` command, on databases and blobs as gateways leave them."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from service.admin.cli import app
from service.auth.api_keys import ApiKeys
from service.caller import Caller
from service.errors import UnauthenticatedError
from service.store import ApiKeyStore, Database


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIKENESS_DATABASE__URL", f"sqlite+aiosqlite:///{tmp_path}/likeness.db")
    monkeypatch.setenv("LIKENESS_BLOBS__URL", f"file://{tmp_path}/blobs")
    monkeypatch.setenv("LIKENESS_JOBS__WORK_DIR", f"{tmp_path}/jobs")
    return tmp_path


def admin(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_a_key_is_made_listed_and_revoked(home: Path) -> None:
    key = admin("keys", "create", "red", "--days", "7").stdout.strip()
    database = Database(f"sqlite+aiosqlite:///{home}/likeness.db")

    async def caller() -> Caller:
        found = await ApiKeys(ApiKeyStore(database)).caller(key)
        await database.close()
        return found

    key_id, secret = key.split("_", 2)[1:]
    assert asyncio.run(caller()) == Caller("red", f"key:{key_id}", "api_key")
    listed = admin("keys", "list").stdout
    assert (key_id in listed, "red" in listed, secret in listed) == (True, True, False)
    assert admin("keys", "revoke", key_id).exit_code == 0
    with pytest.raises(UnauthenticatedError):
        asyncio.run(caller())
    again = admin("keys", "revoke", key_id)
    assert (again.exit_code, "no key" in again.stderr) == (1, True)


@pytest.mark.parametrize("tenant", ["", "../red", "x" * 64])
def test_a_tenant_has_a_plain_name(tenant: str) -> None:
    answer = admin("keys", "create", tenant)
    assert (answer.exit_code, "must match" in answer.stderr) == (2, True)


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_LISTEN", "0.0.0.0:1")
    answer = admin("keys", "list")
    assert (answer.exit_code, "LIKENESS_LISTEN: refusing" in answer.stderr) == (2, True)


def test_a_tenants_limits_are_set_and_listed() -> None:
    assert admin("quotas", "set", "red", "--generations", "2", "--identities", "0").exit_code == 0
    assert admin("quotas", "set", "blue", "--requests-per-second", "0.5").exit_code == 0
    lines = [line.split() for line in admin("quotas", "list").stdout.splitlines()]
    assert lines[1:] == [["blue", "0.5"], ["red", "2", "0"]]
    assert admin("quotas", "set", "red", "--generations", "-1").exit_code == 2


def test_a_newer_schema_is_left_alone(home: Path) -> None:
    admin("migrate")
    with contextlib.closing(sqlite3.connect(home / "likeness.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    with capture_logs():
        assert admin("migrate").stdout == "the database has the schema 9999\n"
    looked = admin("fsck")
    assert (looked.exit_code, "the package that the schema belongs to" in looked.stderr) == (
        2,
        True,
    )
    with contextlib.closing(sqlite3.connect(home / "likeness.db")) as database, database:
        database.execute("DROP TABLE tombstones")
    unfit = admin("keys", "list")
    assert (unfit.exit_code, "it has no table tombstones" in unfit.stderr) == (1, True)


def test_fsck_tells_what_it_found_by_exit_code(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unmade = admin("fsck")
    assert (unmade.exit_code, "migrate" in unmade.stderr) == (2, True)
    admin("keys", "list")  # makes the tables
    assert (admin("fsck").exit_code, admin("fsck").stdout) == (0, "")
    orphan = home / "blobs" / "artifacts" / "abc" / "1"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"tokens")
    assert (admin("fsck").exit_code, orphan.exists()) == (0, True)  # it is young
    told = "artifacts/abc/1: belongs to no identity"
    dry = admin("fsck", "--min-age", "0")
    assert (dry.exit_code, dry.stdout, orphan.exists()) == (1, f"{told}\n", True)
    mended = admin("fsck", "--min-age", "0", "--mend")
    assert (mended.exit_code, mended.stdout) == (0, f"{told}; mended\n")
    assert not orphan.exists()
    monkeypatch.setenv("LIKENESS_DATABASE__URL", "postgresql+asyncpg://127.0.0.1:1/none")
    with capture_logs():
        away = admin("fsck")
    assert (away.exit_code, "does not answer" in away.stderr) == (2, True)
