from django.urls import path

from approvals.decisions import views

urlpatterns = [path("<request_id:request_id>/decision/", views.decision, name="decision")]
