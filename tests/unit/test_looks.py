"""What tells the runs of one prompt apart, in few words."""

from cosmosctl.commands.look.looks import look
from cosmosctl.domain.project import Control, Run


def test_of_a_file_its_name_is_told_and_of_a_prompt_all() -> None:
    run = Run(
        id="rs_a",
        prompt="ps_a",
        controls=(Control("depth", 0.4, input="inputs/a/depth.mp4"), Control("seg", 0.2, prompt="car/bus. road")),
    )
    assert look(run) == {"weights": "-/-/0.4/0.2", "depth input": "depth:depth.mp4", "seg prompt": "seg:car/bus._road"}
