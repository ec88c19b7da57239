"""What Django shows of an exception: to a developer, and to administrators by mail."""

from django.views.debug import ExceptionReporter, technical_500_response


def reports_of(error, rf, settings):
    """The page that a developer sees, and the mail that administrators get."""
    settings.DEBUG = True
    request = rf.get("/", headers={"accept": "text/html"})
    yield technical_500_response(request, type(error), error, error.__traceback__).text
    settings.DEBUG = False
    reporter = ExceptionReporter(request, type(error), error, error.__traceback__, is_email=True)
    yield reporter.get_traceback_html()
    yield reporter.get_traceback_text()
