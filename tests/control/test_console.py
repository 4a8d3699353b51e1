"""The console: what is served, that it stays within its own origin, and that the API has what it asks for."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from control.app import CONSOLE

FILES = sorted(path.name for path in CONSOLE.iterdir())
PAGES = [name for name in FILES if name.endswith(".html")]
SCRIPTS = [name for name in FILES if name.endswith(".js")]
MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
SVG_NAMESPACE = "http://www.w3.org/2000/svg"


def source(name: str) -> str:
    return (CONSOLE / name).read_text()


class Page(HTMLParser):
    """The elements of a page, each with its attributes, and the text inside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem:
            self.inline.append(data)


def test_the_first_page_of_control_is_the_console(client: TestClient[Litestar]) -> None:
    response = client.get("/")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert response.text == source("index.html")


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_served_as_what_it_is(client: TestClient[Litestar], name: str) -> None:
    response = client.get(f"/{name}")
    assert response.status_code == 200
    assert response.content == (CONSOLE / name).read_bytes()
    assert response.headers["content-type"].partition(";")[0] == MEDIA_TYPES[Path(name).suffix]


@pytest.mark.parametrize("path", ["", *FILES])
def test_browsers_are_told_to_load_nothing_from_elsewhere(client: TestClient[Litestar], path: str) -> None:
    headers = client.get(f"/{path}").headers
    policy = headers["content-security-policy"].split("; ")
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_a_new_version_is_not_mixed_with_files_of_an_old_one(client: TestClient[Litestar]) -> None:
    assert {client.get(f"/{name}").headers["cache-control"] for name in FILES} == {"no-cache"}


@pytest.mark.parametrize("name", FILES)
def test_nothing_refers_to_another_origin(name: str) -> None:
    text = source(name).replace(SVG_NAMESPACE, "")
    assert re.findall(r"\b(?:https?|wss?|data|blob):(?=\S)", text) == []
    assert re.findall(r"""["'`(=]\s*//""", text) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_holds_no_scripts_and_styles_that_the_policy_would_block(name: str) -> None:
    page = Page(source(name))
    assert "".join(page.inline).strip() == ""
    names = [name for _, attributes in page.elements for name in attributes]
    assert [name for name in names if name == "style" or name.startswith("on")] == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_clients_named_is_never_read_as_markup(name: str) -> None:
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\(|srcdoc"
    assert re.findall(ways, source(name)) == []


def test_every_file_is_used() -> None:
    elements = [attributes for name in PAGES for _, attributes in Page(source(name)).elements]
    used = {"index.html"} | {value for at in elements for key in ("src", "href") if (value := at.get(key))}
    imported = {name for script in SCRIPTS for name in re.findall(r'from "\./([^"]+)"', source(script))}
    assert set(FILES) <= used | imported
    assert imported <= set(FILES)


def asked() -> set[str]:
    """The paths that the scripts ask for, with every part that is filled in as `{}`."""
    found = [path for name in SCRIPTS for path in re.findall(r'[`"](/v1/[^`"]*)[`"]', source(name))]
    return {re.sub(r"\$\{[^}]*\}", "{}", path) for path in found}


def test_every_path_that_is_asked_for_is_in_the_api(client: TestClient[Litestar]) -> None:
    paths = client.get("/schema/openapi.json").json()["paths"]
    answered = {
        re.sub(r"\{[^}]*\}", "{}", path) for path, operations in paths.items() if {"get", "post"} & set(operations)
    }
    assert asked() >= {"/v1/plan", *(f"/v1/endpoints/{{}}/{part}" for part in ("traffic", "skew", "shadow"))}
    assert asked() - answered == set()


def test_every_question_is_asked_in_one_place() -> None:
    assert [name for name in SCRIPTS if "fetch(" in source(name)] == ["api.js"]


def test_the_link_to_the_api_leads_to_its_description(client: TestClient[Litestar]) -> None:
    assert 'href="/schema"' in source("index.html")
    assert client.get("/schema").headers["content-type"].startswith("text/html")
