"""What `host check` makes of what it found: a word and the command that mends it, for each thing. Pure."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cosmosctl import engines, models, schedulers
from cosmosctl.domain.ids import command
from cosmosctl.domain.plurals import counted
from cosmosctl.domain.project import Host, HostModel
from cosmosctl.engines.building import build_command
from cosmosctl.engines.protocol import Images
from cosmosctl.engines.pulled import is_pulled
from cosmosctl.io.checked import whole_in
from cosmosctl.transport.rsync import rsync_complaint

Verdict = Literal["PASS", "WARN", "FAIL", "SKIP"]
Facts = Mapping[str, str]
"""Name -> value, as check.sh and trial.py print them; what they did not look at is not there."""

ROOM_KIB = 20 << 20
"""Free space below which is warned: a pool and a batch of a hundred videos."""
SKEW_S = 60
"""Difference of the clocks that makes times in receipts misleading."""


@dataclass(frozen=True)
class Finding:
    """One line of `host check`. `mend` is what to type; "" when there is nothing to do."""

    name: str
    verdict: Verdict
    words: str
    mend: str = ""


def queue_findings(host: Host, facts: Facts) -> Iterator[Finding]:
    """What a queue answered to the questions of `host check`."""
    queue = schedulers.queue(host)
    if queue is None:
        return
    if "queue-version" not in facts:
        said = facts.get("queue-version-failed", "no answer")
        yield Finding("queue", "FAIL", said, queue.hint(said))
        return
    yield Finding("queue", "PASS", facts["queue-version"])
    there = "; ".join(line for line in facts.get("queue-partitions", "").split(";") if line)
    yield Finding("partitions", "PASS" if there else "WARN", there or facts.get("queue-partitions-failed", "none told"))
    never = queue.trouble(host, facts.get("queue-limits", ""))
    refused = facts.get("queue-test-failed", "")
    if refused or never:
        yield Finding("job", "FAIL", refused or never, queue.hint(refused or never))
    else:
        yield Finding("job", "PASS", queue.taken(facts.get("queue-test", "")) or "it would be taken")


@dataclass(frozen=True)
class Looked:
    """All that was asked about a host: `skew_s` between the clocks, `here` the `rsync --version` of this machine."""

    host: Host
    model: str
    facts: Facts
    here: str
    skew_s: float

    @property
    def block(self) -> HostModel:
        return self.host.models.get(self.model, HostModel())

    @property
    def images(self) -> Images | None:
        """What the engine says of images; None where it has none."""
        return engines.of(self.host).images(self.host)

    def fact(self, name: str) -> str:
        return self.facts.get(name, "").strip()


def findings(looked: Looked) -> tuple[Finding, ...]:
    """Every check in order of what a batch needs first."""
    return (
        *_ways(looked),
        *_machine(looked),
        *_folder(looked),
        *(_gpus(looked) if looked.host.scheduler is None else queue_findings(looked.host, looked.facts)),
        *_engine(looked),
        *_files(looked),
        *_trial(looked),
    )


def worst(found: Sequence[Finding]) -> Verdict:
    """FAIL when something has failed, WARN when something is warned of, else PASS."""
    verdicts = {one.verdict for one in found}
    return "FAIL" if "FAIL" in verdicts else "WARN" if "WARN" in verdicts else "PASS"


def _ways(looked: Looked) -> Iterator[Finding]:
    address = looked.host.address
    if address is None:
        yield Finding("ssh", "SKIP", "the host is this machine")
    else:
        yield Finding("ssh", "PASS", f"{address} let us in, its host key is known")
    for name, text in (("rsync here", looked.here), ("rsync there", looked.fact("rsync"))):
        if "version" not in text:
            yield Finding(name, "FAIL", "it is not installed", _on(looked, name, "apt-get install rsync"))
        elif rsync_complaint(text):
            yield Finding(name, "FAIL", rsync_complaint(text), _on(looked, name, "apt-get install rsync"))
        else:
            yield Finding(name, "PASS", text.split("protocol")[0].strip())


def _machine(looked: Looked) -> Iterator[Finding]:
    yield Finding("system", "PASS", f"{looked.fact('system')}, we are {looked.fact('user').split(' ')[0]} there")
    if looked.fact("flock"):
        yield Finding("flock", "PASS", looked.fact("flock"))
    else:
        yield Finding("flock", "FAIL", "it is not installed", _on(looked, "there", "apt-get install util-linux"))
    if abs(looked.skew_s) <= SKEW_S:
        yield Finding("clock", "PASS", "the clocks agree")
    else:
        mend = _on(looked, "there", "timedatectl set-ntp true")
        yield Finding("clock", "WARN", f"its clock is {looked.skew_s:+.0f} s off ours", mend)


def _folder(looked: Looked) -> Iterator[Finding]:
    dir, state = looked.host.dir, looked.fact("dir")
    if state == "ours":
        yield Finding("dir", "PASS", f"{dir} is ours and writable")
    else:
        mend = f"set hosts.{looked.host.name}.dir in cosmosctl.yaml to a folder of your own"
        yield Finding("dir", "FAIL", f"{dir}: {state or 'not looked at'}", mend)
    free = whole_in(looked.fact("free-kib"))
    if free is not None:
        plenty = free >= ROOM_KIB
        mend = "" if plenty else command("gc", looked.host.name)
        yield Finding("free space", "PASS" if plenty else "WARN", f"{free / (1 << 20):.1f} GiB in {dir}", mend)
    else:
        yield Finding("free space", "WARN", "cannot be told")
    yield _leftovers(looked)


def _leftovers(looked: Looked) -> Finding:
    all_of, _, unfinished = looked.fact("batches").partition(" ")
    batches, open_ = whole_in(all_of) or 0, whole_in(unfinished) or 0
    used, stopped = whole_in(looked.fact("used-kib")) or 0, whole_in(looked.fact("containers")) or 0
    there = f"{counted(batches, 'batch', 'batches')}, {open_} of them unfinished, {used / 1024:.0f} MiB"
    words = f"{there}, {counted(stopped, 'stopped container')}"
    many = used > ROOM_KIB
    return Finding("leftovers", "WARN" if many else "PASS", words, command("gc", looked.host.name) if many else "")


def _gpus(looked: Looked) -> Iterator[Finding]:
    if looked.host.is_preview:
        yield Finding("GPU", "SKIP", "a preview needs none")
        return
    found = [line for line in looked.fact("gpus").split(";") if line.strip()]
    wanted = [gpu for gpu in looked.host.gpus if gpu >= len(found)]
    if not found and _trial_gpus(looked).verdict == "PASS":
        yield Finding("GPU", "WARN", "nvidia-smi is not in PATH there, but the container sees its GPUs")
    elif not found:
        yield Finding("GPU", "FAIL", "nvidia-smi tells of none", "install NVIDIA's driver there, then: nvidia-smi")
    elif wanted:
        mend = f"set hosts.{looked.host.name}.gpus to some of {list(range(len(found)))}"
        yield Finding("GPU", "FAIL", f"there is no GPU {wanted[0]}", mend)
    else:
        yield Finding("GPU", "PASS", "; ".join(line.strip() for line in found))
    busy = [line.strip() for line in looked.fact("gpu-users").split(";") if line.strip()]
    words = f"in use by {', '.join(busy)}" if busy else "nobody computes on them now"
    yield Finding("GPU use", "WARN" if busy else "PASS", words, "nvidia-smi shows whose" if busy else "")
    shared = looked.fact("locks") == "drwxrwxrwt"
    mend = "" if shared else _on(looked, "there", "sudo install -d -m 1777 /var/tmp/cosmosctl")
    words = "/var/tmp/cosmosctl is open to all" if shared else "/var/tmp/cosmosctl is not open to all users"
    yield Finding("GPU locks", "PASS" if shared else "WARN", words, mend)


def _engine(looked: Looked) -> Iterator[Finding]:
    engine, asked = looked.host.engine, looked.images
    if asked is None:
        yield Finding("engine", "SKIP", f"{engine} needs no container engine")
        return
    if looked.fact("engine") != "yes":
        yield Finding("engine", "FAIL", looked.fact("engine") or "no answer", asked.no_answer)
        return
    yield Finding("engine", "PASS", looked.fact("engine-version"))
    image = looked.block.image or ""
    if looked.fact("image"):
        yield Finding("image", "PASS", f"{image} is {looked.fact('image').removeprefix('sha256:')[:12]}")
    else:
        yield _no_image(looked, image)
    yield _linger(looked)


def _no_image(looked: Looked, image: str) -> Finding:
    build = _on(looked, "there", build_command(looked.host, looked.model))
    if is_pulled(image):
        return Finding("image", "WARN", f"{image} is not there yet; the next batch pulls it", build)
    kept = looked.images is not None and looked.images.kept_in
    words = f"{image}: {looked.fact('image-trouble')}" if kept and image else f"{image or 'no image'} is not there"
    return Finding("image", "FAIL", words, build)


def _linger(looked: Looked) -> Finding:
    user, _, uid = looked.fact("user").partition(" ")
    if looked.images is None or not looked.images.lingers or uid == "0":
        return Finding("lingering", "SKIP", "only rootless podman needs it")
    if looked.fact("linger") == "yes":
        return Finding("lingering", "PASS", f"containers of {user} go on after logout")
    mend = _on(looked, "there", f"sudo loginctl enable-linger {user}")
    return Finding("lingering", "WARN", f"systemd may end the containers of {user} at logout", mend)


def _files(looked: Looked) -> Iterator[Finding]:
    block, host = looked.block, looked.host
    for name, path in (("repo", block.repo), ("checkpoints", block.checkpoints), ("cache", host.cache)):
        state = looked.fact(name).split(" ")[0]
        where = f"hosts.{host.name}.cache" if name == "cache" else f"hosts.{host.name}.models.{looked.model}.{name}"
        if path is None and name == "cache" and looked.images and looked.images.kept_in:
            words = f"{where} is not set, and nothing in the container can be written to: weights and compiled code"
            yield Finding(name, "WARN", words, f"set {where} to a folder with room for them")
        elif path is None:
            yield Finding(name, "SKIP", f"{where} is not set")
        elif state == "there" or (name == "cache" and state == "empty"):
            yield Finding(name, "PASS", path)
        else:
            yield Finding(name, "FAIL", f"{path} is {state or 'not looked at'}", f"correct {where}, or make it there")
    if looked.fact("within"):
        words = f"between commits {' and '.join(_short(looked.fact('within')))}: settings with distilled fail there"
        yield Finding("repo", "WARN", words, _on(looked, "there", f"git -C {shlex.quote(str(block.repo))} pull"))
    yield _hub(looked)
    state = looked.fact("env-file")
    if host.env_file is None:
        yield Finding("env_file", "SKIP", "no secrets are configured")
    elif state.startswith("readable"):
        others = state.split(" ")[-1] == "r"
        mend = _on(looked, "there", f"chmod 600 {shlex.quote(host.env_file)}") if others else ""
        yield Finding("env_file", "WARN" if others else "PASS", "all can read it" if others else "readable", mend)
    else:
        yield Finding("env_file", "FAIL", f"{host.env_file} is not readable", f"correct hosts.{host.name}.env_file")


def _short(span: str) -> tuple[str, ...]:
    """The first digits of the two commits of a span."""
    return tuple(commit[:7] for commit in span.split("..")[:2])


def _hub(looked: Looked) -> Finding:
    missing = looked.fact("hub-missing").split()
    if looked.host.cache is None:
        return Finding("hub models", "SKIP", "without cache: the model may download them each time")
    if not missing:
        return Finding("hub models", "PASS", "what the model loads by name is cached")
    offline = looked.host.env.get("HF_HUB_OFFLINE") == "1"
    words = f"not cached: {', '.join(missing)}" + (", and HF_HUB_OFFLINE is set" if offline else "")
    return Finding("hub models", "FAIL" if offline else "WARN", words, _fetched(looked, missing))


def _fetched(looked: Looked, missing: Sequence[str]) -> str:
    """The command that brings these into the cache: our own, of a family whose packages we install."""
    if models.get(looked.model).HOME.program and looked.images is None:
        return command("host", "setup", looked.host.name, "--weights")
    mend = "; ".join(f"HF_HOME={looked.host.cache} hf download {name}" for name in missing)
    return _on(looked, "there", mend)


def _trial(looked: Looked) -> Iterator[Finding]:
    python, said = looked.fact("trial-python"), looked.fact("trial-errors")
    if not any(name.startswith("trial-") for name in looked.facts):
        yield Finding("trial", "SKIP", "nothing to try: see engine and image")
        return
    if not python:
        mend = "it takes the mounts of a batch: correct the path that is named, or the image"
        yield Finding("trial", "FAIL", said or "it said nothing", mend)
        return
    way = "through the image's entrypoint" if looked.images and looked.images.user else "in the image"
    yield Finding("trial", "PASS", f"python3 {python} {way}")
    writes = looked.fact("trial-writes")
    mend = "" if writes.startswith("yes") else "let the image's user write there, or engine_args: [--user=…]"
    yield Finding("trial writes", "PASS" if not mend else "FAIL", f"files in dir: {writes}", mend)
    reads = looked.fact("trial-reads") == "yes"
    words = "prompts and videos there are closed to other users"
    open_words = (
        "the image's user cannot read what only you can: other users of the machine can read prompts and videos"
    )
    mend = "" if reads else "an image whose user is root, or engine_args: [--user=…] with your own number"
    yield Finding("trial reads", "PASS" if reads else "WARN", words if reads else open_words, mend)
    if looked.host.cache is not None and not looked.fact("trial-cache-writes").startswith("yes"):
        words = f"{looked.host.cache}: {looked.fact('trial-cache-writes') or 'not there'}"
        mend = f"chmod u+rwX {shlex.quote(looked.host.cache)}"
        yield Finding("trial cache", "FAIL", words, _on(looked, "there", mend))
    yield _trial_gpus(looked)


def _trial_gpus(looked: Looked) -> Finding:
    seen = looked.fact("trial-gpus")
    if looked.host.scheduler is not None:
        words = f"on a compute node: {seen.partition(' ')[2] or 'none'}"
        return Finding("trial GPU", "PASS" if seen[:1].isdigit() else "FAIL", words, "" if seen else "gres of the host")
    if not looked.host.gpus or looked.host.is_preview:
        return Finding("trial GPU", "SKIP", "none is configured")
    if seen.split(" ")[0] == str(len(looked.host.gpus)):
        return Finding("trial GPU", "PASS", seen.partition(" ")[2])
    mend = looked.images.no_gpus if looked.images else ""
    return Finding("trial GPU", "FAIL", f"the container sees {seen or 'none'}", mend)


def _on(looked: Looked, where: str, command: str) -> str:
    """`command`, to be typed on the host when it is another machine."""
    return command if looked.host.address is None or where == "rsync here" else f"on {looked.host.name}: {command}"
