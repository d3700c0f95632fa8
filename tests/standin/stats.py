"""Stand-ins for what counts downloads: pypistats's API, and a ClickHouse with ClickPy's tables.

The ClickHouse runs the very SQL it is sent, on the embedded ClickHouse of `chdb`; it is loaded with
the first query, so tests that need none don't wait for it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

from packaging.utils import canonicalize_name

from tests.standin.faults import JSON, Answer

#: As https://github.com/ClickHouse/clickpy makes them.
TABLES = (
    "CREATE DATABASE IF NOT EXISTS pypi",
    """
    CREATE TABLE pypi.pypi_downloads_per_day_by_version_by_installer_by_type (
        project String, version String, date Date, installer String,
        type Enum8('bdist_wheel' = 0, 'sdist' = 1), count Int64
    ) ENGINE = SummingMergeTree ORDER BY (project, version, date, installer)
    """,
    """
    CREATE TABLE pypi.pypi_downloads_per_day (date Date, project String, count Int64)
    ENGINE = SummingMergeTree ORDER BY (project, date)
    """,
    """
    CREATE TABLE pypi.projects (
        metadata_version String, name String, version String, classifiers Array(String)
    ) ENGINE = MergeTree ORDER BY name
    """,
)

#: (day, version, downloads without mirrors)
Rows = list[tuple[str, str, int]]


class Warehouse:
    """A ClickHouse of its own, in this process; there can be one at a time."""

    def __init__(self) -> None:
        from chdb.session import Session

        self._session = Session()
        for statement in TABLES:
            self._session.query(statement)

    def fill(self, downloads: list[dict[str, Any]], projects: list[dict[str, Any]]) -> None:
        """Put rows into the tables, in place of what was there."""
        table = "pypi_downloads_per_day_by_version_by_installer_by_type"
        of_day = [
            {"date": e["date"], "project": e["project"], "count": e["count"]} for e in downloads
        ]
        self._insert(table, downloads)
        self._insert("pypi_downloads_per_day", of_day)
        self._insert("projects", projects)

    def _insert(self, table: str, rows: list[dict[str, Any]]) -> None:
        self._session.query(f"TRUNCATE TABLE pypi.{table}")
        if rows:
            lines = "\n".join(json.dumps(row) for row in rows)
            self._session.query(f"INSERT INTO pypi.{table} FORMAT JSONEachRow {lines}")

    def close(self) -> None:
        """Make room for another one."""
        self._session.close()

    def query(self, sql: str, parameters: dict[str, str], settings: dict[str, Any]) -> bytes:
        """The answer as ClickHouse writes it; raises RuntimeError with its complaint."""
        given = ", ".join(f"{name} = {value!r}" for name, value in settings.items())
        if given:
            head, _, form = sql.rpartition("FORMAT")
            sql = f"{head} SETTINGS {given} FORMAT{form}"
        return bytes(self._session.query(sql, "JSONCompactEachRow", params=parameters).bytes())


class Stats:
    """What the service mounts (see `Service.mounted`); numbers are without mirrors."""

    mount = ""

    def __init__(self) -> None:
        self._packages: dict[str, dict[str, Any]] = defaultdict(dict)
        self._mirrors: list[tuple[str, str, str, int]] = []
        self._classifiers: dict[str, list[str]] = {}
        self._warehouse: Warehouse | None = None
        self._stale = True
        self._password = ""
        self._cap: dict[str, int] = {}
        self._queries: list[str] = []

    # --- operations ---------------------------------------------------------------------------

    def clear(self) -> None:
        """Forget everything but the server itself."""
        warehouse = self._warehouse
        self.__init__()  # type: ignore[misc]
        self._warehouse = warehouse

    def days(self, name: str, rows: Rows) -> None:
        """Set a package's days, by version, for pypistats and ClickHouse."""
        self._packages[canonicalize_name(name)]["rows"] = [tuple(each) for each in rows]
        self._stale = True

    def mirrored(self, name: str, day: str, version: str, count: int) -> None:
        """Downloads by mirrors, which ClickHouse has and pypistats tells apart."""
        self._mirrors.append((canonicalize_name(name), day, version, count))
        self._stale = True

    def recent(self, name: str, last_day: int, last_week: int, last_month: int) -> None:
        """Set what pypistats says of the last day, week and month."""
        self._packages[canonicalize_name(name)]["recent"] = {
            "last_day": last_day,
            "last_week": last_week,
            "last_month": last_month,
        }

    def project(self, name: str, classifiers: list[str]) -> None:
        """A project of ClickHouse's table of projects."""
        self._classifiers[name] = classifiers
        self._stale = True

    def configure(self, password: str | None = None, **cap: int) -> None:
        """Ask for a password; or cut answers: rows, row (of arrays, to that many entries); or
        refuse to have settings changed: readonly."""
        if password is not None:
            self._password = password
        else:
            self._cap = cap

    def queries(self) -> list[str]:
        """SQL that came in."""
        return self._queries

    # --- answers ------------------------------------------------------------------------------

    def answer(self, method: str, path: str, head: bytes, body: bytes) -> Answer:
        """pypistats or ClickHouse, by `mount`."""
        if self.mount == "clickhouse":
            return self._clickhouse(path, head, body)
        parts = urlsplit(path)
        found = [unquote(each) for each in parts.path.split("/")]
        if len(found) != 5 or found[1:3] != ["api", "packages"] or found[3] not in self._packages:
            return Answer(404, b"<h1>404</h1>", "text/html")
        package = self._packages[found[3]]
        if found[4] == "recent":
            data: Any = package.get("recent") or _recent(package.get("rows", []))
        else:
            data = self._overall(found[3], parse_qs(parts.query))
        kind = {"recent": "recent_downloads"}.get(found[4], "overall_downloads")
        answer = {"data": data, "package": found[3], "type": kind}
        return Answer(200, json.dumps(answer).encode(), JSON)

    def _overall(self, name: str, asked: dict[str, list[str]]) -> list[dict[str, Any]]:
        days: dict[str, int] = defaultdict(int)
        for day, _, count in self._packages[name].get("rows", []):
            days[day] += count
        rows = [
            {"category": category, "date": day, "downloads": count + extra}
            for day, count in sorted(days.items())
            for category, extra in (("with_mirrors", 10), ("without_mirrors", 0))
        ]
        if asked.get("mirrors") == ["false"]:
            rows = [row for row in rows if row["category"] == "without_mirrors"]
        first, last = asked.get("start_date", [""])[0], asked.get("end_date", ["9"])[0]
        return [row for row in rows if first <= row["date"] <= last]

    def _clickhouse(self, path: str, head: bytes, body: bytes) -> Answer:
        given = dict(parse_qsl(urlsplit(path).query))
        if self._password and f"\r\nx-clickhouse-key: {self._password}".encode() not in head:
            return _refusal(516, "Code: 516. DB::Exception: demo: Authentication failed")
        sql = body.decode()
        self._queries.append(sql)
        parameters = {k.removeprefix("param_"): v for k, v in given.items() if k[:6] == "param_"}
        settings = {k: v for k, v in given.items() if k[:6] != "param_"}
        if settings and "readonly" in self._cap:
            return _refusal(500, "Code: 164. DB::Exception: Cannot modify setting in readonly mode")
        try:
            answer = self._filled().query(sql, parameters, settings)
        except RuntimeError as error:
            return _refusal(500, str(error))
        if "rows" in self._cap:
            answer = b"".join(answer.splitlines(keepends=True)[: self._cap["rows"]])
        if "row" in self._cap:
            answer = _shortened(answer, self._cap["row"])
        return Answer(200, answer, "application/x-ndjson")

    def _filled(self) -> Warehouse:
        if self._warehouse is None:
            self._warehouse = Warehouse()
        if self._stale:
            self._warehouse.fill(self._rows(), self._projects())
            self._stale = False
        return self._warehouse

    def _rows(self) -> list[dict[str, Any]]:
        counted = [
            (name, *row, "pip")
            for name, each in self._packages.items()
            for row in each.get("rows", ())
        ]
        mirrored = [(*row, "Bandersnatch") for row in self._mirrors]
        return [
            {
                "project": name,
                "date": day,
                "version": version,
                "count": count,
                "installer": installer,
                "type": "sdist",
            }
            for name, day, version, count, installer in (*counted, *mirrored)
        ]

    def _projects(self) -> list[dict[str, Any]]:
        return [
            {"metadata_version": "2.1", "name": name, "version": version, "classifiers": each}
            for name, each in self._classifiers.items()
            for version in ("1.0", "2.0")
        ]


def _recent(rows: Rows) -> dict[str, int]:
    total = sum(count for _, _, count in rows)
    return {"last_day": total // 30, "last_week": total // 4, "last_month": total}


def _refusal(status: int, told: str) -> Answer:
    code = told.partition("Code: ")[2].partition(".")[0]
    return Answer(status, told.encode(), "text/plain", (("X-ClickHouse-Exception-Code", code),))


def _shortened(body: bytes, most: int) -> bytes:
    """Every array of every row cut to `most` entries: what a limit on reading does, silently."""
    rows = [json.loads(line) for line in body.splitlines()]
    cut = [[each[:most] if isinstance(each, list) else each for each in row] for row in rows]
    return "".join(json.dumps(row) + "\n" for row in cut).encode()
