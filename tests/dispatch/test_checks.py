from django.core.checks import run_checks

from dispatch.planner import warm


def found(*, deploy):
    return [row for row in run_checks(include_deployment_checks=deploy) if "dispatch" in row.id]


def test_a_deployment_without_compiled_planner_is_warned(monkeypatch, tmp_path):
    monkeypatch.setattr(warm.compiled, "CACHE", str(tmp_path))
    (warning,) = found(deploy=True)
    assert warning.id == "dispatch.W001"
    assert "python -m dispatch.planner.warm" in warning.hint
    assert found(deploy=False) == []
    warm.compiled.mark(warm.EVERY_KERNEL)
    assert found(deploy=True) == []
