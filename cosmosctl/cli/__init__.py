"""Options, and one call into commands/ for each verb; what is printed is drawn in draw/."""
