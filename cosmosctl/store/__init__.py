"""The project on disk as values. Nothing else reads prompts, runs and cosmosctl.yaml.

New files of the user's are in `drafts` and `new_files`, which who only looks does not wait for.

ruamel.yaml and pydantic are imported only when a file really has to be parsed: a warm `load_all` does without.
"""

from cosmosctl.store.hashes import hash_file, hash_files
from cosmosctl.store.index import Index
from cosmosctl.store.problem import Problem
from cosmosctl.store.root import OUTSIDE_COMMAND, find_project, find_root, local_dir
from cosmosctl.store.snapshot import Snapshot, load_all, load_config, load_prompt, load_run

__all__ = [
    "OUTSIDE_COMMAND",
    "Index",
    "Problem",
    "Snapshot",
    "find_project",
    "find_root",
    "hash_file",
    "hash_files",
    "load_all",
    "load_config",
    "load_prompt",
    "load_run",
    "local_dir",
]
