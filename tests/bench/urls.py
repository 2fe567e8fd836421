"""The product's addresses, and a page that makes one query: what any page of this product costs at least."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.urls import path

from optimizer.models import User
from optimizer.views.requests import AppRequest
from promptevolver.urls import urlpatterns as product_urls


@login_required
def baseline(request: AppRequest) -> HttpResponse:
    return HttpResponse(User.objects.get(pk=request.user.pk).email)


urlpatterns = [path("baseline/", baseline, name="baseline"), *product_urls]
