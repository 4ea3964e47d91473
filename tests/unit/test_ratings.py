"""ratings.yaml as values: lines that any two of git's sides can be joined of, and what counts of them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmosctl.commands.look.runs_wanted import fits, rank
from cosmosctl.errors import FileError
from cosmosctl.results.ratings import (
    HEAD,
    Opinion,
    Rating,
    add_ratings,
    opinion_of,
    rating_line,
    ratings_in,
    read_ratings,
    trouble,
)

VIDEO, OTHER = "a1" * 32, "0" * 64


def rated(
    author: str = "ada", at: str = "2026-11-29T01:00:00Z", *, video: str = VIDEO, note: str = "", **more: int | bool
) -> Rating:
    return Rating(video=video, kind="result", author=author, at=at, note=note, **more)  # type: ignore[arg-type]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(author=TEXTS.filter(bool), note=TEXTS, stars=st.none() | st.integers(1, 5), accepted=st.none() | st.booleans())
def test_an_entry_is_one_line_and_reads_back_whatever_is_in_it(
    author: str, note: str, stars: int | None, accepted: bool | None
) -> None:
    one = Rating(video=OTHER, kind="result", author=author, stars=stars, accepted=accepted, note=note, at="x")
    line = rating_line(one)
    assert line.count("\n") == 1 == len(line.splitlines())
    assert ratings_in(HEAD + line) == (one,)


def test_of_each_author_the_newest_of_the_video_counts() -> None:
    entries = [
        rated(stars=2, at="2026-11-29T03:00:00Z"),
        rated(stars=5, at="2026-11-29T02:00:00Z"),
        rated("bob", stars=5, accepted=True),
        rated("eve", video=OTHER, stars=1),
        rated("dan", stars=1),
        rated("dan", at="2026-11-30T00:00:00Z"),
    ]
    found = opinion_of(entries, VIDEO)
    assert (found.stars, found.accepted, found.words) == (3.5, True, "3.5 accepted")
    assert opinion_of(entries, OTHER).words == "1"
    assert opinion_of(entries, "b" * 64) == Opinion()


def test_those_who_disagree_are_told_apart() -> None:
    found = opinion_of([rated(accepted=True), rated("bob", accepted=False)], VIDEO)
    assert (found.accepted, found.is_disputed, found.words) == (None, True, "disputed")


@pytest.mark.parametrize(
    ("words", "fitting"),
    [
        ("4+", [False, True, True]),
        ("3-", [False, False, False]),
        ("4", [False, True, False]),
        ("accepted", [False, False, True]),
        ("unrated", [True, False, False]),
        ("rated", [False, True, True]),
    ],
)
def test_a_list_takes_the_ratings_that_are_asked_for(words: str, fitting: list[bool]) -> None:
    several = [Opinion(), Opinion((rated(stars=4),)), Opinion((rated(stars=5, accepted=True),))]
    assert [fits(words, one) for one in several] == fitting
    ranks = [rank(one) for one in several]
    assert ranks == sorted(set(ranks))


def test_entries_are_added_below_what_a_person_wrote_and_a_line_without_its_end(tmp_path: Path) -> None:
    file = tmp_path / "ratings.yaml"
    mine = f'# mine\n- video: "{VIDEO}"\n  kind: result\n  author: eve\n  stars: 3\n  at: 2026-11-01T00:00:00Z'
    file.write_text(mine)
    add_ratings(file, [rated(stars=4)])
    assert file.read_text().startswith(f"{mine}\n- {{video: ")
    assert [one.stars for one in read_ratings(file)] == [3, 4]
    add_ratings(file, [rated("bob", stars=1)])
    assert [one.author for one in read_ratings(file)] == ["eve", "ada", "bob"]


def test_what_cannot_be_added_to_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "ratings.yaml"
    file.write_text("stars: 4\n")
    with pytest.raises(FileError, match="no line can be added"):
        add_ratings(file, [rated(stars=4)])
    assert file.read_text() == "stars: 4\n"


def test_the_marks_of_a_conflict_lose_no_entry() -> None:
    lines = [rating_line(rated(name, stars=2)) for name in ("ada", "bob", "eve")]
    text = f"{HEAD}{lines[0]}<<<<<<< HEAD\n{lines[1]}=======\n{lines[2]}{lines[1]}>>>>>>> theirs\n"
    assert [one.author for one in ratings_in(text)] == ["ada", "bob", "eve"]


def test_an_entry_that_is_torn_takes_no_other_with_it() -> None:
    lines = [rating_line(rated(name, stars=2)) for name in ("ada", "bob")]
    assert [one.author for one in ratings_in(f"{lines[0]}- {{video: \n{lines[1]}- 4\n")] == ["ada", "bob"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        (HEAD, ""),
        (rating_line(rated(stars=4)), ""),
        ("stars: 4\n", "it is no list"),
        ("- {stars: 4}\n", "entry 1 is no rating"),
        (rating_line(rated(stars=5)).replace("5,", "6,"), "stars from 1 to 5"),
        ("- {video: \n", "line "),
    ],
)
def test_what_is_wrong_with_a_file_of_ratings_is_told(text: str, words: str) -> None:
    assert words in trouble(text)
    assert bool(words) == bool(trouble(text))
