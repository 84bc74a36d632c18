"""Where warrants are minted: a page for people, an address for programs."""

from django.urls import path

from warrants.minting import api, views

app_name = "minting"
urlpatterns = [
    path("warrants/mint/", views.mint_warrant, name="mint"),
    path("api/v1/warrants", api.warrants, name="api"),
]
