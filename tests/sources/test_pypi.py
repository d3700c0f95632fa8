"""PyPI's JSON read: the listing against a naive reader, pages against everything they may say."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name, is_normalized_name

from pyfcrawl.core.document import FIELDS, Owner, owned_by
from pyfcrawl.errors import SourceError
from pyfcrawl.sources import pypi

# --- addresses --------------------------------------------------------------------------------


def test_addresses_are_normalised_and_quoted():
    root = "https://pypi.example"
    assert pypi.index_url(root) == "https://pypi.example/simple/"
    assert pypi.project_url(root, "Plone.API") == "https://pypi.example/pypi/plone-api/json"
    url = pypi.release_url(root, "Plone_API", "1!2.0+a.b")
    assert url == "https://pypi.example/pypi/plone-api/1%212.0%2Ba.b/json"
    assert pypi.release_url(root, "a", "../b?c#d") == f"{root}/pypi/a/..%2Fb%3Fc%23d/json"


# --- the listing ------------------------------------------------------------------------------


def index(projects, serial=10**9, separators=(",", ":"), indent=None):
    body = {"meta": {"_last-serial": serial, "api-version": "1.4"}, "projects": projects}
    return json.dumps(body, separators=separators, indent=indent).encode()


def naive(body, above, expected=(), containing=""):
    """What `read_listing` ought to say, by json.loads and one project at a time."""
    payload = json.loads(body)
    newest = {}
    for each in payload["projects"]:
        name = canonicalize_name(each["name"])
        serial = int(each.get("_last-serial", 0))
        if serial > above and is_normalized_name(name) and canonicalize_name(containing) in name:
            newest[name] = max(serial, newest.get(name, serial))
    listed = {canonicalize_name(each["name"]) for each in payload["projects"]}
    return (
        sorted((serial, name) for name, serial in newest.items()),
        len(payload["projects"]),
        set(expected) - listed,
    )


def same(body, above, expected=(), containing=""):
    listing = pypi.read_listing(body, above, expected, containing)
    found = list(zip(listing.serials, listing.names, strict=True))
    assert [serial for serial, _ in found] == sorted(listing.serials)
    assert (sorted(found), listing.count, listing.missing) == naive(
        body, above, expected, containing
    )
    return listing


_NAMES = st.one_of(
    st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?", fullmatch=True),
    st.sampled_from(["", " ", "a\nb", 'x"},{"name":"y', "},", "]", "Zoë", "-", "a/b", "\u212a"]),
)
_EXTRAS = st.dictionaries(
    st.sampled_from(["x", "y"]),
    st.recursive(
        st.none() | st.text('},{[]" ab', max_size=4),
        lambda e: st.lists(e) | st.dictionaries(st.text("ab}", max_size=2), e),
        max_leaves=4,
    ),
    max_size=2,
)
_PROJECTS = st.lists(
    st.tuples(_NAMES, st.integers(-1, 40), _EXTRAS).map(
        lambda row: {"name": row[0], "_last-serial": row[1], **row[2]}
    ),
    max_size=30,
)


@given(
    _PROJECTS,
    st.integers(-1, 40),
    st.lists(st.sampled_from(["a", "b", "a-b", "zo"]), max_size=3),
    st.sampled_from(["", "a", "A_B", "."]),
    st.sampled_from([1, 40, 1 << 20]),
    st.sampled_from([None, 1]),
)
def test_a_listing_reads_as_json_loads_would(projects, above, expected, containing, block, indent):
    # Tiny blocks cut everywhere: within names, nested objects, between any two entries.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pypi, "_BLOCK", block)
        same(index(projects, indent=indent), above, expected, containing)


@pytest.mark.parametrize("odd", ["plain", "nested", "brackets in a name", "spaced"])
def test_a_listing_of_several_megabytes(odd):
    projects = [
        {"name": f"Project.{n}", "_last-serial": (n * 7919) % 60_013} for n in range(60_000)
    ]
    if odd == "nested":
        for each in projects:
            each["more"] = [{"a": {"b": 1}}, {"c": []}]
    if odd == "brackets in a name":
        for each in projects[::7]:
            each["title"] = 'x"},{"name":"y'
            each["other"] = "}," * 40
    body = index(projects, separators=(" ,  ", " : ") if odd == "spaced" else (",", ":"))
    assert len(body) > 2 * pypi._BLOCK
    listing = same(body, 30_000, ["project-1", "gone", "project-59999"])
    assert listing.missing == {"gone"}
    assert listing.entries(0, 2) == list(zip(listing.names[:2], listing.serials[:2], strict=True))


def test_blocks_are_small_where_they_can_be():
    body = index([{"name": f"Project.{n}", "_last-serial": n} for n in range(60_000)])
    sizes = [len(block) for block in pypi.list_blocks(json_raw(body))]
    assert sum(sizes) == 60_000
    assert len(sizes) > 2
    assert max(sizes) < 40_000


def json_raw(body):
    return pypi._listing_decoder.decode(body).projects


@pytest.mark.parametrize(
    "projects",
    [b"null", b"5", b"true", b'"["', b'"]"', b"{}", b'{"a":[]}', b"[1]", b"[[]]", b'[{"name":1}]',
     b"[{}]", b'[{"name":"a"},]', b'[{"name":"a","_last-serial":"x"}]', b'[{"name":"a"}', b"",
     b'[{"name":"\xff"}]', b'[{"name":"a","_last-serial":1e30}]', b"[" * 100_000,
     b'[{"name":"a","_last-serial":' + b"9" * 30 + b"}]",
     b'[{"name":"a","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}]"],
    ids=lambda body: repr(body[:32]),
)  # fmt: skip
def test_what_is_no_listing_is_refused(projects):
    with pytest.raises(SourceError, match="not a Simple index"):
        pypi.read_listing(b'{"meta":{"_last-serial":1},"projects":' + projects + b"}", 0)


@pytest.mark.parametrize(
    "body", [b"", b"<!doctype html>", b"[]", b"null", b'{"projects":[]}', b"{}"]
)
def test_what_is_no_listing_at_all_is_refused(body):
    with pytest.raises(SourceError, match="not a Simple index"):
        pypi.read_listing(body, 0)


@given(st.binary(max_size=100))
def test_no_bytes_raise_anything_else(body):
    with pytest.raises(SourceError):
        pypi.read_listing(body, 0)


@given(st.integers(1, 400))
def test_a_cut_listing_is_refused(short):
    body = index([{"name": f"p{n}", "_last-serial": n} for n in range(20)])
    with pytest.raises(SourceError):
        pypi.read_listing(body[: -min(short, len(body))], 0)


def test_a_line_break_in_one_name_leaves_the_others():
    listing = same(
        index([{"name": "a\nb", "_last-serial": 3}, {"name": "c", "_last-serial": 4}]), 0
    )
    assert listing.names == ["c"]


def test_of_two_spellings_the_newest_counts():
    rows = [("Foo.Bar", 9), ("x", 7), ("foo_bar", 5), ("foo-bar", 9)]
    listing = pypi.read_listing(index([{"name": n, "_last-serial": s} for n, s in rows]), 0)
    assert listing.entries(0, 9) == [("x", 7), ("foo-bar", 9)]


@pytest.mark.parametrize(
    ("meta", "serials", "above", "reached"),
    [
        (50, [10, 50], 0, 50),
        (50, [10, 49], 0, 49),  # the rest belongs to projects that are no more
        (50, [10], 45, 45),  # never back behind the cursor
        (10**18, [10, 20], 5, 20),  # absurd: everything to come would lie below
        (40, [10, 50], 0, 40),  # a project changed while the listing was made
        (0, [10, 50], 0, 50),
        (7, [], 0, 0),
    ],
)
def test_no_serial_that_nothing_has_reached(meta, serials, above, reached):
    rows = [{"name": f"p{n}", "_last-serial": serial} for n, serial in enumerate(serials)]
    assert pypi.read_listing(index(rows, meta), above).serial == reached


def test_mirrors_write_serials_as_text_or_not_at_all():
    body = (
        b'{"meta":{"_last-serial":"9"},"projects":[{"name":"a","_last-serial":"8"},{"name":"b"}]}'
    )
    listing = pypi.read_listing(body, -1)
    assert listing.serial == 8
    assert listing.entries(0, 2) == [("b", 0), ("a", 8)]
    assert pypi.read_listing(body, 0).names == ["a"]


# --- project pages ----------------------------------------------------------------------------


def file(uploaded="2024-01-02T03:04:05.000000Z", **more):
    return {"filename": "a-1.tar.gz", "upload_time_iso_8601": uploaded, "yanked": False} | more


def project(releases=None, info=None, **more):
    body = {"info": {"name": "A", "version": "1.0"} | (info or {}), "last_serial": 7} | more
    if releases is not None:
        body["releases"] = releases
    return pypi.read_project(json.dumps(body).encode())


def test_a_page_says_what_is_listed():
    page = project(
        {
            "0.9": [file("2020-01-01T00:00:00Z"), file("2019-01-01T00:00:00Z")],
            "1.0": [file(requires_python=">=3.9", digests={"sha256": "f0"}, size=12)],
            "0.1": [],
        },
        vulnerabilities=[{"id": "CVE-1", "details": "x" * 99, "fixed_in": ["1.0"]}],
    )
    assert (page.name, page.serial, page.latest, page.whole) == ("A", 7, "1.0", True)
    assert page.package["release_count"] == 3
    assert page.package["first_upload_timestamp"] == 1546300800
    assert page.package["vulnerabilities"][0]["id"] == "CVE-1"
    assert "details" not in page.package["vulnerabilities"][0]
    assert page.releases["0.9"]["upload_timestamp"] == 1546300800
    assert page.releases["0.1"]["upload_timestamp"] is None
    assert page.releases["1.0"]["urls"][0]["sha256"] == "f0"
    assert page.requires_python == {"0.9": None, "1.0": ">=3.9", "0.1": None}
    assert [v for v, fields in page.releases.items() if fields["is_latest"]] == ["1.0"]
    listed = {name for name in owned_by(Owner.LISTING) if not name.startswith("npm_")}
    assert set(page.package) | set(page.releases["1.0"]) == listed
    assert all(FIELDS[name].level == "package" for name in page.package)


def test_yanked_is_all_files_yanked():
    page = project(
        {
            "1.0": [file(yanked=True, yanked_reason=None), file(yanked=True, yanked_reason="oops")],
            "1.1": [file(yanked=True, yanked_reason="no"), file()],
            "1.2": [],
        }
    )
    assert page.releases["1.0"]["yanked"] is True
    assert page.releases["1.0"]["yanked_reason"] == "oops"
    assert page.releases["1.1"]["yanked"] is False
    assert page.releases["1.1"]["yanked_reason"] is None
    assert page.releases["1.2"]["yanked"] is False


def test_the_registry_defines_latest():
    releases = {"1.0": [file()], "2.0": [file()], "3.0a1": [file()]}
    assert project(releases).latest == "1.0"
    assert project(releases, {"version": None}).latest == "2.0"
    assert project(releases, {"version": " 2.0 "}).latest == "2.0"
    yanked = project(releases, {"yanked": True})
    assert yanked.releases["1.0"]["yanked"] is True


@pytest.mark.parametrize(
    ("releases", "whole"),
    [(None, False), ({}, False), ({"0.9": []}, False), ({"1.0": None}, True), ({"1.0": []}, True)],
)
def test_a_page_that_lists_not_even_its_latest_is_not_whole(releases, whole):
    page = project(releases)
    assert page.whole is whole
    assert "1.0" in page.releases
    assert ("release_count" in page.package) is whole


def test_times_are_utc_whatever_their_form():
    page = project(
        {
            "1.0": [{"upload_time": "2024-01-02T03:04:05"}],
            "1.1": [{"upload-time": "2024-01-02T05:04:05+02:00"}],
            "1.2": [{"upload_time_iso_8601": "junk", "upload_time": "2024-01-02T03:04:05"}],
            "1.3": [{"upload_time": 5}, {"upload_time": "0001-01-01"}],
            "1.4": [{"upload_time": "9999-99-99"}],
        }
    )
    moments = [page.releases[f"1.{nth}"]["upload_timestamp"] for nth in range(5)]
    assert moments[:3] == [1704164645] * 3
    assert moments[3] == -62135596800
    assert moments[4] is None


def test_depth_is_not_handed_on():
    deep = []
    for _ in range(300):
        deep = [deep]
    page = project(
        {"1.0": [file(size=deep, url={"a": deep}, digests={"sha256": deep})]},
        vulnerabilities=[{"id": deep, "aliases": ["x", deep, {"y": 1}]}],
    )
    assert page.package["vulnerabilities"][0]["aliases"] == ["x"]
    assert json.dumps([page.package, page.releases]).count("[") < 20


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b'{"info":null}', b'{"info":{}}', b'{"info":{"name":""}}',
     b'{"info":{"name":5}}', b'{"info":{"name":"a"},"releases":[]}',
     b'{"info":{"name":"a"},"releases":{"1":5}}', b'{"info":{"name":"a"},"releases":{"1":["x"]}}',
     b'{"info":{"name":"a"},"urls":{}}', b'{"info":{"name":"a"},"last_serial":"x"}', b"[" * 100_000,
     b'{"info":{"name":"a","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}}"],
    ids=lambda body: repr(body[:40]),
)  # fmt: skip
def test_what_is_no_page_is_refused(body):
    with pytest.raises(SourceError):
        pypi.read_project(body)


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda e: (
        st.lists(e, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["upload_time", "yanked", "digests", "sha256", "requires_python", "id"]
            ),
            e,
            max_size=3,
        )
    ),
    max_leaves=5,
)


@given(
    info=st.dictionaries(st.sampled_from(["name", "version", "yanked", "classifiers"]), _ANY),
    releases=_ANY | st.dictionaries(st.sampled_from(["1", "2", " ", "", "x y"]), st.lists(_ANY)),
    vulnerabilities=_ANY,
)
def test_any_page_is_read_or_refused(info, releases, vulnerabilities):
    try:
        page = project(releases, info, vulnerabilities=vulnerabilities)
    except SourceError:
        return
    assert page.latest in (None, *page.releases)
    assert all(isinstance(each, str) for each in page.classifiers)
    latest = [version for version, fields in page.releases.items() if fields["is_latest"]]
    assert latest == ([page.latest] if page.latest else [])
    assert sorted(page.requires_python) == sorted(page.releases)
    json.dumps([page.package, page.releases])


# --- release pages ----------------------------------------------------------------------------


def test_a_release_gives_its_metadata():
    info = {"name": "Plone_API", "version": "1.0", "summary": "s"}
    body = json.dumps({"info": info, "urls": []}).encode()
    assert pypi.read_release(body, "plone.api", "1.0") == info
    assert pypi.read_release(body, "plone.api", "1.0.0") == info  # spelled otherwise, the same


@pytest.mark.parametrize(
    ("info", "why"),
    [
        ({"name": "b", "version": "1.0"}, "another project"),
        ({"name": "a", "version": "1.1"}, "another version"),
        ({"name": "a", "version": "9" * 9000}, "another version"),
        ({"name": "a"}, "without name and version"),
        ({"name": "a", "version": 1.0}, "without name and version"),
        ({}, "without name and version"),
    ],
)
def test_another_release_is_refused(info, why):
    with pytest.raises(SourceError, match=why) as caught:
        pypi.read_release(json.dumps({"info": info}).encode(), "a", "1.0")
    assert len(str(caught.value)) < 200


@given(st.binary(max_size=60))
def test_junk_is_no_release(body):
    with pytest.raises(SourceError):
        pypi.read_release(body, "a", "1.0")
