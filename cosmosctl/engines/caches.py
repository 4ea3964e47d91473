"""Where models keep what they download or compile: the environment variables that lead there."""

from collections.abc import Mapping


def cache_env(folder: str) -> Mapping[str, str]:
    """Variables for a host's `cache:`; `folder` is its path as the process sees it.

    HF_HOME is the folder itself, so that an existing Hugging Face cache can be named there.
    """
    return {
        "HF_HOME": folder,
        "UV_CACHE_DIR": f"{folder}/uv",
        "TORCH_HOME": f"{folder}/torch",
        "TORCHINDUCTOR_CACHE_DIR": f"{folder}/torchinductor",
        "TRITON_CACHE_DIR": f"{folder}/triton",
    }
