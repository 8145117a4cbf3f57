"""An example of each body and of each reply, for the OpenAPI document: a file a noun, as in `service/wire`.

All are of one search: the learning rate of a small network, a trial or so after its tenth. A test reads each with its
model; what a service really answers looks like this.
"""

from lrtune.service.wire.examples.access import ACCESS
from lrtune.service.wire.examples.moving import MOVING
from lrtune.service.wire.examples.range_tests import RANGE_TESTS
from lrtune.service.wire.examples.rates import RATES
from lrtune.service.wire.examples.studies import STUDIES
from lrtune.service.wire.examples.trials import TRIALS

EXAMPLES = {**STUDIES, **TRIALS, **RATES, **RANGE_TESTS, **ACCESS, **MOVING}
"""By the name of the model."""
