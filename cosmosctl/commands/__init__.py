"""What each verb does, whole: one a file, and the steps that several share. No options are parsed, nothing is drawn."""
