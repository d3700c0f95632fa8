"""Profiles: what profiles.yaml may say, and the one line told about anything else."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from pyfcrawl.core.classifiers import unknown
from pyfcrawl.core.profiles import (
    Pinned,
    Profile,
    Synonyms,
    load_profiles,
    parse_profiles,
    select,
)
from pyfcrawl.errors import ConfigurationError

SHIPPED = Path(__file__).parents[2] / "profiles.yaml"
FULL = """\
profiles:
  plone:
    title: Plone
    collection: plone_packages
    classifiers: ["Framework :: Plone", "Framework::Zope", "Framework :: Plone"]
    npm:
      keywords: [plone, volto]
      scopes: ["@plone", "@eeacms"]
    quickstart: [plone.api, Products.CMFPlone]
    search:
      synonyms:
        - [forms, easyform,  PFG]
        - root: editor
          synonyms: [mosaic, blocks editor]
      pinned:
        Forms: [collective.easyform, "@plone/volto"]
  django:
    classifiers:
      - "Framework :: Django"
"""


def wrapped(body):
    """A file with one profile, whose keys start on line 3."""
    return "profiles:\n  plone:\n" + "".join(f"    {line}\n" for line in body.splitlines())


def told(text):
    with pytest.raises(ConfigurationError) as caught:
        parse_profiles(text, "my.yaml")
    message = str(caught.value)
    assert message.startswith("my.yaml")
    assert "\n" not in message
    assert len(message) < 500
    return message


def test_a_full_profile_and_a_small_one():
    assert parse_profiles(FULL, "my.yaml") == {
        "plone": Profile(
            name="plone",
            classifiers=("Framework :: Plone", "Framework :: Zope"),
            npm_keywords=("plone", "volto"),
            npm_scopes=("@plone", "@eeacms"),
            quickstart=("plone.api", "Products.CMFPlone"),
            collection="plone_packages",
            title="Plone",
            synonyms=(
                Synonyms(("forms", "easyform", "PFG")),
                Synonyms(("mosaic", "blocks editor"), root="editor"),
            ),
            pinned=(Pinned("Forms", ("collective.easyform", "@plone/volto")),),
        ),
        "django": Profile(name="django", classifiers=("Framework :: Django",)),
    }


def test_collection_and_title_are_the_name_unless_given():
    profile = parse_profiles(FULL, "my.yaml")["django"]
    assert (profile.collection, profile.title) == ("django", "django")
    assert Profile("x", ("A",), collection="c").collection == "c"


def test_anchors_may_be_shared():
    text = FULL.replace("classifiers:\n", "npm: {keywords: &words [a]}\n    quickstart: *words\n")
    text += "    classifiers: ['Framework :: Django']\n"
    text = text.replace('      - "Framework :: Django"\n', "")
    assert parse_profiles(text, "my.yaml")["django"].quickstart == ("a",)


@pytest.mark.parametrize(
    ("text", "line", "parts"),
    [
        ("", None, ["the file", "empty", "profiles"]),
        ("# nothing\n", None, ["the file", "empty", "profiles"]),
        ("- plone\n", 1, ["the file", "a list of 1", "profiles"]),
        ("plone", 1, ["the file", "'plone'", "profiles"]),
        ("profile: {}\n", 1, ["the file", "'profile'", "unknown", "known: profiles"]),
        ("profiles:\n", 1, ["profiles", "empty", "at least one profile"]),
        ("profiles: {}\n", 1, ["profiles", "an empty mapping", "at least one profile"]),
        ("profiles: [plone]\n", 1, ["profiles", "a list of 1", "mapping"]),
        ("profiles:\n  plone:\n", 2, ["'plone'", "empty", "classifiers"]),
        ("profiles:\n  plone: 7\n", 2, ["'plone'", "7, no text", "classifiers"]),
        ("profiles:\n  7: {classifiers: [a]}\n", 2, ["a key", "7, no text", "quotes"]),
        ("profiles:\n  [1]: {classifiers: [a]}\n", 2, ["a key", "a list of 1"]),
        ("profiles:\n  a b: {classifiers: [a]}\n", 2, ["'a b'", "letters"]),
        ("profiles:\n  a,b: {classifiers: [a]}\n", 2, ["'a,b'", "letters"]),
        (FULL.replace("django:", "plone:"), 17, ["'plone'", "twice"]),
        (wrapped("title: Plone"), 3, ["'plone'", "'classifiers'", "missing"]),
        (wrapped("classifiers: []"), 3, ["'plone'", "'classifiers'", "an empty list", "at least"]),
        (wrapped("classifiers:"), 3, ["'plone'", "'classifiers'", "is empty", "write a list"]),
        (wrapped("classifiers: Framework"), 3, ["'classifiers'", "'Framework'", "write a list"]),
        (wrapped("classifiers: {a: b}"), 3, ["'classifiers'", "a mapping", "write a list"]),
        (wrapped("classifiers:\n- a\n- 6.1"), 5, ["'classifiers'", "6.1, no text", "quotes"]),
        (wrapped("classifiers: [a, null]"), 3, ["'classifiers'", "empty", "quotes"]),
        (wrapped("classifiers: [[a]]"), 3, ["'classifiers'", "a list of 1"]),
        (wrapped("classifiers: [' ']"), 3, ["'classifiers'", "Framework :: Plone"]),
        (wrapped("classifiers: ['A :: ']"), 3, ["'classifiers'", "'A :: '", "Framework :: Plone"]),
        (wrapped("classifiers: [a]\nclassifiers: [b]"), 4, ["'plone'", "'classifiers'", "twice"]),
        (wrapped("classifiers: [a]\nsaerch: {}"), 4, ["'plone'", "'saerch'", "unknown"]),
        (wrapped("classifiers: [a]\ntitle: 12"), 4, ["'title'", "12, no text", "quotes"]),
        (wrapped("classifiers: [a]\ntitle: ''"), 4, ["'title'", "''", "leave the key out"]),
        (wrapped("classifiers: [a]\ncollection: a/b"), 4, ["'collection'", "'a/b'", "letters"]),
        (wrapped("classifiers: [a]\ncollection: .a"), 4, ["'collection'", "'.a'", "letters"]),
        (wrapped("classifiers: [a]\nnpm: {}"), 4, ["'npm'", "an empty mapping", "scopes"]),
        (wrapped("classifiers: [a]\nnpm: {scope: [a]}"), 4, ["'npm'", "'scope'", "scopes"]),
        (
            wrapped("classifiers: [a]\nnpm: {keywords: []}"),
            4,
            ["'npm'", "'keywords'", "empty list"],
        ),
        (wrapped("classifiers: [a]\nnpm: {scopes: [plone]}"), 4, ["'scopes'", "'plone'", "@"]),
        (wrapped("classifiers: [a]\nquickstart: []"), 4, ["'quickstart'", "an empty list"]),
        (wrapped("classifiers: [a]\nquickstart: [a b]"), 4, ["'quickstart'", "'a b'", "PyPI"]),
        (wrapped("classifiers: [a]\nsearch:"), 4, ["'search'", "empty", "synonyms, pinned"]),
        (wrapped("classifiers: [a]\nsearch: {pins: []}"), 4, ["'search'", "'pins'", "unknown"]),
        *(
            (wrapped(f"classifiers: [a]\nsearch:\n  {key}: {value}"), 5, [f"'{key}'", *parts])
            for key, value, *parts in (
                ("synonyms", "", "empty", "[cms, content]"),
                ("synonyms", "[]", "an empty list", "[cms, content]"),
                ("synonyms", "{a: b}", "a mapping", "list of lists"),
                ("synonyms", "[a, b]", "'a'", "write a list"),
                ("synonyms", "[[]]", "an empty list", "write a list"),
                ("synonyms", "[[a]]", "a list of 1", "two different words"),
                ("synonyms", "[[a, A]]", "a list of 2", "two different words"),
                ("synonyms", "[[a, 6.1]]", "6.1, no text", "quotes"),
                ("synonyms", "[[a, [b]]]", "a list of 1", "write a text"),
                ("synonyms", "[{root: a}]", "key 'synonyms'", "missing"),
                ("synonyms", "[{synonyms: [a]}]", "key 'root'", "missing"),
                ("synonyms", "[{root: a, synonyms: []}]", "an empty list"),
                ("synonyms", "[{root: [a], synonyms: [b]}]", "'root'", "a list of 1"),
                ("synonyms", "[{root: a, synonyms: [b], c: d}]", "'c'", "unknown"),
                ("synonyms", "[{root: a, synonyms: [b, A]}]", "'a'", "its own synonym"),
                ("pinned", "", "empty", "forms: [easyform]"),
                ("pinned", "{}", "an empty mapping", "forms: [easyform]"),
                ("pinned", "[a]", "a list of 1", "write a mapping"),
                ("pinned", "{forms: easyform}", "'forms'", "'easyform'", "write a list"),
                ("pinned", "{forms: []}", "'forms'", "an empty list"),
                ("pinned", "{forms: [a b]}", "'a b'", "package on PyPI or npm"),
                ("pinned", "{forms: ['@a']}", "'@a'", "package on PyPI or npm"),
                ("pinned", "{forms: [a], forms: [b]}", "'forms'", "twice"),
                ("pinned", "{'': [a]}", "''", "write something"),
                ("pinned", "{6: [a]}", "6, no text", "quotes"),
            )
        ),
        (wrapped("classifiers: &a [*a]"), 3, ["'classifiers'", "a list of 1"]),
        (
            FULL + "    collection: plone_packages\n",
            18,
            ["'django'", "'plone_packages'", "'plone'"],
        ),
        (FULL + "  plone_packages: {classifiers: [a]}\n", 20, ["'plone_packages'", "'plone'"]),
        (wrapped("classifiers: [a]\nnpm: {scopes: [@plone]}"), 4, ["broken YAML", "@", "quotes"]),
        (wrapped("classifiers: [a"), 4, ["broken YAML"]),
        (wrapped("classifiers: [a]\n\ttitle: b"), 4, ["broken YAML"]),
        (wrapped("classifiers: *nowhere"), 3, ["broken YAML", "nowhere"]),
        (wrapped("classifiers: [a]") + "---\na: b\n", 4, ["broken YAML", "single document"]),
        (wrapped('title: "\\UFFFFFFFF"'), None, ["broken YAML"]),
        (wrapped("title: a\0b"), None, ["broken YAML"]),
        ("[" * 5000, None, ["broken YAML"]),
        (wrapped("classifiers: !!python/name:os.system []"), 3, ["'classifiers'", "empty list"]),
        (wrapped("classifiers: [!!python/name:os.system '']"), 3, ["'classifiers'", "quotes"]),
        (wrapped("classifiers: [a]\ntitle: [" + "b, " * 9999 + "]"), 4, ["'title'", "9999"]),
        (wrapped(f"classifiers: [a]\n{'t' * 900}: b"), 4, ["unknown", "title"]),
    ],
    ids=lambda value: None if isinstance(value, int | list) else "",
)
def test_what_is_wrong_is_told_with_its_place(text, line, parts):
    message = told(text)
    assert message.startswith(f"my.yaml, line {line}: " if line else "my.yaml: ")
    assert [part for part in parts if part not in message] == []


@given(st.one_of(st.text(), st.text("[]{}:,-!&*'\"ab \n\t#|>%@").map(lambda tail: FULL + tail)))
def test_no_text_raises_anything_else(text):
    with suppress(ConfigurationError):
        profiles = parse_profiles(text, "my.yaml")
        assert all(profile.classifiers for profile in profiles.values())


def test_load(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("\ufeff" + FULL, encoding="utf-8")
    assert list(load_profiles(path)) == ["plone", "django"]


def test_load_names_the_file_in_errors(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("profiles: {}", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"mine\.yaml, line 1: profiles"):
        load_profiles(path)


@pytest.mark.parametrize("kind", ["missing", "folder", "latin", "impossible"])
def test_a_file_that_cannot_be_read(tmp_path, kind):
    path = tmp_path / ("\0" if kind == "impossible" else "mine.yaml")
    if kind == "folder":
        path.mkdir()
    elif kind == "latin":
        path.write_bytes(FULL.replace("Plone", "Plön").encode("latin-1"))
    with pytest.raises(
        ConfigurationError, match=r"PROFILES_FILE .*can't be read: .*UTF-8"
    ) as caught:
        load_profiles(path)
    assert "\n" not in str(caught.value)
    assert repr(str(path)) in str(caught.value)


def test_select_in_the_order_asked_for():
    profiles = parse_profiles(FULL, "my.yaml")
    assert select(profiles, "plone") == [profiles["plone"]]
    assert select(profiles, " django,plone,,django ") == [profiles["django"], profiles["plone"]]


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        ("plnoe", ["'plnoe'", "did you mean 'plone'?", "known: plone, django"]),
        ("plone,Django", ["'Django'", "did you mean 'django'?"]),
        ("zzz", ["'zzz'", "unknown; known: plone, django"]),
        ("", ["profile=''", "known: plone, django"]),
        (" , ", ["names no profile"]),
        ("x" * 10**6, ["unknown"]),
        ("," * 10**6, ["names no profile"]),
    ],
    ids=range(7),
)
def test_select_names_what_is_unknown(names, parts):
    with pytest.raises(ConfigurationError) as caught:
        select(parse_profiles(FULL, "my.yaml"), names)
    assert [part for part in parts if part not in str(caught.value)] == []
    assert len(str(caught.value)) < 300


def test_fingerprint_changes_with_what_decides_and_nothing_else():
    base = Profile("plone", ("Framework :: Plone", "Framework :: Zope"))
    same = Profile(
        "other",
        ("Framework::Zope", "Framework :: Plone", "Framework :: Plone"),
        npm_keywords=("plone",),
        quickstart=("plone.api",),
        collection="c",
        title="t",
        synonyms=(Synonyms(("a", "b")),),
        pinned=(Pinned("a", ("b",)),),
    )
    assert base.fingerprint() == same.fingerprint()
    assert base.fingerprint() != Profile("plone", ("Framework :: Plone",)).fingerprint()
    assert Profile("p", ("A :: B",)).fingerprint() != Profile("p", ("A", "B")).fingerprint()


def test_fingerprint_is_kept_between_releases_of_pyfcrawl():
    # Stored beside cursors: another value would make every profile look edited.
    assert Profile("plone", ("Framework :: Plone",)).fingerprint() == "78cc820432722d07"


def test_shipped_profiles():
    profiles = load_profiles(SHIPPED)
    assert list(profiles) == ["plone", "django", "flask", "fastapi", "wagtail"]
    assert profiles["plone"].classifiers == ("Framework :: Plone",)
    assert profiles["plone"].npm_keywords == ("plone", "volto")
    assert profiles["plone"].npm_scopes == ("@plone", "@plone-collective", "@eeacms")


def test_every_shipped_profile_is_sound():
    for name, profile in load_profiles(SHIPPED).items():
        assert unknown(profile.classifiers) == [], name
        assert 8 <= len({canonicalize_name(each) for each in profile.quickstart}) <= 14, name
        assert profile.title.lower() == name
