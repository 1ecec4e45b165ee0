"""What every test stands on."""

import os

from hypothesis import settings

# Two workers share two cores, so how long an example takes says nothing; CI repeats the same examples every time.
settings.register_profile("rtml", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("rtml")
