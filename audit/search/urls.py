"""``/search/``. Not below ``/incidents/``, where any word may be an incident's name."""

from django.urls import path

from audit.search import views

app_name = "search"
urlpatterns = [
    path("", views.search, name="search"),
    path("charts/", views.charts, name="charts"),
    path("saved/", views.save, name="save"),
    path("saved/<int:saved_id>/deletion/", views.delete, name="delete"),
]
