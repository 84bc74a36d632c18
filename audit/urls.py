from django.urls import path

from audit.ledger import views

app_name = "audit"
urlpatterns = [
    path("", views.incidents, name="incidents"),
    path("<str:chain>/", views.incident, name="incident"),
    path("<str:chain>/tree/", views.tree, name="tree"),
    path("<str:chain>/evidence/", views.evidence, name="evidence"),
]
