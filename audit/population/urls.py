"""``/evidence/exports/``"""

from django.urls import path

from audit.population import views

app_name = "exports"
urlpatterns = [
    path("", views.exports, name="exports"),
    path("newest/", views.newest, name="newest"),
]
