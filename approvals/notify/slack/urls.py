"""``/hooks/slack/``: the three addresses of the app's manifest."""

from django.urls import path

from approvals.notify.slack import views

app_name = "slack"
urlpatterns = [
    path("events/", views.take_event, name="events"),
    path("command/", views.take_command, name="command"),
    path("interactions/", views.take_interaction, name="interactions"),
]
