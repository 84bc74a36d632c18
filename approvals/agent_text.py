"""Text from an agent, shown so that it cannot pretend.

Nothing here escapes markup: templates do that. This makes visible what the eye would miss:
control characters, bidirectional marks, zero-width characters, and letters of another script
inside a Latin word ("prоduction" with a Cyrillic o).
"""

from __future__ import annotations

import re
import unicodedata

_ALLOWED_CONTROLS = frozenset("\n\t")
# A word with something beside ASCII in it. None starts inside another, so that the time grows with the text.
_WORD = re.compile(r"\b[a-zA-Z0-9_]*+[^\W\x00-\x7f]\w*")
# Scripts whose letters are taken for Latin ones.
_LOOKALIKE_SCRIPTS = frozenset({"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "DESERET"})
# Letters of those scripts that no eye tells from a Latin one.
_LATIN_TWINS = frozenset("аеорсухіјѕԁԛԝһӏАВЕКМНОРСТУХІЈЅԌԚԜоοΑΒΕΖΗΙΚΜΝΟΡΤΥΧνιϲϳ")
_ORDINARY_FORMS = frozenset("ªº¹²³")
# Invisible, though Unicode does not count them as format or control characters.
_BLANKS = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(text: str) -> str:
    """Return ``text`` with every character that hides or deceives written as ``⟨U+XXXX⟩``.

    Line feeds and tabs stay. A carriage return before a line feed is dropped.
    """
    if text.isascii() and text.isprintable():
        return text
    marked = _WORD.sub(_marked_word, text.replace("\r\n", "\n"))
    # Each character once: a long text has few that are different.
    return marked.translate({ord(character): _named(character) for character in set(marked) if _is_hidden(character)})


def _named(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"


def _is_hidden(character: str) -> bool:
    if character in _ALLOWED_CONTROLS:
        return False
    if character in _BLANKS or unicodedata.category(character) in _INVISIBLE_CATEGORIES:
        return True
    if unicodedata.category(character) == "Zs" and character != " ":
        return True
    return _is_variation_selector(ord(character))


def _is_variation_selector(number: int) -> bool:
    return 0xFE00 <= number <= 0xFE0F or 0xE0100 <= number <= 0xE01EF


def _marked_word(match: re.Match[str]) -> str:
    word = match[0]
    scripts = {_script(character) for character in word if character.isalpha()}
    mixes_scripts = "LATIN" in scripts and bool(scripts & _LOOKALIKE_SCRIPTS)
    # A word made of nothing but look-alikes reads as Latin, whatever stands around it.
    if mixes_scripts or all(c in _LATIN_TWINS for c in word if c.isalpha() and not c.isascii()):
        return "".join(_named(c) if _script(c) in _LOOKALIKE_SCRIPTS else c for c in word)
    return "".join(_named(c) if _poses_as_ascii(c) else c for c in word)


def _script(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]


def _poses_as_ascii(character: str) -> bool:
    """Whether a compatibility form (fullwidth, mathematical) stands in for a plain letter or digit."""
    if character.isascii() or character in _ORDINARY_FORMS:
        return False
    folded = unicodedata.normalize("NFKC", character)
    return len(folded) == 1 and folded.isascii() and folded.isalnum()
