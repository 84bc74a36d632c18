from django.urls import path

from approvals.retractions import views

urlpatterns = [path("<request_id:request_id>/retraction/", views.retraction, name="retraction")]
