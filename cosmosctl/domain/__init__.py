"""The values that everything else is about. Frozen, no file is read or written here."""
