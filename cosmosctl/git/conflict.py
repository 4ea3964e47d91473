"""The marks that git leaves in a file that a merge could not join, and the two files between them."""

_BEGIN, _BASE, _MIDDLE, _END = "<<<<<<< ", "||||||| ", "=======", ">>>>>>> "


def marks_line(text: str) -> int:
    """The line, from 1, where the first conflict begins; 0 when there is none."""
    if _BEGIN not in text:
        return 0
    lines = text.splitlines()
    begin = next((number for number, line in enumerate(lines) if line.startswith(_BEGIN)), len(lines))
    middle = next((number for number, line in enumerate(lines[begin:]) if line == _MIDDLE), None)
    is_whole = middle is not None and any(line.startswith(_END) for line in lines[begin + middle :])
    return begin + 1 if is_whole else 0


def sides(text: str) -> tuple[str, str]:
    """(ours, theirs): what the file was on either side; twice the text itself where it has no marks."""
    ours: list[str] = []
    theirs: list[str] = []
    takers: tuple[list[str], ...] = (ours, theirs)
    for line in text.splitlines(keepends=True):
        if line.startswith(_BEGIN):
            takers = (ours,)
        elif line.startswith(_BASE):
            takers = ()
        elif line.rstrip("\r\n") == _MIDDLE:
            takers = (theirs,)
        elif line.startswith(_END):
            takers = (ours, theirs)
        else:
            for taker in takers:
                taker.append(line)
    return "".join(ours), "".join(theirs)
