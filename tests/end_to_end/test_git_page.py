"""docs/git.md: every command of it is run, in order, and does what the page says."""

import re
import subprocess
from pathlib import Path

from tests import clips
from tests.support.newcomer import newcomer
from tests.support.tree import REPOSITORY
from tests.support.waiting import PATIENCE_S

PAGE = (REPOSITORY / "docs/git.md").read_text(encoding="utf-8")


def test_the_commands_of_the_page_work_as_they_stand(tmp_path: Path) -> None:
    root = tmp_path / "project"
    clips.scene(root / "inputs/videos/street", width=64, height=36)
    (tmp_path / "videos").mkdir()  # the newcomer's ~/videos
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.S)
    assert len(blocks) > 4
    prompt = "cosmosctl create prompt 'a street' inputs/videos/street --id ps_street\n"
    run = "cosmosctl create run ps_street --id rs_base\ngit add -A\ngit commit -qm base\n"
    script = "".join((blocks[0], prompt, run, *blocks[1:2], "git checkout look\n", *blocks[2:]))
    done = subprocess.run(
        ("sh", "-eux", "-c", script),
        cwd=root,
        env=newcomer(tmp_path),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(root.glob("runs/rs_look/preview/outputs/output.mp4"))
    seen = subprocess.run(
        ("git", "-C", str(root), "ls-files"), capture_output=True, text=True, check=True, timeout=PATIENCE_S
    ).stdout.splitlines()
    assert {"cosmosctl.yaml", "prompts/ps_street.yaml", "runs/rs_look/run.yaml", ".gitignore", ".gitattributes"} <= set(
        seen
    )
    assert not [name for name in seen if name.endswith(".mp4") or name.startswith(".cosmosctl/")]
