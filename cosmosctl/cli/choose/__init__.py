"""The verbs under Choose in --help."""
