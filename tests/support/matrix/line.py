"""The line between a project and its host: cut, frozen, refused, watched."""

import shutil

from tests.support import aftermath
from tests.support.lab import Lab


def session_killed_during_push(lab: Lab) -> None:
    client = lab.sending(300_000)
    lab.kill_sessions()
    lab.line.thaw()
    lab.end(client, 0, 4)
    lab.catch_up()
    lab.assert_all_well()


def session_killed_during_follow(lab: Lab) -> None:
    client = lab.start("batch")
    client.wait_for("phase: follow")
    lab.until_some_events(or_ended=client)
    lab.kill_sessions()
    lab.end(client)
    lab.assert_all_well()


def session_killed_during_pull(lab: Lab) -> None:
    pulling, go = lab.root / "pulling", lab.root / "go"
    meets = f"""case "$*" in *--include-from*) touch '{pulling}'; while ! [ -e '{go}' ]; do sleep 0.02; done ;; esac"""
    client = lab.start("batch", env=aftermath.programs(lab.tree, rsync=meets))
    lab.until(pulling.exists, or_ended=client)
    lab.line.freeze_after(int(lab.draw("bytes", 0, 8_000)), upwards=False)
    go.touch()
    lab.until(lambda: lab.line.is_frozen, or_ended=client)
    lab.kill_sessions()
    lab.line.thaw()
    lab.end(client)
    lab.assert_all_well()


def line_frozen_and_back(lab: Lab) -> None:
    """For so short that nobody notices, or until ssh gives up."""
    client = lab.start("batch")
    lab.freeze_in(client, lab.pick("push", "launch", "follow", "pull"), 0, 2_000)
    was_launched = client.has_told("phase: follow")
    if lab.pick(True, False, False, False):
        lab.until(lambda: client.has_told("unreachable since"), or_ended=client)
    else:
        lab.until(lambda: lab.line.is_felt, or_ended=client)
    lab.line.thaw()
    lab.end(client, 0, *(() if was_launched else (4,)))  # a push or launch is not tried again by itself
    lab.catch_up()
    lab.assert_all_well()


def port_refused_for_a_while(lab: Lab) -> None:
    """For so short that nobody notices, or until the client does."""
    client = lab.start("batch")
    client.wait_for("phase: follow")
    lab.until_some_events(or_ended=client)
    lab.line.refuse()
    lab.line.cut()
    if lab.pick(True, False):
        lab.until(lambda: client.has_told("unreachable since"), or_ended=client)
    lab.line.listen()
    lab.end(client)
    lab.assert_all_well()


def answer_to_launch_lost(lab: Lab) -> None:
    client = lab.start("batch")
    sign = lab.pick("rows.txt", "lock", "events.jsonl")
    lab.until(lambda: any((folder / sign).exists() for folder in lab.folders()), or_ended=client)
    lab.line.cut()
    lab.end(client, 0, 4)
    lab.catch_up()
    lab.assert_all_well()
    assert lab.tallied("load") == 1


def wrong_host_key(lab: Lab) -> None:
    known = lab.sshd.folder / "line.known_hosts"
    right = known.read_text()
    other = " ".join((lab.sshd.folder / "other_key.pub").read_text().split()[:2])
    wrong = {"not known": "", "changed": f"[127.0.0.1]:{lab.line.port} {other}\n", "revoked": f"@revoked {right}"}
    how = lab.pick(*wrong)
    known.write_text(wrong[how])
    told = lab.tree.cli("batch", expect=4).err
    assert {"not known": "is not known here", "changed": "has changed", "revoked": "as revoked"}[how] in told
    assert how != "changed" or "ssh-keygen -R" in told
    assert not lab.dir.exists()
    known.write_text(right)
    lab.catch_up()
    lab.assert_all_well()


def output_truncated_in_flight(lab: Lab) -> None:
    mark, damage = lab.root / "damaged", lab.pick("cut short", "other bytes", "torn")
    size = int(lab.draw("bytes", 0, 1_700))
    command = {
        "cut short": f'truncate -s {size} "$file"',
        "torn": f'truncate -s {size} "$file"; code=12',
        "other bytes": f'printf x | dd of="$file" bs=1 seek={size} conv=notrunc status=none',
    }[damage]
    rsync = f"""
case "$*" in *--include-from*) ;; *) exec {shutil.which("rsync")} "$@" ;; esac
{shutil.which("rsync")} "$@"
code=$?
for file in '{lab.tree.paths.staging}'/*/pulled/done/*/output.mp4; do
    [ -e "$file" ] && [ ! -e '{mark}' ] || continue
    {command}
    touch '{mark}'
done
exit $code"""
    lab.tree.cli("batch", env=aftermath.programs(lab.tree, rsync=rsync))
    assert mark.exists()
    lab.assert_all_well()
