"""``/on-call/``."""

from django.urls import path

from approvals.on_call import views

app_name = "on_call"
urlpatterns = [
    path("", views.on_call, name="on_call"),
    path("rotation/", views.rotation, name="new-rotation"),
    path("rotation/<int:rotation_id>/", views.rotation, name="rotation"),
    path("rotation/<int:rotation_id>/step-in/", views.step_in, name="step-in"),
    path("rotation/<int:rotation_id>/fetch/", views.fetch, name="fetch"),
    path("rotation/<int:rotation_id>/removal/", views.removal, name="removal"),
    path("step-in/<int:override_id>/end/", views.end_step_in, name="end-step-in"),
    path("rotation/<int:rotation_id>/hand-over/", views.hand_over, name="hand-over"),
    path("ladder/", views.ladder, name="common-ladder"),
    path("ladder/<slug:name>/", views.ladder, name="ladder"),
]
