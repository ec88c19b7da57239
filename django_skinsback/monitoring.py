"""The view of the address ``health/``, which monitoring systems call."""

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from .views import UnloggedResponse, without_transaction

DETAILS_PERMISSION = "skinsback.view_balancesnapshot"


@login_not_required
@without_transaction
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """Answer 503 if the package's health is FAILING or the database raises an error, else 200. The body is JSON.

    The body contains the reasons if the user is staff and has the permission to view balance snapshots. The view never
    calls SkinsBack. A request of any other user causes two database queries.
    """
    from .flows.monitoring.health import HealthStatus, is_failing
    from .flows.monitoring.health import health as look

    try:
        if not _may_see_details(request):
            failing = is_failing()
            return UnloggedResponse({"status": "failing" if failing else "ok"}, status=503 if failing else 200)
        found = look()
        return UnloggedResponse(found.as_dict(), status=503 if found.status is HealthStatus.FAILING else 200)
    except DatabaseError:
        return UnloggedResponse({"status": "failing"}, status=503)


def _may_see_details(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)  # a request has no user without AuthenticationMiddleware
    return user is not None and getattr(user, "is_staff", False) and bool(user.has_perm(DETAILS_PERMISSION))
