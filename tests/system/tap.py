"""TAP, as the tests with real processes print it. Not a test itself."""
import sys


class Tap:
    def __init__(self):
        self.n = self.failed = 0

    def check(self, passed, name, detail=None):
        self.n += 1
        self.failed += not passed
        print(f"{'ok' if passed else 'not ok'} {self.n} - {name}", flush=True)
        if not passed and detail not in (None, ""):
            self.note(detail)
        return passed

    def note(self, text):
        print("\n".join("# " + line for line in str(text).splitlines()), flush=True)

    def skip(self, name, why):
        self.n += 1
        print(f"ok {self.n} - {name} # SKIP {why}", flush=True)

    def skip_all(self, what, why):
        print(f"ok 1 - {what} # SKIP {why}\n1..1")
        sys.exit(0)

    def done(self):
        """The plan; returns the exit status: a run that checked nothing has failed."""
        print(f"1..{self.n}", flush=True)
        return 1 if self.failed or not self.n else 0


tap = Tap()  # of the program that runs


def ok(what, passed, note=None):
    return tap.check(passed, what, note)
