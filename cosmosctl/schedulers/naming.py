"""What the jobs of batches are called, in whatever queue."""


def job_name(folder: str) -> str:
    """All users of the site see it: of the batch's name only its key."""
    return f"cosmosctl-{folder.rpartition('-')[2]}"
