"""Half a second of `make fuzz` for each decoder, always the same inputs; and that the fuzzer finds what it must."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

import pytest

from audit.statements.statements import is_blank
from tests.fuzz.browser import Browser
from tests.fuzz.decoders import DECODERS, Decoder
from tests.fuzz.fuzzing import Finding, fuzz

BY_NAME = {decoder.name: decoder for decoder in DECODERS}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as started:
        yield started


@pytest.mark.parametrize("name", BY_NAME)
def test_only_the_typed_error_or_a_value_comes_out(name: str, browser: Browser) -> None:
    assert fuzz(BY_NAME[name], seconds=0.5, also=browser.compare) > 0


def _naive(data: bytes) -> bool:
    return bool(json.loads(data)["event"]["data"]["id"])


def test_a_decoder_without_typed_errors_is_found_out() -> None:
    with pytest.raises(Finding, match="alert, input"):
        fuzz(dataclasses.replace(BY_NAME["alert"], check=_naive), seconds=5)


def test_a_decoder_that_believes_more_than_the_browser_is_found_out(browser: Browser) -> None:
    gullible: Decoder = dataclasses.replace(BY_NAME["denial"], check=lambda data: True)
    with pytest.raises(Finding, match="the browser does not"):
        fuzz(gullible, seconds=5, also=browser.compare)


@pytest.mark.parametrize("text", ["", " \t\n", "\u00a0\u2003", "\ufeff", "\x85\x1c"])
def test_a_text_that_says_nothing_is_blank(text: str) -> None:
    assert is_blank(text)
    assert not is_blank(f"{text}no{text}")
