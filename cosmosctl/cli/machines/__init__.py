"""The verbs under Machines in --help."""
