from django.urls import path

from accounts.devices import views

urlpatterns = [
    path("", views.devices, name="devices"),
    path("token/", views.token, name="device-token"),
    path("decision/", views.decision, name="device-decision"),
]
