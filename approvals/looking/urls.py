from django.urls import path

from approvals.looking import views

urlpatterns = [path("<request_id:request_id>/opening/", views.opening, name="opening")]
