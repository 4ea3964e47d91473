"""What is to be shown of a project, as plain data that JSON can hold: the gallery writes it, `ui` serves it."""
