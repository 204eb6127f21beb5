"""Custom pages inside the admin's frame."""

from django.contrib import admin
from django.template.response import TemplateResponse


def admin_page(model_admin, request, template, *, title, status=200, **context):
    """Return the template as a page of the model's section of the admin."""
    frame = model_admin.admin_site.each_context(request)
    context = {**frame, "opts": model_admin.opts, "title": title, **context}
    return TemplateResponse(request, template, context, status=status)


def site_page(request, template, *, title, status=200, **context):
    """Return the template as a page of the site that belongs to no model."""
    frame = admin.site.each_context(request)
    return TemplateResponse(request, template, {**frame, "title": title, **context}, status=status)
