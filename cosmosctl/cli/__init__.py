"""Options and drawing: a click function holds options and one call into commands/."""
