"""What tests of real networks share: it takes minutes to install, and is installed once."""

from pathlib import Path

import pytest

from tests.support import network_batch
from tests.support.network_python import network_python


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python with the packages of the diffusers families."""
    return network_python(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="session")
def tiny(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny models."""
    return network_batch.tiny_models(python, tmp_path_factory.mktemp("tiny"))
