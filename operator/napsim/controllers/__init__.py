"""What watches what, and acts on it: the controllers of the cluster, over whatever carries their actions out.

They run on an ``Executor``: the operator's writes to an API server, a simulation's changes its own objects. Time comes
from a ``Clock``, which a simulation moves by hand. So a forecast and a rehearsal are decided by the same lines.
"""

import logging

# As a library: who listens to nothing is told nothing. `napsim run` listens; in a forecast the answer says it all.
logging.getLogger("napsim").addHandler(logging.NullHandler())
