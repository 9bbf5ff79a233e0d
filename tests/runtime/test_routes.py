"""Route templates and which of them a request fits."""

from __future__ import annotations

import pytest

from tests.local.routes import Route, Router, path_segments


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        pytest.param("a/b", "/A/b/", {}, id="case and trailing slash"),
        pytest.param("a/b", "/a", None, id="too short"),
        pytest.param("a/b", "/a/b/c", None, id="too long"),
        pytest.param("a/{x}", "/a/1", {"x": "1"}, id="a parameter"),
        pytest.param("a/{x}", "/a//", None, id="an empty one"),
        pytest.param("a/{x?}", "/a", {}, id="an optional one, absent"),
        pytest.param("a/{x?}", "/a/1", {"x": "1"}, id="and present"),
        pytest.param("a/{x=7}", "/a", {"x": "7"}, id="a default"),
        pytest.param("a/{*x}", "/a/1/2", {"x": "1/2"}, id="the rest"),
        pytest.param("a/{**x}", "/a", {"x": ""}, id="no rest"),
        pytest.param("{x:int}", "/-12", {"x": "-12"}, id="int"),
        pytest.param("{x:int}", "/2147483648", None, id="too large an int"),
        pytest.param("{x:long}", "/2147483648", {"x": "2147483648"}, id="long"),
        pytest.param(
            "{x:guid}",
            "/0f8fad5b-d9cb-469f-a165-70867728950e",
            {"x": "0f8fad5b-d9cb-469f-a165-70867728950e"},
            id="guid",
        ),
        pytest.param("{x:guid}", "/zz", None, id="no guid"),
        pytest.param("{x:bool}", "/True", {"x": "True"}, id="bool"),
        pytest.param("{x:alpha}", "/ab1", None, id="not alpha"),
        pytest.param("{x:double}", "/1.5", {"x": "1.5"}, id="double"),
        pytest.param("{x:length(2)}", "/ab", {"x": "ab"}, id="length"),
        pytest.param("{x:length(1,3)}", "/abcd", None, id="too long a text"),
        pytest.param("{x:minlength(2):maxlength(3)}", "/abc", {"x": "abc"}, id="two constraints"),
        pytest.param("{x:range(1,5)}", "/6", None, id="out of range"),
        pytest.param("{x:min(3)?}", "/3", {"x": "3"}, id="optional and constrained"),
        pytest.param(r"{x:regex(^[a-z0-9]([a-z0-9-]*)$)}", "/a-1", {"x": "a-1"}, id="regex"),
        pytest.param("{x:regex(^a$)}", "/b", None, id="regex not met"),
    ],
)
def test_match(template: str, path: str, expected: dict[str, str] | None) -> None:
    assert Route(template).match(path_segments(path)) == expected


@pytest.mark.parametrize(
    "template", ["a{x}", "{x", "{x:uuid}", "{x}/{X}", "{x?}/a", "{*x}/a", "{x:int=}{y}", "{x y}"]
)
def test_what_is_no_template(template: str) -> None:
    with pytest.raises(ValueError, match=r"segment|constraint|twice|cannot read"):
        Route(template)


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        pytest.param("/a/b%20c", ["a", "b c"], id="decoded"),
        pytest.param("/a%2Fb%2fc", ["a%2Fb%2fc"], id="an encoded slash stays"),
        pytest.param("/%25/%C3%A9", ["%", "é"], id="percent and UTF-8"),
        pytest.param("/", [], id="root"),
        pytest.param("//a", ["", "a"], id="empty segment"),
    ],
)
def test_path_segments(path: str, segments: list[str]) -> None:
    assert path_segments(path) == segments


def test_the_router_goes_by_name_and_method() -> None:
    router = Router(
        [
            ("Zeta", Route("x/new"), frozenset({"GET", "PUT"}), "zeta"),
            ("alpha", Route("x/{id}"), frozenset({"GET"}), "alpha"),
            ("beta", Route("y"), frozenset({"POST"}), "beta"),
        ]
    )
    assert router.find("GET", "/x/new") == ("alpha", {"id": "new"})
    assert router.find("PUT", "/x/new") == ("zeta", {})
    assert router.find("HEAD", "/x/1") == ("alpha", {"id": "1"})
    assert router.find("GET", "/y") == 404
    assert router.find("HEAD", "/y") == 405
    assert router.find("GET", "/z") == 404
