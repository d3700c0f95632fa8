"""`scrapy profiles`: listed, shown and checked."""

from pathlib import Path

from tests.commands.shell import PROJECT, Shell, error_of


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "profiles.yaml"
    path.write_text(text)
    return str(path)


def test_lists_all_and_finds_those_that_come_with_it_in_order(shell: Shell) -> None:
    result = shell("profiles")
    assert (result.returncode, result.stderr) == (0, "")
    for name in ("plone", "django", "flask", "fastapi", "wagtail"):
        assert f"\n{name} " in result.stdout
    assert all(len(line) <= 80 for line in result.stdout.splitlines())


def test_shows_some_in_full(shell: Shell) -> None:
    out = shell("profiles", "plone", "flask").stdout
    assert "@plone-collective" in out
    assert "Framework :: Flask" in out
    assert "Framework :: Django" not in out
    assert shell("profiles", "-p", "flask").stdout in out
    assert shell("profiles", "-t", "flask").stdout in out


def test_an_unknown_classifier_is_told_with_the_nearest(shell: Shell, tmp_path: Path) -> None:
    text = "profiles: {a: {classifiers: ['Framework :: Plone', 'Framework :: Djanga']}}"
    result = shell("profiles", PROFILES_FILE=written(tmp_path, text))
    assert result.returncode == 1
    assert "Framework :: Plone" in result.stdout
    assert result.stderr == (
        "error: profile 'a': classifier 'Framework :: Djanga' is not known; "
        "did you mean 'Framework :: Django'?\n"
    )


def test_only_what_was_asked_for_is_checked(shell: Shell, tmp_path: Path) -> None:
    text = "profiles: {a: {classifiers: ['Nonsense']}, b: {classifiers: ['Framework :: Flask']}}"
    path = written(tmp_path, text)
    assert shell("profiles", "b", PROFILES_FILE=path).returncode == 0
    assert shell("profiles", "a", PROFILES_FILE=path).returncode == 1


def test_a_broken_file_is_told_in_one_line(shell: Shell, tmp_path: Path) -> None:
    path = written(tmp_path, "profiles:\n  a: {classifiers: []}")
    error = error_of(shell("profiles", PROFILES_FILE=path))
    assert path in error
    assert "'classifiers'" in error
    assert "can't be read" in error_of(shell("profiles", PROFILES_FILE=str(tmp_path / "none")))


def test_unknown_names(shell: Shell) -> None:
    assert "did you mean 'plone'?" in error_of(shell("profiles", "plonee"))
    assert "no profile has this collection" in error_of(shell("profiles", "-t", "none"))
    assert "names no profile" in error_of(shell("profiles", "-p", ""))


def test_nothing_is_made_by_looking(shell: Shell) -> None:
    shell("profiles")
    assert (PROJECT / "profiles.yaml").exists()
    assert not shell.data.exists()
