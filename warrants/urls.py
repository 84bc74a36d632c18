"""Addresses of the policies' pages."""

from django.urls import path

from warrants.catalogue.views import tools
from warrants.policies import form_views, views
from warrants.simulation import views as simulation

app_name = "policies"
urlpatterns = [
    path("", views.policies, name="policies"),
    path("tools/", tools, name="tools"),
    path("check/", views.check, name="check"),
    path("forms/<slug:part>/", form_views.form, name="form"),
    path("answers/", form_views.answer, name="answer"),
    path("summary/", form_views.summary, name="summary"),
    path("<slug:name>/<int:number>/", views.version, name="version"),
    path("<slug:name>/<int:number>/simulator/", simulation.simulator, name="simulator"),
    path("<slug:name>/<int:number>/replay/", simulation.replayed, name="replay"),
    path("<slug:name>/<int:number>/proposal/", views.proposal, name="proposal"),
    path("<slug:name>/<int:number>/return/", views.send_back, name="return"),
    path("<slug:name>/<int:number>/publication/", views.publication, name="publication"),
    path("<slug:name>/<int:number>/retirement/", views.retirement, name="retirement"),
]
