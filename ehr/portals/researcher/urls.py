"""A researcher's pages: registering, the agreement, studies. Nobody's record is on any of them."""

from django.urls import path

from ehr.portals.researcher import counts, figures, home, questions, recalls, registering, releases, results, studies
from ehr.portals.researcher.figure_forms import FiguresForm

app_name = "researcher"
urlpatterns = [
    path("", home.home, name="home"),
    path("register/", registering.register, name="register"),
    path("licence/", registering.licence, name="licence"),
    path("agreement/", registering.agreement, name="agreement"),
    path("studies/new/", studies.new, name="new"),
    path("studies/new/figures/", studies.new, {"kind": FiguresForm}, name="new-figures"),
    path("studies/<uuid:study>/", studies.study, name="study"),
    path("studies/<uuid:study>/change/", studies.change, name="change"),
    path("studies/<uuid:study>/ethics/", studies.ethics, name="ethics"),
    path("studies/<uuid:study>/questions/<int:question>/", studies.answer, name="answer"),
    path("studies/<uuid:study>/releases/", releases.releases, name="releases"),
    path("studies/<uuid:study>/results/", results.found, name="results"),
    path("studies/<uuid:study>/synthetic/", releases.synthetic, name="synthetic"),
    path("studies/<uuid:study>/counts/", counts.counts, name="counts"),
    path("studies/<uuid:study>/figures/", figures.figures, name="figures"),
    path("studies/<uuid:study>/figures.csv", figures.file, name="figures-file"),
    path("figures/<uuid:run>/cancel/", figures.cancel, name="cancel-figures"),
    path("counts/<uuid:count>/", counts.count, name="count"),
    path("counts/<uuid:count>/cancel/", counts.cancel, name="cancel-count"),
    path("studies/<uuid:study>/private/", questions.questions, name="questions"),
    path("private/<uuid:asked>/", questions.question, name="question"),
    path("private/<uuid:asked>/again/", questions.again, name="question-again"),
    path("private/<uuid:asked>/cancel/", questions.cancel, name="cancel-question"),
    path("releases/<uuid:release>/", releases.release, name="release"),
    path("releases/<uuid:release>/cancel/", releases.cancel, name="cancel-release"),
    path("releases/<uuid:release>/fetch/", releases.fetch, name="fetch-release"),
    path("recalls/", recalls.recalls, name="recalls"),
    path("recalls/<uuid:recall>/", recalls.recall, name="recall"),
    path("studies/<uuid:study>/do/<slug:press>/", studies.act, name="act"),
]
