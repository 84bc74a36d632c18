"""What the queue may be asked for."""

from __future__ import annotations

from django import forms

from approvals.requests.queries import QueueFilter


class QueueForm(forms.Form):
    """The queue's filter (``show``), search text (``q``), namespace and page; each has a default."""

    show = forms.ChoiceField(choices=[(item.value, item.value) for item in QueueFilter], required=False)
    q = forms.CharField(max_length=200, required=False)
    namespace = forms.CharField(max_length=255, required=False)
    page = forms.IntegerField(min_value=1, max_value=10_000, required=False)
