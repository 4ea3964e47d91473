"""The project on disk as values, and new files of the user's. Nothing else reads prompts, runs and cosmosctl.yaml.

ruamel.yaml and pydantic are imported only when a file really has to be parsed: a warm `load_all` does without.
"""

from cosmosctl.store.drafts import prompt_mistakes, run_mistakes, write_drafts
from cosmosctl.store.hashes import hash_file, hash_files
from cosmosctl.store.index import Index
from cosmosctl.store.new_files import create_prompt, create_run, prompt_text, run_text
from cosmosctl.store.problem import Problem
from cosmosctl.store.root import OUTSIDE_COMMAND, find_project, find_root, local_dir
from cosmosctl.store.snapshot import Snapshot, load_all, load_config, load_prompt, load_run
from cosmosctl.store.videos import ALLOW_OUTSIDE, Scene, find_scene, path_words

__all__ = [
    "ALLOW_OUTSIDE",
    "OUTSIDE_COMMAND",
    "Index",
    "Problem",
    "Scene",
    "Snapshot",
    "create_prompt",
    "create_run",
    "find_project",
    "find_root",
    "find_scene",
    "hash_file",
    "hash_files",
    "load_all",
    "load_config",
    "load_prompt",
    "load_run",
    "local_dir",
    "path_words",
    "prompt_mistakes",
    "prompt_text",
    "run_mistakes",
    "run_text",
    "write_drafts",
]
