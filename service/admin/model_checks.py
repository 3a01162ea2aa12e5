"""What `likeness-admin doctor` finds out about models: those that are served, and what trains.

PyTorch and Ray are loaded in processes of their own: they would never leave this one, and could not
be interrupted.
"""

import asyncio
import os
import shutil
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

from export.manifest import PLAN, EngineManifest, EngineMismatchError
from identity import BundleError, ServingBundle
from service.admin.doctor import TroubleError, Verdict
from service.bundle import BundleSource
from service.sampler_client import SAMPLER, models_of
from service.settings import RaySettings, Settings

TRAINER = """
import sys
import trainer.worker
from basemodel import BaseModelError, resolve, source_digest
try:
    print(source_digest(resolve(sys.argv[1])))
except BaseModelError as error:
    print(error)
"""
CLUSTER_SECONDS = 30.0
CLUSTER = """
import sys, ray
ray.init(sys.argv[1], namespace=sys.argv[2], log_to_driver=False, logging_level="ERROR")
found = ray.cluster_resources()
print(f"{found.get('CPU', 0):g} CPUs and {found.get('GPU', 0):g} GPUs")
"""


class ProgramError(Exception):
    """A program failed; with the last line that it wrote."""


async def bundle(settings: Settings) -> str:
    """It is whole, and its engines are its own."""
    advice = "export it again: likeness-export"
    try:
        served = await asyncio.to_thread(_whole, settings.bundle)
    except (BundleError, EngineMismatchError) as error:
        raise TroubleError(str(error), advice) from error
    if await BundleSource(settings.bundle).find() is None:
        raise TroubleError(f"{settings.bundle} lacks tokenizer or token embeddings", advice)
    size = f"{served.image_width}x{served.image_height}"
    judged = "not judged" if served.safety_checker is None else "judged"
    model = f"base model {served.base_model_digest[:19]}"
    return f"{served.engine}, {size}, {model}, pictures are {judged}"


async def trainer(settings: Settings) -> str:
    """Where trainings run there is what they need, and what they learn can be drawn."""
    jobs = settings.jobs
    if jobs.backend == "ray":
        return await _cluster(jobs.ray)
    room = await asyncio.to_thread(_room, jobs.work_dir)
    interpreter, *module = jobs.trainer[:3]
    if module == ["-m", "trainer.work"]:
        return f"{await _base_model(interpreter, settings)}; {room}"
    if shutil.which(interpreter) is None:
        raise TroubleError(f"there is no program {interpreter}", "see LIKENESS_JOBS__TRAINER")
    return f"a trainer of its own, {interpreter}; {room}"


def _whole(directory: Path) -> ServingBundle:
    """The bundle's description. Raises `BundleError`, :class:`EngineMismatchError`."""
    served = ServingBundle.load(directory)
    for model in models_of(served):
        folder = directory / "models" / model
        engines = sorted(folder.glob(f"1/*{PLAN}"))
        of_gpu = served.engine.startswith("tensorrt") and model != SAMPLER
        if not (folder / "config.pbtxt").is_file() or (of_gpu and not engines):
            raise BundleError(f"{folder} is no model of {served.engine}")
        for engine in engines:
            made = EngineManifest.load(engine)
            # Whether it is for Triton's GPU and TensorRT, only Triton's machine can tell.
            made.check(served.engine, made.version, made.capabilities[0], served.base_model_digest)
    return served


async def _base_model(interpreter: str, settings: Settings) -> str:
    """What the trainer learns on, which must be what is served."""
    try:
        found = await _answer(interpreter, "-c", TRAINER, settings.base_model)
    except ProgramError as error:
        advice = "it needs the package likeness[basemodel], see LIKENESS_JOBS__TRAINER"
        raise TroubleError(f"can't be loaded ({error})", advice) from error
    advice = "see LIKENESS_BASE_MODEL"
    if not found.startswith("sha256:"):  # perhaps a training downloads it
        raise TroubleError(f"the base model is not here ({found})", advice, Verdict.WARN)
    try:
        served = (await asyncio.to_thread(ServingBundle.load, settings.bundle)).base_model_digest
    except BundleError:
        served = found  # the bundle has a line of its own
    if found != served:
        text = f"the base model is {found[:19]}, but the bundle's {served[:19]}"
        raise TroubleError(f"{text}: what is learned can't be drawn", f"{advice}, or export it")
    return f"base model {found[:19]}"


def _room(work_dir: Path) -> str:
    try:
        # Who trains makes the directory.
        there = next(each for each in (work_dir, *work_dir.parents) if each.exists())
        with tempfile.TemporaryFile(dir=there) as probe:
            probe.write(b"x")
            probe.flush()
    except OSError as error:
        found = f"{work_dir} takes no files ({error.strerror})"
        raise TroubleError(found, "see LIKENESS_JOBS__WORK_DIR") from error
    return f"{work_dir} has {shutil.disk_usage(there).free / 2**30:.1f} GiB free"


async def _cluster(cluster: RaySettings) -> str:
    advice = "see LIKENESS_JOBS__RAY__ADDRESS"
    try:
        async with asyncio.timeout(CLUSTER_SECONDS):
            found = await _answer(sys.executable, "-c", CLUSTER, cluster.address, cluster.namespace)
    except ProgramError as error:
        raise TroubleError(f"the cluster does not answer ({error})", advice) from error
    except TimeoutError as error:
        found = f"the cluster does not answer in {CLUSTER_SECONDS:g} s"
        raise TroubleError(found, advice) from error
    return f"the cluster has {found}; a worker takes {cluster.cpus:g} and {cluster.gpus:g}"


async def _answer(*command: str) -> str:
    """What a program prints; it is ended with the check. Raises :class:`ProgramError`."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}  # nothing is downloaded for a look
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=environment
        )
    except OSError as error:
        raise ProgramError(f"{command[0]}: {error.strerror}") from error
    try:
        out, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        lines = errors.decode(errors="replace").strip().splitlines()
        raise ProgramError(lines[-1] if lines else f"exit code {process.returncode}")
    return out.decode().strip()
