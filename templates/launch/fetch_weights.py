"""Fetches parts of the Hub into its cache: arguments REPOSITORY or REPOSITORY@REVISION.

What is whole is not fetched again. Its own client checks what came by its hash, and goes on with what was cut off.
Exit code 1: a sentence says why.
"""

import sys

from huggingface_hub import snapshot_download
from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError


def main(parts: "list[str]") -> int:
    """The exit code of fetching all of them."""
    for number, part in enumerate(parts, start=1):
        repository, _, revision = part.partition("@")
        print(f"weights {number}/{len(parts)}: {part}", flush=True)
        try:
            snapshot_download(repository, revision=revision or None)
        except (GatedRepoError, RepositoryNotFoundError):
            licence = f"https://huggingface.co/{repository}"
            print(
                f"{repository} is gated: accept its licence on {licence} and put HF_TOKEN=... into the host's env_file"
            )
            return 1
        except (LocalEntryNotFoundError, OSError) as error:
            print(f"{part} cannot be fetched: {str(error).strip().splitlines()[0] if str(error).strip() else error!r}")
            return 1
    print("all weights are there; HF_HUB_OFFLINE: '1' under the host's env keeps the network out from now on")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
