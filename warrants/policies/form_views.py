"""What the editor's forms answer while a policy is written. Nothing here is saved.

All take POST with a CSRF token and, but for ``policies:answer``, the editor's ``text``, and answer with a fragment; the
forms' own fields begin with the name of the form.

``policies:form`` (``part``: rule, gate or terms) answers with ``warrants/_rule_form.html``, ``_gate_form.html`` or
``_terms_form.html``, which get ``form`` and, after a change that was asked for with ``change``, ``changed``: the new
text. A change that is refused has status 422, and ``form.fix`` may be the text with the safe form of the gate.
``policies:answer`` answers for the form of a rule with ``warrants/_rule_answer.html`` (``answer``),
``policies:summary`` with ``warrants/_summary.html`` (``tools``, ``terms``, ``problem``).
"""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from accounts.roles.access import require_role
from accounts.roles.contracts import Role
from warrants.catalogue.queries import tools
from warrants.errors import PolicyError
from warrants.policies.forms.base import EditorForm, KnownTools
from warrants.policies.forms.gate import GateForm
from warrants.policies.forms.rule import RuleForm, posted_answer
from warrants.policies.forms.terms import TermsForm
from warrants.policies.rules import is_argument_name, is_tool_name, parse_policy
from warrants.policies.wording import terms_in_words, tools_in_words

_FORMS: dict[str, type[EditorForm]] = {"rule": RuleForm, "gate": GateForm, "terms": TermsForm}
_authors = require_role(Role.POLICY_AUTHOR)


@require_POST
@_authors
def form(http_request: HttpRequest, part: str) -> HttpResponse:
    """Answer with a form as it is filled in, or with the text that it makes."""
    if part not in _FORMS:
        raise Http404
    wanted = "change" in http_request.POST
    asked = _FORMS[part](text_of(http_request), known_tools(), http_request.POST, wanted=wanted)
    context: dict[str, Any] = {"form": asked}
    if wanted and asked.is_valid():
        context = {"form": _FORMS[part](asked.changed, known_tools(), asked.stays()), "changed": asked.changed}
    status = 422 if wanted and "changed" not in context else 200
    return render(http_request, f"warrants/_{part}_form.html", context, status=status)


@require_POST
@_authors
def answer(http_request: HttpRequest) -> HttpResponse:
    """Answer whether the rule, as its form is filled in, allows the value that is tried."""
    return render(http_request, "warrants/_rule_answer.html", {"answer": posted_answer(http_request.POST)})


@require_POST
@_authors
def summary(http_request: HttpRequest) -> HttpResponse:
    """Answer with what an agent may do under the text."""
    return render(http_request, "warrants/_summary.html", in_plain_words(text_of(http_request)))


def text_of(http_request: HttpRequest) -> str:
    """Return the text in the editor: browsers send its lines as CRLF."""
    return http_request.POST.get("text", "").replace("\r\n", "\n")


def editor(text: str) -> dict[str, Any]:
    """Return the forms beside a text that is about to be written."""
    known = known_tools()
    return {
        "rule_form": RuleForm(text, known),
        "gate_form": GateForm(text, known),
        "terms_form": TermsForm(text, known),
    }


def in_plain_words(text: str) -> dict[str, Any]:
    """Return what ``warrants/_summary.html`` shows of a text."""
    try:
        policy = parse_policy(text)
    except PolicyError as error:
        return {"tools": [], "terms": [], "problem": str(error)}
    return {"tools": tools_in_words(policy), "terms": terms_in_words(policy), "problem": ""}


def known_tools() -> KnownTools:
    """Return the tools that workers say they have, those that a policy can name, with their arguments' types."""
    known: dict[str, dict[str, str]] = {}
    for tool in tools():
        if is_tool_name(tool.name):
            types = {parameter.name: parameter.type for parameter in tool.parameters}
            known.setdefault(tool.name, {}).update({name: types[name] for name in types if is_argument_name(name)})
    return known
