"""The events of a batch whose rows several jobs share, as one stream of lines, and what the queue says of those jobs.

Fed to `python3 -` on the host, which may be a login node: one process, that sleeps. It knows no scheduler, and ends by
itself when whoever reads it goes away. Standard library only, Python 3.8 and later.

usage: python3 - BATCH_DIR SHARDS HAVE EVERY_S NAME OVER CANCELLED FORGOTTEN -- QUERY... -- ENDED...
  HAVE: SHARD:OFFSET with commas between, what is there already of each shard's events.jsonl
  EVERY_S: between two looks at the queue; 0: one look at everything, then the end
  NAME: of the scheduler, told with each of its answers
  OVER: words; states of a task that neither waits nor runs, the third field of a line of QUERY; the second is its shard
  CANCELLED: that of a task which somebody has ended: its shard is marked, and the next launch ends its rows
  FORGOTTEN: what QUERY says of jobs that it does not know
  QUERY, ENDED: commands, the numbers of the jobs are put behind; ENDED is asked when QUERY has forgotten them
Each whole line of a shard is printed with the shard's number and the line's end in the file put in front of it, so that
whoever has it knows where to go on. Lines of its own: `shards` says how many there are, `queue` what QUERY said.
exit codes: 0 all is sent and each shard has ended; 3 all is sent, and of a shard that has not ended nothing runs;
            4 a file is shorter than what is there already of it; 65 one is a link or no file. With EVERY_S 0 never 3.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

LOOK_S, LOOK_SHARD_S = 0.2, 0.01
"""Between two looks at the files, at least and for each of them: a file system that many share is not kept busy."""
QUICK_LOOKS, QUICK_S = 2, 3.0
"""How often one connection may look at the queue out of turn, as a job was interrupted, and how long after that."""
GRACE_S = 2.0
"""After a task has left the queue, for its last events to be seen from here."""
QUERY_S = 60
SHORTER, GONE, LINK, UNREAD = 4, 3, 65, 141


class Shorter(Exception):
    """A file has fewer bytes than are there already of it."""


class Shard:
    """The events file of one shard, read from `offset` on."""

    def __init__(self, batch: Path, number: int, offset: int) -> None:
        self.number, self.folder, self.offset = number, batch / "shards" / str(number), offset
        self.path = self.folder / "events.jsonl"
        self.interrupted = False
        self.done = bool(offset) and is_last(self._read(0, offset).splitlines()[-1:])

    def lines(self) -> bytes:
        """The whole lines that came since, each ready to be sent."""
        data = self._read(self.offset, -1)
        sent = []
        for line in data[: data.rfind(b"\n") + 1].splitlines(keepends=True):
            self.offset += len(line)
            self.interrupted = line.startswith(b'{"ev":"interrupted"')
            if line.startswith(b'{"') and line.endswith(b"}\n"):
                sent.append(b'{"shard":%d,"end":%d,' % (self.number, self.offset) + line[1:])
                self.done = self.done or is_last([line])
        return b"".join(sent)

    def _read(self, begin: int, size: int) -> bytes:
        """Opened anew each time: that makes NFS ask the server. Raises: Shorter."""
        try:
            with open(self.path, "rb", opener=opened) as file:
                if os.fstat(file.fileno()).st_size < self.offset:
                    raise Shorter
                file.seek(begin)
                return file.read(size)
        except FileNotFoundError:
            if self.offset:
                raise Shorter from None
            return b""

    def held(self) -> bool:
        """Whether a supervisor has its lock, as far as that can be seen from here."""
        if not is_file(self.folder / "lock"):
            return False
        try:
            with open(self.folder / "lock", opener=opened) as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False


def is_file(path: Path) -> bool:
    """What else lies in place of a file is not ours: a link leads to somebody's, and a pipe never ends."""
    return path.is_file() and not path.is_symlink()


