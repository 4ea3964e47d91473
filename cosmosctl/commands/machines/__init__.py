"""The machines that run models: written down, allowed, looked at, cleared up."""
