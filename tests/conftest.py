"""What every test stands on."""

import os
import signal

from hypothesis import settings

# Two workers share two cores, so how long an example takes says nothing; CI repeats the same examples every time.
settings.register_profile("rtml", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("rtml")

# A shell that starts the suite in the background has it ignore Ctrl-C, and whatever the tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
