"""Look copies of the videos that a batch brought, so that a page shows them at once; the user may turn that off."""

from collections.abc import Callable, Iterable
from contextlib import suppress

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.domain.plurals import counted
from cosmosctl.errors import FileError
from cosmosctl.state.rated import present_video
from cosmosctl.store.looks import Looks
from cosmosctl.store.user_config import user_config

Progress = Callable[[str, int, int], None]
_PARTS = 1000
"""Of each video."""


def make_look_copies(project: ProjectPaths, runs: Iterable[str], progress: Progress) -> None:
    """Have those of the videos that these runs have; what cannot be made now is made at first sight."""
    if not user_config().look_copies:
        return
    videos = [video for run in runs if (video := present_video(project, run)) is not None]
    with suppress(FileError), Looks(project).keeping() as looks:
        missing = [video for video in videos if looks.known(video.sha256) is None]
        what = f"look copies of {counted(len(missing), 'video')}"
        for number, video in enumerate(missing):

            def tell(done: int, total: int, number: int = number) -> None:
                progress(what, number * _PARTS + done * _PARTS // total, len(missing) * _PARTS)

            looks.made(video.sha256, project.root / video.path, tell)
