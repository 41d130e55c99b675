"""What the process that understands leaves behind when it dies."""

import signal
import subprocess
import sys
from contextlib import closing

from beffroi.watching.mark import WHOLE, At, Mark


def test_what_a_process_was_at_is_known_after_its_death() -> None:
    with closing(Mark.make()) as mark:
        assert mark.at() is None
        code = """if True:
            import os, signal, sys
            from beffroi.watching.mark import Mark
            mark = Mark(int(sys.argv[1]))
            mark.set(5, 1 << 40)
            mark.set(5, 77, 3)
            os.kill(os.getpid(), signal.SIGKILL)
        """
        died = subprocess.run([sys.executable, "-c", code, str(mark.handle)], pass_fds=[mark.handle], check=False)
        assert died.returncode == -signal.SIGKILL
        assert mark.at() == At(5, 77, 3)
        mark.set(5, 90)
        assert mark.at() == At(5, 90, WHOLE)
        mark.clear()
        assert mark.at() is None
