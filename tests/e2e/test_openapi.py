# SPDX-License-Identifier: Apache-2.0
"""doc/ref/openapi.yaml names every route that the sources register, with its role, and no other; and who has not the role is refused."""
import pathlib
import re

import pytest
from pages_hub import Hub
from test_api import Caller

yaml = pytest.importorskip("yaml")
ROOT = pathlib.Path(__file__).resolve().parents[2]
ROUTE = re.compile(r'pt_server_route\(\s*[\w>-]+,\s*"(\w+)",\s*"([^"]+)",\s*PT_ROLE_(\w+)')


def routes_of_sources():
    return {(method, re.sub(r"\*+", "*", path), role.lower())
            for file in (ROOT / "src/web").glob("*.c") if not file.name.endswith("-test.c")
            for method, path, role in ROUTE.findall(file.read_text())}


def routes_of_document():
    document = yaml.safe_load((ROOT / "doc/ref/openapi.yaml").read_text())
    return {(method.upper(), re.sub(r"\{\w+\}", "*", path), what["x-role"])
            for path, methods in document["paths"].items() for method, what in methods.items()}


def test_routes_and_document_agree():
    sources, document = routes_of_sources(), routes_of_document()
    assert len(sources) > 20
    assert sources - document == set(), "not in doc/ref/openapi.yaml"
    assert document - sources == set(), "in doc/ref/openapi.yaml alone"


def test_who_has_not_the_role_is_refused():
    hub = Hub()
    try:
        nobody, vera, otto = Caller(hub, None), Caller(hub, "vera"), Caller(hub, "otto")
        refused = {"none": [], "viewer": [(nobody, 401)], "operator": [(nobody, 401), (vera, 403)], "admin": [(nobody, 401), (vera, 403), (otto, 403)]}
        for method, path, role in sorted(routes_of_document()):
            for caller, status in refused[role]:
                got, text, _ = caller.ask(method, path.replace("*", "gate"), {} if method == "POST" else None)
                assert got == status, (method, path, role, text)
    finally:
        assert hub.close() == 0
