"""Addresses of the policies' pages."""

from django.urls import path

from warrants.catalogue.views import tools
from warrants.policies import views

app_name = "policies"
urlpatterns = [
    path("", views.policies, name="policies"),
    path("tools/", tools, name="tools"),
    path("check/", views.check, name="check"),
    path("<slug:name>/<int:number>/", views.version, name="version"),
    path("<slug:name>/<int:number>/proposal/", views.proposal, name="proposal"),
    path("<slug:name>/<int:number>/return/", views.send_back, name="return"),
    path("<slug:name>/<int:number>/publication/", views.publication, name="publication"),
    path("<slug:name>/<int:number>/retirement/", views.retirement, name="retirement"),
]
