"""A project, its prompts and runs: made, read from elsewhere, checked."""
