from django.core.checks import Warning
from django.utils.translation import gettext as _


def planner_is_compiled(app_configs, **kwargs):
    """Warn where the planner would have to be compiled first, for this Python and processor."""
    from dispatch.planner.warm import is_warm  # it loads a compiler

    if is_warm():
        return []
    problem = _("The planner is not compiled on this machine: its first plan will take a minute.")
    hint = _("Run python -m dispatch.planner.warm as the user who runs the planner.")
    return [Warning(problem, hint=hint, id="dispatch.W001")]
