"""Engines `apptainer` and `singularity`: each model process in a container of its own, a child of the supervisor.

No daemon keeps anything: the supervisor runs on the host itself, as on `bare`, and starts the program that becomes the
container. The host's `dir` has the same path inside, the model's repository is /workspace, its weights /checkpoints,
the cache /cache. Nothing of the user's own environment or home comes in; variables go in by names with a prefix, which
the supervisor writes: on the command line everybody could read them.
"""

import shlex
from collections.abc import Iterator
from pathlib import PurePosixPath

from cosmosctl.domain.project import Host, HostModel
from cosmosctl.engines import container
from cosmosctl.engines.gpu_sets import GpuSet, gpu_sets
from cosmosctl.engines.protocol import SUPERVISOR, Argv, Images, Keeper, Process, Wrapping
from cosmosctl.engines.pulled import folder_of, is_pulled, place_of
from cosmosctl.errors import FileError
from cosmosctl.models.protocol import Model

ALONE = ("--cleanenv", "--no-home", "--pid", "--no-eval")
"""With `--pid` nothing of a model outlives its first process; without `--no-eval` (Apptainer 1.1, SingularityCE 3.10) a
shell would run what stands in the value of a variable."""
_LOOK = """\
[ -e "$1" ] || { echo "there is no such file" >&2; exit 1; }
if [ -d "$1" ]; then
    [ -x "$1/bin/sh" ] || [ -L "$1/bin/sh" ] || {
        echo "that folder holds no image: it has no bin/sh" >&2
        exit 1
    }
    echo "a folder"
else
    said=$(%s sif header "$1" 2>&1) || {
        echo "that file is no SIF" >&2
        exit 1
    }
    printf '%%s\\n' "$said" | sed -n 's/^ID: *//p'
fi"""
"""What an image is, in a word of its own; a file without the header of a SIF is none."""
_LISTED = 'ls -d "$HOME"/*.sif /data/*.sif /scratch/*.sif "$HOME"/images/*.sif /data/images/*.sif 2>/dev/null; true'


def seen_dir(host: Host) -> PurePosixPath:
    return PurePosixPath(host.dir)


def command(host: Host) -> Argv:
    return host.engine_command or (host.engine,)


def process(host: Host, model: Model) -> Process:
    block = host.models.get(model.NAME, HostModel())
    plain = container.process(host, model)  # its paths inside are the same
    argv = (*_exec(host, model, WORK if plain.cwd is None else plain.cwd), *plain.launcher)
    wrapping = Wrapping(_prefixes(host), _image(host, model), digests(host), host.env_file, block.repo)
    return Process(argv, plain.checkpoints, None, plain.env, wrapping)


WORK = "{work}"


def digests(host: Host) -> str:
    """The file on the host that keeps the digests of images."""
    return f"{folder_of(host)}/digests.json"


def gpus(host: Host) -> tuple[GpuSet, ...]:
    return gpu_sets(host, host.gpus)


def keeper(host: Host) -> Keeper | None:
    return None


def images(host: Host) -> Images:
    look = _LOOK % shlex.join(command(host)).replace("%", "%%")
    return Images(
        answers=(*command(host), "version"),
        version=(*command(host), "--version"),
        stopped=("true",),
        listed=("sh", "-c", _LISTED),
        id=("sh", "-c", look, "sh"),
        user=(),
        build=(*command(host), "build"),
        same_users=True,
        lingers=False,
        no_answer="install apptainer (apptainer.org/docs/admin), or name it: engine_command: [/path/to/apptainer]",
        no_gpus=f"{command(host)[0]} exec --nv … needs the driver's libraries where ldconfig finds them",
        pull=(*command(host), "pull"),
        kept_in=folder_of(host),
    )


def trial(host: Host, model: Model, program: str) -> Argv:
    env = (f"{_prefixes(host)[0]}{name}={value}" for name, value in container.environment(host, model).items())
    gpus = ",".join(map(str, host.gpus))
    return ("env", *env, *_exec(host, model, "/"), "python3", "-c", program, host.dir, gpus)


def supervisor(host: Host, model: Model, batch_dir: PurePosixPath) -> Argv:
    return ("python3", "-B", str(batch_dir / SUPERVISOR), str(batch_dir))


def _exec(host: Host, model: Model, cwd: str) -> Argv:
    return (
        *(*command(host), "exec", "--nv", *ALONE),
        *_mounts(host, model),
        *("--pwd", cwd),
        *host.engine_args,
        _image(host, model),
    )


def _mounts(host: Host, model: Model) -> Iterator[str]:
    block = host.models.get(model.NAME, HostModel())
    yield from container.bind(host.dir, host.dir)
    if block.repo:
        yield from container.bind(block.repo, container.WORKSPACE, read_only=model.HOME.is_read_only)
    if block.checkpoints:
        yield from container.bind(block.checkpoints, container.CHECKPOINTS, read_only=True)
    if host.cache:
        yield from container.bind(host.cache, container.CACHE)
    for mount in host.mounts:
        source, target, *how = mount.split(":")[:3] if ":" in mount else (mount, mount)
        yield from container.bind(source, target, read_only="ro" in how)


def _image(host: Host, model: Model) -> str:
    """Its place on the host. Raises: FileError."""
    name = container.image(host, model)
    if not name.startswith("/") and not is_pulled(name):
        where = f"hosts.{host.name}.models.{model.NAME}.image"
        raise FileError(
            f"host {host.name}: models.{model.NAME}.image is {name!r}, which {host.engine} cannot find",
            hint=f"set {where} to the path of a SIF file or of a folder on the host, or to docker://NAME",
        )
    return place_of(host, name)


def _prefixes(host: Host) -> tuple[str, ...]:
    """What the names of variables begin with that are for inside: ours first, then what else would be taken in."""
    ours = f"{host.engine.upper()}ENV_"
    return (ours, *(other for other in ("APPTAINERENV_", "SINGULARITYENV_") if other != ours))
