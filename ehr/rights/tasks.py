"""What is forgotten in time. Running it twice changes nothing."""

from celery import shared_task

from ehr.rights import export, health_links


@shared_task
def forget_what_is_over() -> None:
    """Delete the ciphertext behind links and packages whose time is over. They opened for nobody before that."""
    export.forget_what_is_over()
    health_links.forget_what_is_over()
