"""Reads pages as their readers do: by roles, labels and texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from lxml import html
from starlette.testclient import TestClient


class Page:
    """An answer, and its HTML as a tree."""

    def __init__(self, client: TestClient, address: str) -> None:
        self.answer = client.get(address)
        self.status = self.answer.status_code
        assert self.answer.headers["content-type"].startswith("text/html"), self.answer.text[:200]
        self.root = html.document_fromstring(self.answer.text)

    def all(self, xpath: str) -> list[Any]:
        """What an XPath finds."""
        return list(self.root.xpath(xpath))

    def one(self, xpath: str) -> Any:
        """The one element an XPath finds."""
        (found,) = self.all(xpath)
        return found

    def text(self, xpath: str = "//main") -> str:
        """The text of the one element, white space collapsed."""
        return words(self.one(xpath))

    def hits(self) -> list[str]:
        """Names of the packages a search found, in order."""
        return [words(each) for each in self.all("//ol[@class='list']/li//h3")]

    def facet(self, title: str) -> dict[str, int]:
        """The values of a facet with their counts."""
        (section,) = [s for s in self.all("//aside//section") if words(s.xpath("h2")[0]) == title]
        pairs = [each.xpath("span") for each in section.xpath(".//li/a")]
        return {words(name): int(words(count).replace(",", "")) for name, count in pairs}

    def link(self, label: str) -> str:
        """Where the first link of that text leads."""
        return next(each.get("href") for each in self.all("//a") if words(each) == label)

    def choice(self, label: str) -> str:
        """Where a facet's value leads."""
        return next(
            each.get("href")
            for each in self.all("//aside//li/a")
            if words(each.xpath("span")[0]) == label
        )

    def own_links(self) -> Iterator[str]:
        """Addresses within the site."""
        for each in self.all("//a/@href | //img/@src | //script/@src | //link/@href"):
            if each.startswith("/"):
                yield each


def words(element: Any) -> str:
    """An element's text, white space collapsed."""
    return " ".join(element.text_content().split())


def parameters(address: str) -> dict[str, str]:
    """The parameters of an address."""
    return dict(parse_qsl(urlsplit(address).query))
