"""Send errors to Sentry and traces to OpenTelemetry, where a setting says so.

Both are imported only then: they need the packages of requirements-observe.txt. What is sent names
paths and code lines; no users, no queries, no bodies, no addresses of callers.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.conf import settings

from dispatchsite import env

SERVICE = "dispatchsite"
SCRUBBED = ("data", "query_string", "cookies", "headers", "env")  # of a request
ADDRESSES = ("http.url", "http.target", "url.full", "url.query")  # of a span, with their queries
CALLERS = ("net.peer.ip", "http.client_ip", "client.address", "network.peer.address")


def check(*, sentry_dsn: str, otel_endpoint: str) -> None:
    """Refuse the start where a setting asks for a package that is not installed."""
    wanted = {
        "SENTRY_DSN": (sentry_dsn, "sentry_sdk"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": (otel_endpoint, "opentelemetry.instrumentation"),
    }
    for name, (value, package) in wanted.items():
        if value and not _is_there(package):
            raise env.refuse(name, f"needs the package {package} (requirements-observe.txt).")


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def start() -> None:
    """Begin to observe this process, as the settings say; mostly they say nothing."""
    if settings.SENTRY_DSN:
        _start_sentry()
    if settings.OTEL_ENDPOINT:
        _start_telemetry()


def without_people(event: dict[str, Any], hint: object = None) -> dict[str, Any]:
    """Return Sentry's event without what a request carried, its user and what came before."""
    for name in SCRUBBED:
        event.get("request", {}).pop(name, None)
    event.pop("user", None)
    event.pop("breadcrumbs", None)  # statements, and what geocoders were asked
    for error in event.get("exception", {}).get("values", ()):
        # A database's error tells the row in its further lines.
        error["value"] = str(error.get("value") or "").partition("\n")[0]
    return event


def about_the_path(span: Any, request: Any) -> None:
    """Leave of a request's address its path, and of its caller nothing."""
    if not span.is_recording():  # it was not chosen, and has no attributes
        return
    for name in ADDRESSES:
        if name in span.attributes:
            span.set_attribute(name, request.path)
    for name in CALLERS:
        if name in span.attributes:
            span.set_attribute(name, "")


def _start_sentry() -> None:
    import_module("sentry_sdk").init(
        dsn=settings.SENTRY_DSN,
        release=settings.RELEASE or None,
        send_default_pii=False,
        include_local_variables=False,  # of a frame: they hold clients
        max_request_body_size="never",
        max_breadcrumbs=0,
        before_send=without_people,
    )


def _start_telemetry() -> None:
    trace = import_module("opentelemetry.trace")
    sdk = import_module("opentelemetry.sdk.trace")
    export = import_module("opentelemetry.sdk.trace.export")
    otlp = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    resources = import_module("opentelemetry.sdk.resources")
    about = resources.Resource.create({"service.name": SERVICE})
    provider = sdk.TracerProvider(resource=about)
    provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    django = import_module("opentelemetry.instrumentation.django").DjangoInstrumentor()
    django.instrument(request_hook=about_the_path)
    if settings.CELERY_BROKER_URL:
        import_module("opentelemetry.instrumentation.celery").CeleryInstrumentor().instrument()
