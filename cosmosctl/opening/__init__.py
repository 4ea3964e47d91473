"""What waits for a project when a command opens it: results that came home meanwhile, marks of earlier versions."""
