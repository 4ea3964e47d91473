"""`sweep`: a run in many variations, as ordinary run files. `expansion` decides, `outlook` counts, `write` does."""
