import json
import os
import struct
from pathlib import Path
from typing import Any


def read_prompts_from_file(path: str) -> list[dict[str, Any]]:
    return [json.loads(line.strip()) for line in Path(path).read_text(encoding="utf-8").splitlines(keepends=True)]


def save_video(video: Any, fps: int, H: int, W: int, video_save_quality: int, video_save_path: str) -> None:
    """The video of STANDIN_VIDEO, and what it should have been in a box that readers pass over."""
    facts = {"fps": fps, "H": H, "W": W, "quality": video_save_quality, "made_with": video.made_with}
    text = json.dumps(facts, sort_keys=True).encode()
    frames = Path(os.environ["STANDIN_VIDEO"]).read_bytes() if "STANDIN_VIDEO" in os.environ else b""
    Path(video_save_path).write_bytes(frames + struct.pack(">I4s", 8 + len(text), b"free") + text)
