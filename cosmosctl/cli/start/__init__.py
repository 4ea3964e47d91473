"""The verbs under Start in --help."""
