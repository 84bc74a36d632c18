"""Write the test vectors that Python and JavaScript share: ``python -m tests.vectors.generate``.

Fixed keys, identifiers and times, so that a run changes nothing unless a format changed. What Tenuo
alone can make (warrants, the verdict of a constraint) is made by ``tenuo_core``; a warrant's random
identifier and times are then replaced and the payload signed again. Every bad vector is one file,
named after its fault, and says the field that has to be named.
"""

from __future__ import annotations

import json
from typing import Any

from approvals.agent_text import visible
from tests.vectors.arguments import bad_arguments, bad_request_hashes, good_request_hashes
from tests.vectors.decisions import bad_approvals, bad_denials, good_approvals, good_denials
from tests.vectors.enrolments import bad_enrolments, good_enrolments
from tests.vectors.handing_on import bad_drafts, good_drafts
from tests.vectors.key_endorsements import bad_key_endorsements, good_key_endorsements
from tests.vectors.parts import HERE, Vector
from tests.vectors.reviews import bad_reviews, good_reviews
from tests.vectors.warrants import bad_chains, constraint_vectors, gate_vectors, good_chains

TEXTS = [
    "plain",
    "two\nlines\tand a tab",
    "carriage\r\nreturn",
    "bell\x07",
    "right-to-left \u202egnp.exe",
    "zero\u200bwidth",
    "no-break\u00a0space",
    "prоduction",
    "ｆｕｌｌ",
    "𝐛𝐨𝐥𝐝",
    "größe",
    "ключ",
    "日本語",
    "x²",
    "soft\u00adhyphen",
    "\u3164",
    "e\u0301",
    "раураl",
    "сор",
    "КОТ 1",
    "emoji 🚨",
    "heart ❤\ufe0f",
    "",
    "_underscore_аb",
    "isolate\u2066x\u2069",
    "tag\U000e0041",
    "line\u2028separator",
]


def text_vectors() -> list[Vector]:
    return [{"text": text, "visible": visible(text)} for text in TEXTS]


def vectors() -> dict[str, Any]:
    """Return every vector by its path below this folder, without the ending."""
    good = {
        "request_hash": good_request_hashes(),
        "chains": good_chains(),
        "drafts": good_drafts(),
        "constraints": constraint_vectors(),
        "gates": gate_vectors(),
        "approvals": good_approvals(),
        "denials": good_denials(),
        "enrolments": good_enrolments(),
        "key_endorsements": good_key_endorsements(),
        "reviews": good_reviews(),
        "agent_text": text_vectors(),
    }
    bad = {
        **bad_arguments(),
        **bad_request_hashes(),
        **bad_chains(),
        **bad_drafts(),
        **bad_approvals(),
        **bad_denials(),
        **bad_enrolments(),
        **bad_key_endorsements(),
        **bad_reviews(),
    }
    return {
        **{f"good/{name}": data for name, data in good.items()},
        **{f"bad/{name}": data for name, data in bad.items()},
    }


def text_of(data: Any) -> str:
    return json.dumps(data, indent=1, ensure_ascii=True) + "\n"


def main() -> None:
    made = vectors()
    for old in [*HERE.glob("good/*.json"), *HERE.glob("bad/*.json")]:
        if f"{old.parent.name}/{old.stem}" not in made:
            old.unlink()
    for name, data in made.items():
        (HERE / f"{name}.json").write_text(text_of(data))


if __name__ == "__main__":
    main()
