"""Django's reports about an exception: the debug page and the mail to administrators."""

from django.views.debug import ExceptionReporter, technical_500_response


def reports_of(error, rf, settings):
    """Yield the debug page, and the HTML and text of the mail to administrators."""
    settings.DEBUG = True
    request = rf.get("/", headers={"accept": "text/html"})
    yield technical_500_response(request, type(error), error, error.__traceback__).text
    settings.DEBUG = False
    reporter = ExceptionReporter(request, type(error), error, error.__traceback__, is_email=True)
    yield reporter.get_traceback_html()
    yield reporter.get_traceback_text()
