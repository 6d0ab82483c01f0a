"""What an error report may hold: the place in the program, and nothing a person sent or the program held."""

from django.views.debug import SafeExceptionReporterFilter


class NothingPersonal(SafeExceptionReporterFilter):
    """Leaves settings, headers, cookies, forms and local variables out of every report."""

    def is_active(self, request):  # noqa: ARG002 - the same for every request
        return True

    def get_safe_settings(self):
        return {}

    def get_safe_request_meta(self, request):  # noqa: ARG002
        return {}

    def get_safe_cookies(self, request):  # noqa: ARG002
        return {}

    def get_post_parameters(self, request):  # noqa: ARG002
        return {}

    def get_traceback_frame_variables(self, request, tb_frame):  # noqa: ARG002
        return []
