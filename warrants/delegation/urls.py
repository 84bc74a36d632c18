"""Where a person hands a warrant on."""

from django.urls import path

from warrants.delegation import views

app_name = "delegation"
urlpatterns = [
    path("<slug:warrant_id>/signature/", views.signature, name="signature"),
    path("<slug:warrant_id>/draft/", views.draft, name="draft"),
]
