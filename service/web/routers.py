"""All pages, for the app to include."""

from lrtune.service.web import icon, sign_in, trial
from lrtune.service.web.compare import page as compare_page
from lrtune.service.web.compare import picture as compare_picture
from lrtune.service.web.pictures import routes as pictures
from lrtune.service.web.studies import page as studies_page
from lrtune.service.web.study import page as study_page
from lrtune.service.web.tools.routers import TOOLS

ROUTERS = (
    studies_page.router,
    study_page.router,
    pictures.router,
    trial.router,
    *TOOLS,
    compare_page.router,
    compare_picture.router,
    sign_in.router,
    icon.router,
)
