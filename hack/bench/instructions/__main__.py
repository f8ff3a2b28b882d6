"""python -m hack.bench.instructions: the table, and 1 where a bound does not fit."""

import sys

from hack.bench.instructions import run

sys.exit(run.main())
