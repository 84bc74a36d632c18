"""``/codec/``. Temporal's UI adds only ``/decode`` or ``/encode`` to the endpoint it is given."""

from django.urls import path

from workers.codec_server import views

app_name = "codec"
urlpatterns = [
    path("decode", views.decode, name="decode"),
    path("encode", views.encode, name="encode"),
    path("<str:namespace>/decode", views.decode, name="decode-in"),
    path("<str:namespace>/encode", views.encode, name="encode-in"),
]
