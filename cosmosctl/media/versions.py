"""Parts of the keys of what is computed here: one counts up when the same video gives other pixels, or other facts.

They stand apart from the work itself: whoever only looks for what is kept waits for no decoder.
"""

CONTROL_VERSION = 2
"""Of `control`: the same clip and preset."""
LOOK_VERSION = 2
"""Of `look`."""
