"""``/ledger/``"""

from django.urls import path

from audit.log import views

app_name = "ledger"
urlpatterns = [path("", views.ledger, name="ledger")]
