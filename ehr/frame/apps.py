from django.apps import AppConfig


class FrameConfig(AppConfig):
    name = "ehr.frame"
    label = "frame"
