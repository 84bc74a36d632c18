"""What an agent writes is shown so that nothing hides in it."""

from __future__ import annotations

import unicodedata

import pytest
from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as st

from approvals.agent_text import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Restart the pool, please.", "Restart the pool, please."),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("dos\r\nlines", "dos\nlines"),
        ("over\rwritten", "over⟨U+000D⟩written"),
        ("\u202egnp.exe", "⟨U+202E⟩gnp.exe"),
        ("a\u2066b\u2069", "a⟨U+2066⟩b⟨U+2069⟩"),
        ("zero\u200bwidth\ufeff", "zero⟨U+200B⟩width⟨U+FEFF⟩"),
        ("\x1b[31mred\x00", "⟨U+001B⟩[31mred⟨U+0000⟩"),
        ("soft\u00adhyphen", "soft⟨U+00AD⟩hyphen"),
        ("no\u00a0break", "no⟨U+00A0⟩break"),
        ("\u3164filler\u2800", "⟨U+3164⟩filler⟨U+2800⟩"),
        ("line\u2028separator", "line⟨U+2028⟩separator"),
        ("tag \U000e0041", "tag ⟨U+E0041⟩"),
        ("lone \ud800", "lone ⟨U+D800⟩"),
        ("p\u0430yment", "p⟨U+0430⟩yment"),
        ("pr\u03bfd", "pr⟨U+03BF⟩d"),
        ("\u0430\u0440\u0440", "⟨U+0430⟩⟨U+0440⟩⟨U+0440⟩"),
        ("\uff50\uff52od", "⟨U+FF50⟩⟨U+FF52⟩od"),
        ("\U0001d429rod", "⟨U+1D429⟩rod"),
        ("variation\ufe0f", "variation⟨U+FE0F⟩"),
    ],
)
def test_what_hides_is_named(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Größe naïve São Łódź",
        "Перезапуск сервиса",
        "Επανεκκίνηση",
        "サービスを再起動",
        "서비스 재시작",
        "خدمة",
        "5 µs ², ½",
        "🔥",
    ],
)
def test_honest_text_of_any_language_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


@given(st.text())
def test_nothing_invisible_is_left(text: str) -> None:
    for character in visible(text):
        assert character in "\n\t " or unicodedata.category(character) not in {
            "Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs",
        }  # fmt: skip


def test_the_filter_leaves_markup_inert() -> None:
    template = Template("{% load agent_text %}{{ text|visible }}")
    shown = template.render(Context({"text": "<b onmouseover=alert(1)>\u202e&amp;"}))
    assert shown == "&lt;b onmouseover=alert(1)&gt;⟨U+202E⟩&amp;amp;"
