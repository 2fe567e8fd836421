"""Addresses of the product's pages."""

from django.urls import path

from optimizer.views import (
    accounts,
    history,
    home,
    preferences,
    previews,
    saving,
    sessions,
    template_editor,
    templates,
    trash,
)

urlpatterns = [
    path("", home.home, name="home"),
    path("optimizations/estimate/", previews.optimization_estimate, name="optimization-estimate"),
    path("optimizations/rows/", previews.rows_preview, name="rows-preview"),
    path("optimizations/sample-time/", previews.sample_time, name="sample-time"),
    path("optimizations/grade/", previews.grader_try, name="grader-try"),
    path("optimizations/<int:pk>/", sessions.session_detail, name="session-detail"),
    path("optimizations/<int:pk>/inputs/", sessions.inputs_approve, name="inputs-approve"),
    path("optimizations/<int:pk>/stop/", sessions.session_stop, name="session-stop"),
    path("optimizations/<int:pk>/compare/", sessions.session_compare, name="session-compare"),
    path("optimizations/<int:pk>/choose/", sessions.session_choose, name="session-choose"),
    path("optimizations/<int:pk>/prompt.py", sessions.session_program, name="session-program"),
    path("optimizations/<int:pk>/finalist/", sessions.finalist_choose, name="finalist-choose"),
    path("optimizations/<int:pk>/rating/", sessions.session_rate, name="session-rate"),
    path("optimizations/<int:pk>/outputs/<int:output>/", sessions.output_rate, name="output-rate"),
    path("optimizations/<int:pk>/save/", saving.session_save, name="session-save"),
    path("templates/", templates.template_list, name="template-list"),
    path("templates/new/", template_editor.template_new, name="template-new"),
    path("templates/<int:pk>/", templates.template_detail, name="template-detail"),
    path("templates/<int:pk>/edit/", template_editor.template_edit, name="template-edit"),
    path("templates/<int:pk>/details/", template_editor.template_details, name="template-details"),
    path("templates/<int:pk>/restore/", templates.template_restore, name="template-restore"),
    path("templates/<int:pk>/label/", templates.template_label, name="template-label"),
    path("templates/<int:pk>/publish/", templates.template_publish, name="template-publish"),
    path("templates/<int:pk>/delete/", templates.template_delete, name="template-delete"),
    path("history/", history.history, name="history"),
    path("trash/<str:kind>/<int:pk>/bring-back/", trash.trash_bring_back, name="trash-bring-back"),
    path("settings/", preferences.preferences, name="preferences"),
    path("sign-in/<str:token>/", accounts.sign_in_by_link, name="sign-in-by-link"),
]
