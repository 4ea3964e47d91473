"""The verbs under Look in --help."""
