"""Programs that stand in for the models on a machine without a GPU: the same command line, files, log and faults.

They show what a model would be given, not what it would make of it.
"""
