"""Addresses of the whole site."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("optimizer.urls")),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
]
