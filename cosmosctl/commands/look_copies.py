"""Look copies of the videos that a batch brought, so that a page shows them at once; the user may turn that off."""

from collections.abc import Iterable
from contextlib import suppress

from cosmosctl.domain.layout import ProjectPaths
from cosmosctl.errors import FileError
from cosmosctl.state.rated import present_video
from cosmosctl.store.looks import Looks
from cosmosctl.store.user_config import user_config


def make_look_copies(project: ProjectPaths, runs: Iterable[str]) -> None:
    """Have those of the videos that these runs have; what cannot be made now is made at first sight."""
    if not user_config().look_copies:
        return
    videos = [video for run in runs if (video := present_video(project, run)) is not None]
    with suppress(FileError), Looks(project).keeping() as looks:
        for video in videos:
            if looks.known(video.sha256) is None:
                looks.made(video.sha256, project.root / video.path, lambda done, total: None)
