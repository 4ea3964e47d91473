"""What the program that travels computes before any network runs, as JSON: `python network_facts.py PROGRAM MODEL`.

Run by the Python that has diffusers: the sigmas of 35 steps by the scheduler as rows have it, and vis of one picture.
"""

import json
import sys

import numpy as np


def main() -> None:
    sys.path.insert(0, sys.argv[1])
    import transfer25
    from diffusers import UniPCMultistepScheduler

    published = UniPCMultistepScheduler.from_pretrained(f"{sys.argv[2]}/diffusers/general", subfolder="scheduler")
    scheduler = transfer25.near_native(published)
    scheduler.set_timesteps(35)
    picture = np.random.default_rng(1).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    blurred = {preset: transfer25.blurred(picture, preset).tolist() for preset in ("low", "medium", "very_high")}
    print(json.dumps({"sigmas": scheduler.sigmas[:35].tolist(), "vis": blurred}))


if __name__ == "__main__":
    main()
