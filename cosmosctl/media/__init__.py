"""Video files: looking into them, filtering and writing them, drawing the demo scene. Knows no model's files."""
