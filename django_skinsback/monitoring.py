"""The address that monitors ask: is this site keeping up with SkinsBack?"""

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from .views import without_transaction

DETAILS_PERMISSION = "skinsback.view_balancesnapshot"


@login_not_required
@without_transaction
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """Answer 503 if the site is failing, else 200. Only staff who may see the balance get the reasons.

    Never calls SkinsBack. An anonymous request costs two queries.
    """
    from .flows.monitoring.health import HealthStatus, is_failing
    from .flows.monitoring.health import health as look

    try:
        if not _may_see_details(request):
            failing = is_failing()
            return _answer({"status": "failing" if failing else "ok"}, failing=failing)
        found = look()
        return _answer(found.as_dict(), failing=found.status is HealthStatus.FAILING)
    except DatabaseError:  # nothing is known, and nothing can be done
        return _answer({"status": "failing"}, failing=True)


def _may_see_details(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)  # none without AuthenticationMiddleware
    return user is not None and getattr(user, "is_staff", False) and bool(user.has_perm(DETAILS_PERMISSION))


def _answer(values: dict[str, object], *, failing: bool) -> JsonResponse:
    response = JsonResponse(values, status=503 if failing else 200, headers={"Cache-Control": "no-store"})
    # A 503 that is asked for every ten seconds is no error of the site's to be mailed.
    response._has_been_logged = True  # type: ignore[attr-defined] # what django.utils.log looks for
    return response
