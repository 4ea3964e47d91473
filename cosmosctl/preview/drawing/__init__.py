"""What the pictures of a preview are made of: control videos, layers, captions. No command line, no row of a model."""
