"""Options, and one call into commands/ for each verb; what is printed is drawn in draw/."""

import gc

gc.set_threshold(100_000)  # what a command imports, and ten thousand runs, are no garbage: a fifth of `status`
