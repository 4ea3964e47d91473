"""The files that travel with the package: templates/ of the repository (_templates/ in a wheel), docs/, the page."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def template(*parts: str) -> Path:
    """The path of a shipped file or folder, such as `template("launch", "launch.sh")`."""
    installed = _PACKAGE / "_templates"
    root = installed if installed.is_dir() else _PACKAGE.parent / "templates"
    return root.joinpath(*parts)


def document(name: str) -> Path:
    """The path of a file of docs/, where whoever reads a message finds it."""
    installed = _PACKAGE / "_docs"
    return (installed if installed.is_dir() else _PACKAGE.parent / "docs") / name


def page() -> Path:
    """The folder of the page that shows results: index.html and what it is made of."""
    return _PACKAGE / "web"
