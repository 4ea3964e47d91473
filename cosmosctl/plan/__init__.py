"""Runs into a bundle: videos and controls, groups and rows, the files of a batch. Pure but for bundle's writing."""
