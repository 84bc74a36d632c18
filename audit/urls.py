from django.urls import path

from audit.ledger import views
from audit.retention import views as retention

app_name = "audit"
urlpatterns = [
    path("", views.incidents, name="incidents"),
    path("<slug:chain>/", views.incident, name="incident"),
    path("<slug:chain>/tree/", views.tree, name="tree"),
    path("<slug:chain>/evidence/", views.evidence, name="evidence"),
    path("<slug:chain>/erasure/", retention.erasure, name="erasure"),
]
