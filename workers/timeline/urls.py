"""``/incidents/<chain>/timeline/``"""

from django.urls import path

from workers.timeline import views

app_name = "timeline"
urlpatterns = [path("", views.timeline, name="page")]
