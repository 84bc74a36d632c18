"""``/measures/``. Not below ``/approvals/``, where any word of eight letters may be a request's id."""

from django.urls import path

from approvals.measures import views

app_name = "measures"
urlpatterns = [path("", views.measures_page, name="measures")]
