"""Names: what the room promises is there, and is listed for completion before it is loaded."""

import subprocess
import sys


def test_every_name_is_listed_before_it_is_used():
    code = (
        "import sys, snntheory.spectral as room\n"
        "listed = set(dir(room))\n"
        "assert set(room.__all__) <= listed, sorted(set(room.__all__) - listed)\n"
        "heavy = {'torch', 'sympy', 'matplotlib', 'pywt', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "for name in room.__all__: assert callable(getattr(room, name)), name\n"
        "assert not {'torch', 'matplotlib'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
