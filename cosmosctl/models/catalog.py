"""What several families have alike: controls, and settings but for their defaults.

A family takes from here what it has; what it alone has stands in its own module. Written for somebody who edits a file:
editors and `--help` show it.
"""

from dataclasses import dataclass

from cosmosctl.domain.settings import SettingRule


@dataclass(frozen=True)
class ControlRule:
    """One control of one family.

    `usual`: the usual weights. `balanced`: its weight in a run that says none; controls without one have to be named,
    the others are those of `--weights`, in this order. `stems`: what a video of it may be called in a scene folder,
    `video` what that shows. `has_preset`: it can be made from the colour video at a strength, the same each time.
    `has_prompt`: it can be made from a text. `needs_file`: the program does not make it by itself.
    """

    about: str
    video: str
    stems: tuple[str, ...]
    usual: tuple[float, float] | None = None
    balanced: float | None = None
    has_preset: bool = False
    has_prompt: bool = False
    needs_file: bool = False


VIS = ControlRule(
    "Blurred colours and light of the video.", "A blurred video", ("vis",), (0.2, 0.4), 0.25, has_preset=True
)
EDGE = ControlRule("Canny edges.", "Edges, white on black", ("edge",), (0.3, 0.5), 0.25, has_preset=True)
DEPTH = ControlRule("Depth, near is bright.", "Depth in gray, near is bright", ("depth",), (0.1, 0.3), 0.25)
SEG = ControlRule(
    "Segmentation.",
    "A flat colour for each thing",
    ("segmentation", "seg"),
    (0.1, 0.3),
    0.25,
    has_prompt=True,
)

LAST_SEED = 2**32 - 1
"""The largest that numpy's RandomState takes, which transfer1 and cosmos3 draw their noise from."""

SEED = SettingRule(int, None, "", low=0, high=LAST_SEED, about="Seed of the noise.", examples=(1, 2, 42))
NUM_STEPS = SettingRule(
    int, 35, "", low=1, high=1000, unit="denoising steps", about="Denoising steps.", examples=(35, 20, 50)
)
GUIDANCE = SettingRule(
    float, None, "", low=0, high=100, about="How closely the video follows the prompt.", examples=(5, 7)
)
NEGATIVE_PROMPT = SettingRule(
    str,
    None,
    "",
    about="What the video should not look like.",
    otherwise="the prompt's, else the model's own text",
    examples=("cartoon, low quality",),
)
RESOLUTION = SettingRule(str, "720", "", about="Lines of the result.", examples=("720", "480"))
MAX_FRAMES = SettingRule(
    int,
    None,
    "",
    low=1,
    high=5000,
    unit="frames",
    about="Read no more frames of the input than this.",
    otherwise="all, at most 5000",
    examples=(121,),
)
OFFLOAD_MODELS = SettingRule(
    bool,
    False,
    "",
    about="Keep the model's helpers out of the GPU's memory while they idle: slower, fits a smaller GPU.",
    examples=(True,),
)
