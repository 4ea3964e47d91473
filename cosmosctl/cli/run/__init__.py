"""The verbs under Run in --help."""