def opened(path: str, flags: int) -> int:
    """An opener of files, for what was put there since it was looked at."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def is_last(lines: Sequence[bytes]) -> bool:
    return any(line.startswith(b'{"ev":"batch_done"') for line in lines)


class Queue:
    """What the queue last said of the jobs of the batch, asked no more often than each `every_s`."""

    def __init__(self, batch: Path, every_s: float, words: Sequence[str], query: list[str], ended: list[str]) -> None:
        self.batch, self.every_s, self.query, self.ended = batch, every_s, query, ended
        self.name, over, self.cancelled, self.forgotten = words
        self.over = over.split()
        self.asked = self.answered = 0.0
        self.live: set[str] = set()
        self.ended_by_others: set[str] = set()
        self.quick, self.said = QUICK_LOOKS, ""

    @property
    def is_known(self) -> bool:
        """Whether the last question was answered."""
        return bool(self.answered) and self.answered == self.asked

    def is_due(self, *, interrupted: bool) -> bool:
        waited = time.monotonic() - self.asked
        if not self.asked or (self.every_s and waited >= self.every_s):
            return True
        quick = interrupted and self.quick > 0 and waited >= QUICK_S
        self.quick -= quick
        return quick

    def look(self) -> bytes:
        """The line of its answer."""
        self.asked = time.monotonic()
        jobs = self._jobs()
        code, out, err = run([*self.query, jobs]) if jobs else (0, "", "")
        if code and self.forgotten in err:
            code, out = 0, ""
        if code:
            return self._line({"ev": "queue", "by": self.name, "code": code, "text": err[-500:]})
        self.answered = self.asked
        fields = [line.split("|") for line in out.splitlines()]
        self.live = {one[1] for one in fields if len(one) > 2 and one[2] not in self.over}
        self.ended_by_others = {one[1] for one in fields if len(one) > 2 and one[2] == self.cancelled} - self.live
        return self._line({"ev": "queue", "by": self.name, "code": 0, "text": out})

    def look_back(self) -> bytes:
        """The line of what the books say of jobs that the queue has forgotten; nothing where nobody keeps any."""
        jobs = self._jobs()
        code, out, _ = run([*self.ended, jobs]) if jobs else (1, "", "")
        return (
            self._line({"ev": "queue", "by": self.name, "code": 0, "text": out}) if code == 0 and out.strip() else b""
        )

    def tell(self, event: dict[str, Any]) -> bytes:
        """A line of ours."""
        stamped = {"ev": event["ev"], "t": round(time.time(), 3), **event}
        return (json.dumps(stamped, separators=(",", ":")) + "\n").encode("ascii")

    def _line(self, event: dict[str, Any]) -> bytes:
        said, before = json.dumps(event), self.said
        self.said = said
        return self.tell({"ev": "queue_same"} if said == before else event)

    def _jobs(self) -> str:
        try:
            return ",".join(word for word in (self.batch / "jobs").read_text().split() if word.isdigit())
        except OSError:
            return ""


def run(argv: list[str]) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of a command that is given its time."""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=QUERY_S)
    except subprocess.TimeoutExpired:
        return 1, "", f"{argv[0]} did not answer within {QUERY_S} s"
    except OSError as error:
        return 127, "", f"{argv[0]}: {error.strerror}"
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def main(argv: list[str]) -> int:
    batch, count, have, every_s, *words = argv[1:9]
    parted = argv.index("--", 10)
    offsets = {int(shard): int(end) for shard, _, end in (pair.partition(":") for pair in have.split(",") if pair)}
    places = [Path(batch, "shards", str(number)) for number in range(int(count))]
    told = [folder / "events.jsonl" for folder in places]
    strange = [folder for folder in places if folder.is_symlink()]
    strange += [file for file in told if os.path.lexists(file) and not is_file(file)]
    if strange:
        print(f"{strange[0]} is a link or no file: somebody has put it there, and it is not followed", file=sys.stderr)
        return LINK
    queue = Queue(Path(batch), float(every_s), words, argv[10:parted], argv[parted + 1 :])
    try:
        shards = [Shard(Path(batch), number, offsets.get(number, 0)) for number in range(len(places))]
        send(queue.tell({"ev": "shards", "count": len(shards)}))
        return watch(shards, queue)
    except Shorter:
        return SHORTER
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD


def watch(shards: list[Shard], queue: Queue) -> int:
    """The exit code, once all is sent that there is to be."""
    reader = select.poll()
    reader.register(sys.stdout.fileno(), 0)
    gone_since = 0.0
    while True:
        left = [shard for shard in shards if not shard.done]
        if left and queue.is_due(interrupted=any(shard.interrupted for shard in left)):
            send(queue.look())
        send(b"".join(shard.lines() for shard in left))
        left = [shard for shard in left if not shard.done]
        if not left or not queue.every_s:
            return 0
        gone = [shard for shard in left if queue.is_known and str(shard.number) not in queue.live and not shard.held()]
        gone_since = (gone_since or time.monotonic()) if gone else 0.0
        if gone and time.monotonic() - gone_since > GRACE_S:
            mark(gone, queue)
            send(queue.look_back())
            return GONE
        if reader.poll(max(LOOK_S, len(left) * LOOK_SHARD_S) * 1000):
            return UNREAD


def mark(gone: list[Shard], queue: Queue) -> None:
    for shard in gone:
        if str(shard.number) in queue.ended_by_others:
            with suppress(OSError):
                (shard.folder / "cancel").touch()


def send(data: bytes) -> None:
    while data:
        data = data[os.write(sys.stdout.fileno(), data) :]


if __name__ == "__main__":
    sys.exit(main(sys.argv))
