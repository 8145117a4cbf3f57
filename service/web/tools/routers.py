"""Their routers."""

from lrtune.service.web.tools import range_test, scaling, schedules

TOOLS = (range_test.router, schedules.router, scaling.router)
