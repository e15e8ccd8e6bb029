"""The end of the interpreter, forks, pickling, and finding the library."""

from __future__ import annotations

import copy
import os
import pickle
import sys
import tempfile
import threading
import unittest
from pathlib import Path

from support import USER, Case, eventually, python

import modelreg
from modelreg import _native

LIVE = """
import modelreg
registry = modelreg.Registry()
class Thing:
    def __init__(self, name): self.name = name
    def __del__(self): print("dropped", self.name, flush=True)
db = registry.data_source("db", user_data=Thing("owner"))
model = db.register("M", {"properties": {"a": "string"}}, user_data=Thing("model"))
"""


class Ending(unittest.TestCase):
    def run_program(self, program: str, expected: "list[str] | None" = None, **environment: str) -> str:
        done = python(LIVE + program, **environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        if expected is not None:
            self.assertEqual(sorted(done.stdout.splitlines()), sorted(expected))
        return done.stdout

    def test_everything_alive(self) -> None:
        self.run_program(
            "keep = db.models, db.hold_models(), model.hold(), model.schema, modelreg.SchemaBuilder('B')\n"
            "watcher = registry.watch()",
            ["dropped owner", "dropped model"],
        )

    def test_in_a_cycle(self) -> None:
        self.run_program(
            "a = [registry, db, model, db.models.as_tuple(), db.hold_models()]; a.append(a); import sys; sys.keep = a\n"
            "model.user_data.cycle = a; del a, registry, db, model"
        )

    def test_with_a_sweeper_at_full_speed(self) -> None:
        self.run_program(
            "registry.sweeper.start(interval=0.001, max_idle=0)\n"
            "for number in range(2000): registry.register(f'M{number}', tenant=f't{number % 9}', user_data=[number])"
        )

    def test_with_daemon_threads_inside_calls(self) -> None:
        for _ in range(3):
            self.run_program(
                "import threading, time\n"
                "def work():\n"
                "    while True:\n"
                "        other = modelreg.Registry()\n"
                "        d = other.data_source('d')\n"
                "        for n in range(20): d.register(f'M{n}', user_data=[n])\n"
                "        list(d.models.values()); other.clear(); other.close()\n"
                "for _ in range(3): threading.Thread(target=work, daemon=True).start()\n"
                "registry.sweeper.start(interval=0.001, max_idle=0)\n"
                "time.sleep(0.1)\n"
            )

    def test_calls_from_atexit_and_from_finalizers_of_modules(self) -> None:
        out = self.run_program(
            "import atexit, os, sys\n"
            "def late(): db.register('Late'); registry.clear(); print('late', list(db.models), flush=True)\n"
            "atexit.register(late)\n"
            "class Last:\n"
            "    def __init__(self, registry): self.registry = registry\n"
            "    def __del__(self, write=os.write, gone=modelreg.StaleHandleError):\n"
            "        r = self.registry\n"
            "        try: d = r.data_source('last'); d.register('L', user_data=[1]); assert list(d.models) == ['L']\n"
            "        except gone: pass\n"
            "        r.close(); write(1, b'last %d' % r.is_valid)\n"
            "last_of_all = Last(registry)\n"
        )
        self.assertIn("late []", out)
        self.assertIn("last 0", out)

    def test_ended_by_an_exception_and_by_a_signal(self) -> None:
        done = python(LIVE + "registry.sweeper.start(interval=0.001)\nraise SystemExit(3)")
        self.assertEqual((done.returncode, done.stderr), (3, ""))
        done = python(LIVE + "import os, signal; os.kill(os.getpid(), signal.SIGINT)")
        self.assertIn("KeyboardInterrupt", done.stderr)

    def test_a_finalizer_that_is_run_when_modules_are_gone_prints_nothing(self) -> None:
        self.run_program("import sys; sys.kept = [registry, db, model.hold(), db.hold_models()]")


@unittest.skipUnless(hasattr(os, "fork"), "forks")
class Forks(unittest.TestCase):
    def fork(self, program: str) -> None:
        done = python(
            LIVE + "import os, sys, threading, time\nthing = None\n" + program + "\n"
            "pid = os.fork()\n"
            "if pid == 0:\n"
            "    code = 1\n"
            "    try:\n"
            "        child()\n"
            "        code = 0\n"
            "    finally:\n"
            "        sys.stdout.flush(); sys.stderr.flush(); os._exit(code)\n"
            "assert os.waitpid(pid, 0)[1] == 0\n"
            "assert list(db.models) == ['M'] or finish\n",
            PYTHONWARNINGS="ignore::DeprecationWarning",
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)

    def test_a_child_uses_and_closes_its_copy(self) -> None:
        self.fork(
            "finish = False\n"
            "def child():\n"
            "    assert list(db.models) == ['M'] and model.user_data.name == 'model'\n"
            "    db.register('N', user_data=thing)\n"
            "    registry.clear(); assert list(db.models) == []\n"
            "    registry.close()\n"
        )

    def test_a_child_of_a_process_with_a_sweeper(self) -> None:
        self.fork(
            "registry.sweeper.start(interval=0.001, max_idle=3600)\n"
            "finish = False\n"
            "def child():\n"
            "    assert not registry.sweeper.running\n"
            "    assert not [t for t in threading.enumerate() if t.name == 'modelreg-release']\n"
            "    registry.sweeper.start(interval=0.001, max_idle=0)\n"
            "    import weakref\n"
            "    t = Thing('child'); w = weakref.ref(t)\n"
            "    registry.register('X', tenant='t', user_data=t); del t\n"
            "    limit = time.monotonic() + 10\n"
            "    while w() is not None and time.monotonic() < limit: time.sleep(0.002)\n"
            "    assert w() is None\n"
            "    registry.sweeper.stop(); registry.close()\n"
        )

    def test_a_fork_waits_for_threads_inside_of_long_calls(self) -> None:
        done = python(
            "import modelreg, os, sys, threading\n"
            "registry = modelreg.Registry(); stop = threading.Event()\n"
            "def work(code):\n"
            "    while not stop.is_set():\n"
            "        for n in range(5): registry.register(f'M{n}', tenant=code, user_data=[n])\n"
            "        registry.drop_tenant(code); registry.clear(); registry.reclaim()\n"
            "threads = [threading.Thread(target=work, args=(c,)) for c in 'ab']\n"
            "for t in threads: t.start()\n"
            "for _ in range(40):\n"
            "    pid = os.fork()\n"
            "    if pid == 0:\n"
            "        registry.register('C', user_data=object()); registry.clear(); registry.close(); os._exit(0)\n"
            "    assert os.waitpid(pid, 0)[1] == 0\n"
            "stop.set()\n"
            "for t in threads: t.join()\n",
            PYTHONWARNINGS="ignore::DeprecationWarning",
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_call_that_is_stuck_holds_up_one_fork_and_no_other(self) -> None:
        gate = _native._Gate()
        patience, _native.FORK_PATIENCE = _native.FORK_PATIENCE, 0.05
        try:
            mine, stuck = object(), object()
            gate.enter(mine)
            threading.Thread(target=gate.enter, args=(stuck,)).start()
            self.assertTrue(eventually(lambda: stuck in gate.inside))
            for _ in range(2):
                gate.before_fork()
                self.assertEqual((list(gate.inside), gate.forking), ([mine], [threading.get_ident()]))
                gate.after_fork_in_parent()
            self.assertEqual(gate.forking, [])
        finally:
            _native.FORK_PATIENCE = patience

    def test_multiprocessing_by_fork(self) -> None:
        done = python(
            LIVE + "import multiprocessing, os\n"
            "def ask(n): return n in range(4) and 'M' in db.models and len(db.models)\n"
            "if __name__ == '__main__':\n"
            "    with multiprocessing.get_context('fork').Pool(2) as pool: assert pool.map(ask, range(4)) == [1] * 4\n",
            PYTHONWARNINGS="ignore::DeprecationWarning",
        )
        self.assertEqual(done.returncode, 0, done.stderr)


class Pickling(Case):
    def test_what_stands_for_something_here_is_not_pickled_nor_copied(self) -> None:
        registry, db = self.registry, self.db()
        model = db.register("M", USER)
        things = [
            registry,
            db,
            registry.app(),
            model,
            model.hold(),
            db.models,
            db.hold_models(),
            db.hold_models()[0],
            model.schema,
            modelreg.SchemaBuilder("B"),
            registry.sweeper,
            registry.watch(),
        ]
        for thing in things:
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                with self.assertRaises(TypeError, msg=repr(thing)):
                    pickle.dumps(thing, protocol)
            for how in (copy.copy, copy.deepcopy):
                with self.assertRaises(TypeError):
                    how(thing)

    def test_facts_and_errors_are_pickled(self) -> None:
        self.db().register("M", USER)
        for fact in (self.registry.stats(), self.registry.memory(), *self.registry.tenants()):
            self.assertEqual(pickle.loads(pickle.dumps(fact)), fact)
        try:
            modelreg.Schema("{")
        except modelreg.JsonError as error:
            again = pickle.loads(pickle.dumps(error))
            self.assertEqual((type(again), str(again), again.line), (type(error), str(error), error.line))
            self.assertEqual((again.code, again.status, again.offset), (error.code, error.status, error.offset))


class Finding(unittest.TestCase):
    def test_it_says_where_it_looked(self) -> None:
        done = python("import modelreg", MODELREG_LIBRARY="/nowhere/libmodelreg.so")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("LibraryNotFoundError", done.stderr)
        self.assertIn("/nowhere/libmodelreg.so (named by MODELREG_LIBRARY): there is no such file", done.stderr)
        self.assertIn("cargo build --release", done.stderr)

    def test_a_file_that_is_no_library(self) -> None:
        with tempfile.NamedTemporaryFile(suffix=".so") as file:
            file.write(b"no library")
            file.flush()
            done = python("import modelreg", MODELREG_LIBRARY=file.name)
            self.assertIn("LibraryNotFoundError", done.stderr)
            self.assertIn(f"{file.name} (named by MODELREG_LIBRARY)", done.stderr)

    def test_a_library_of_another_kind_and_of_another_version(self) -> None:
        compiler = next((c for c in ("cc", "gcc", "clang") if __import__("shutil").which(c)), None)
        if compiler is None:
            self.skipTest("there is no C compiler")
        import subprocess

        with tempfile.TemporaryDirectory() as directory:
            for source, expected in (
                ("int other(void) { return 1; }", "mreg_version"),
                (
                    "unsigned mreg_version(void) { return 2 << 8; }",
                    "it has the version 0.2.0, and this package needs 0.1",
                ),
                ("unsigned mreg_version(void) { return 1 << 8; }", "but lacks mreg_"),
            ):
                path = Path(directory) / "lib.so"
                subprocess.run(
                    [compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", str(path)], input=source.encode(), check=True
                )
                done = python("import modelreg", MODELREG_LIBRARY=str(path))
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("LibraryNotFoundError", done.stderr)
                self.assertIn(expected, done.stderr)

    def test_it_can_be_caught(self) -> None:
        done = python(
            "try:\n    import modelreg\nexcept ImportError as error:\n    print(type(error).__name__)",
            MODELREG_LIBRARY="/nowhere",
        )
        self.assertEqual((done.stdout, done.returncode), ("LibraryNotFoundError\n", 0), done.stderr)

    def test_it_says_what_it_found(self) -> None:
        self.assertRegex(modelreg.library_version(), r"^0\.1\.\d+$")
        self.assertIn("modelreg", modelreg.library_path())
        self.assertIn(str(sys.version_info[0]), sys.version)


if __name__ == "__main__":
    unittest.main()
