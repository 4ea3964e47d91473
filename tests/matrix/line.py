"""The line between a project and its host: cut, frozen, refused, watched."""

import shutil

from tests import aftermath
from tests.lab import Lab


def session_killed_during_push(lab: Lab) -> None:
    client = lab.sending(300_000, bytes_per_s=600_000)
    lab.kill_sessions()
    lab.line.bytes_per_s = 0
    lab.end(client, 0, 4)
    lab.catch_up()
    lab.assert_all_well()


def session_killed_during_follow(lab: Lab) -> None:
    client = lab.start("batch")
    client.wait_for("phase: follow")
    lab.pause("after the launch", 0, 1)
    lab.kill_sessions()
    lab.end(client)
    lab.assert_all_well()


def session_killed_during_pull(lab: Lab) -> None:
    client = lab.start("batch")
    client.wait_for("phase: pull")
    lab.line.bytes_per_s = 15_000
    lab.pause("after the pull began", 0, 0.6)
    lab.kill_sessions()
    lab.line.bytes_per_s = 0
    lab.end(client)
    lab.assert_all_well()


def line_frozen_and_back(lab: Lab) -> None:
    client = lab.start("batch")
    client.wait_for(f"phase: {lab.pick('push', 'launch', 'follow', 'pull')}")
    lab.pause("later", 0, 0.3)
    was_launched = client.has_told("phase: follow")
    lab.line.freeze()
    lab.pause("frozen", *lab.pick((16, 20), (0.5, 4), (0.5, 4), (0.5, 4)))  # after 15 s ssh gives up
    lab.line.thaw()
    lab.end(client, 0, *(() if was_launched else (4,)))  # a push or launch is not tried again by itself
    lab.catch_up()
    lab.assert_all_well()


def port_refused_for_a_while(lab: Lab) -> None:
    client = lab.start("batch")
    client.wait_for("phase: follow")
    lab.pause("after the launch", 0, 0.6)
    lab.line.refuse()
    lab.line.cut()
    lab.pause("refused", 0.2, 2)
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
