"""``/payloads/``"""

from django.urls import path

from workers.codec_server.readings import views

app_name = "payloads"
urlpatterns = [path("", views.readings_page, name="readings")]
