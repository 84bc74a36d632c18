from django.urls import path

from workers.incident.alerts import views

app_name = "hooks"
urlpatterns = [path("alerts/", views.receive_alert, name="alerts")]
