"""Exceptions by status, wrong arguments, and the structs' sizes."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import tempfile
import unittest
from datetime import timedelta
from typing import Any, Callable

from support import ROOT, SAMPLE_APP, USER, Case

import modelreg
from modelreg import _native, _structs, errors

HEADER = ROOT / "include" / "modelreg.h"


class Statuses(unittest.TestCase):
    def test_each_status_of_the_library_has_a_class(self) -> None:
        for code in range(1, 1000):
            name = _native.status_name(code).decode()
            if name == "MREG_UNKNOWN_STATUS":
                self.assertNotIn(code, errors.BY_CODE)
                continue
            kind = errors.BY_CODE[code]
            self.assertEqual((kind.CODE, kind.STATUS), (code, name))
            self.assertTrue(issubclass(kind, modelreg.ModelregError))
            self.assertTrue(kind.__doc__)
            self.assertIs(getattr(modelreg, kind.__name__), kind)

    def test_structs_have_the_size_and_the_defaults_that_the_library_gives_them(self) -> None:
        for name, kind in _structs.INITIALIZED.items():
            if _native.initializer(name) is None:
                self.skipTest(f"the library has no {name}")
            size = ctypes.sizeof(kind)
            room = ctypes.create_string_buffer(b"\xff" * (size + 64), size + 64)
            _native.initializer(name)(ctypes.addressof(room))
            given = kind.from_buffer_copy(room)
            self.assertEqual((given.struct_size, room.raw[size:]), (size, b"\xff" * 64), name)
            if name != "mreg_sweeper_options_init":
                self.assertEqual(bytes(given), bytes(kind()), name)

    def test_what_an_error_says(self) -> None:
        with self.assertRaises(modelreg.SchemaError) as caught:
            modelreg.Schema('{"name": "A",\n "properties": {"x": 5}}')
        error = caught.exception
        self.assertEqual((error.code, error.status), (31, "MREG_ERROR_SCHEMA"))
        self.assertEqual((error.line, error.name), (2, "x"))
        self.assertGreater(error.column, 1)
        self.assertGreater(error.offset, 10)
        self.assertIn(error.message, str(error))
        self.assertIn("line 2", str(error))
        self.assertIsInstance(error, ValueError)

    def test_a_status_that_nobody_knows_yet(self) -> None:
        error = modelreg.ModelregError("m", code=99)
        self.assertEqual((error.code, error.status, str(error)), (99, "MREG_UNKNOWN_STATUS", "m"))


@unittest.skipUnless(HEADER.is_file(), "the header is not beside the tests")
class Header(unittest.TestCase):
    """The declarations here are those of ``include/modelreg.h``."""

    #: What this package has no use for, and why.
    NOT_BOUND = {
        "mreg_owner_has": "the view answers it",
        "mreg_owner_get": "the view answers it",
        "mreg_owner_models_many": "the views of the owners answer it, each without a call while nothing changed",
        "mreg_owner_get_many": "the view answers it",
        "mreg_owner_registry": "an owner knows its registry",
        "mreg_model_registry": "a model knows its registry",
        "mreg_log_set": "it would call Python from the library's thread",
    }

    def declared(self) -> "dict[str, int]":
        """The functions of the header, each with its number of parameters."""
        text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(encoding="utf-8"), flags=re.S)
        found = re.findall(r"\b(mreg_\w+)\(([^()]*)\);", text)
        return {name: 0 if parameters.strip() == "void" else parameters.count(",") + 1 for name, parameters in found}

    def test_each_function_is_bound_with_as_many_arguments(self) -> None:
        declared = self.declared()
        self.assertGreater(len(declared), 80)
        bound = {name: len(arguments) for name, arguments in _native.BOUND.items()}
        for name, count in declared.items():
            if name in self.NOT_BOUND or name.endswith("_init"):
                continue
            # Some questions are there for the finder of the library alone.
            if name != "mreg_version":
                self.assertEqual(bound.get(name), count, name)
        self.assertEqual(set(bound) - set(declared), set())

    def test_each_field_is_where_c_has_it(self) -> None:
        compiler = next((each for each in ("cc", "gcc", "clang") if shutil.which(each)), None)
        if compiler is None:
            self.skipTest("there is no C compiler")
        kinds: "list[type[ctypes.Structure]]" = [*_structs.INITIALIZED.values(), _structs.Text, _structs.Stamp]
        lines, expected = [], []
        for kind in kinds:
            name = "mreg_" + re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
            lines.append(f"sizeof({name}), (size_t)0")
            expected.append((ctypes.sizeof(kind), 0))
            for field in kind._fields_:
                lines.append(f"offsetof({name}, {field[0]}), sizeof((({name} *)0)->{field[0]})")
                place = getattr(kind, field[0])
                expected.append((place.offset, place.size))
        program = (
            f'#include "{HEADER}"\n#include <stdio.h>\nint main(void) {{\n'
            + "".join(f'    printf("%zu %zu\\n", {line});\n' for line in lines)
            + "    return 0;\n}\n"
        )
        with tempfile.TemporaryDirectory() as directory:
            path = f"{directory}/fields"
            subprocess.run([compiler, "-x", "c", "-", "-o", path], input=program, text=True, check=True)
            said = subprocess.run([path], capture_output=True, text=True, check=True).stdout
        self.assertEqual([tuple(map(int, line.split())) for line in said.splitlines()], expected)


class WrongArguments(Case):
    def test_types(self) -> None:
        registry, db = self.registry, self.db()
        model = db.register("M")
        calls: "list[Callable[[], Any]]" = [
            lambda: registry.register(None),  # type: ignore[arg-type]
            lambda: registry.register(b"M"),  # type: ignore[arg-type]
            lambda: registry.register("M", 5),  # type: ignore[arg-type]
            lambda: registry.register("M", settings=object()),  # type: ignore[arg-type]
            lambda: registry.register("M", tenant=5),  # type: ignore[arg-type]
            lambda: registry.register("M", marks="1"),  # type: ignore[arg-type]
            lambda: registry.register("M", data_source="db"),  # type: ignore[arg-type]
            lambda: registry.register("M", app=model),  # type: ignore[arg-type]
            lambda: registry.drop_tenant("x", model),  # type: ignore[arg-type]
            lambda: model.move(app=5),  # type: ignore[arg-type]
            lambda: modelreg.Schema("{}", bases=["A"]),  # type: ignore[list-item]
            lambda: modelreg.Schema({}, default_name="A").same_structure("A"),  # type: ignore[arg-type]
            lambda: modelreg.SchemaBuilder("B").base("A"),  # type: ignore[arg-type]
            lambda: registry.find_by_name(5),  # type: ignore[arg-type]
            lambda: registry.find_by_name("M", tenant=5),  # type: ignore[arg-type]
            lambda: registry.find_by_structure(5),  # type: ignore[arg-type]
            lambda: registry.data_source(5),  # type: ignore[arg-type]
            lambda: registry.data_source(connector=5),  # type: ignore[arg-type]
            lambda: registry.owner(None),  # type: ignore[arg-type]
            lambda: registry.kind(5),  # type: ignore[arg-type]
            lambda: registry.tenant(5),  # type: ignore[arg-type]
            lambda: registry.tenant_models(5),  # type: ignore[arg-type]
            lambda: registry.drop_tenant(5),  # type: ignore[arg-type]
            lambda: registry.drop_idle("1"),  # type: ignore[arg-type]
            lambda: registry.drop_idle(True),
            lambda: registry.touch(5),  # type: ignore[arg-type]
            lambda: registry.load(5),  # type: ignore[arg-type]
            lambda: registry.load(".", app=5),  # type: ignore[arg-type]
            lambda: registry.load(".", environment=5),  # type: ignore[arg-type]
            lambda: registry.sweeper.start(interval="1"),  # type: ignore[arg-type]
            lambda: modelreg.Schema(None),  # type: ignore[arg-type]
            lambda: modelreg.Schema("{}", default_name=5),  # type: ignore[arg-type]
            lambda: modelreg.Schema.builtin(5),  # type: ignore[arg-type]
            lambda: modelreg.SchemaBuilder(5),  # type: ignore[arg-type]
            lambda: modelreg.SchemaBuilder("B").add("a", 5),  # type: ignore[arg-type]
            lambda: modelreg.tenant(5).__enter__(),  # type: ignore[arg-type]
            lambda: modelreg.set_thread_tenant(5),  # type: ignore[arg-type]
            lambda: modelreg.Registry(reserved_tenants=[5]),  # type: ignore[list-item]
            lambda: modelreg.Registry(max_models="1"),  # type: ignore[arg-type]
            lambda: modelreg.Model(),
            lambda: modelreg.Owner(),
            lambda: modelreg.DataSource(),
            lambda: modelreg.Snapshot(),
        ]
        for number, call in enumerate(calls):
            with self.assertRaises(TypeError, msg=f"call {number}"):
                call()
        self.assertEqual((db.names, model.is_valid), (("M",), True))

    def test_values(self) -> None:
        registry = self.registry
        for call in (
            lambda: registry.register("a\0b"),
            lambda: registry.register("a\nb"),
            lambda: registry.register("\ud800"),
            lambda: registry.register("M", tenant="a\0b"),
            lambda: registry.register("M", marks=1 << 32),
            lambda: registry.register("M", tenant="x" * 300),
            lambda: registry.register("M", settings={"a": float("nan")}),
            lambda: registry.data_source(connector="x" * 300),
            lambda: registry.drop_idle(-1),
            lambda: registry.drop_idle(float("nan")),
            lambda: registry.drop_idle(timedelta(-1)),
            lambda: registry.sweeper.start(interval=0),
            lambda: registry.watch(-1),
            lambda: registry.watch(1 << 21),
            lambda: registry.load(".", environment="a/b"),
            lambda: registry.tenant("\0"),
        ):
            with self.assertRaises(ValueError):
                call()
        with self.assertRaises(modelreg.InvalidUtf8Error):
            registry.register("\ud800")
        with self.assertRaises(modelreg.InvalidNameError) as caught:
            registry.register("ab\0")
        self.assertEqual(caught.exception.offset, 2)
        self.assertEqual(registry.drop_idle(float("inf")), 0)

    def test_everything_of_a_closed_registry_says_so(self) -> None:
        registry, db = self.registry, self.db()
        model = db.register("M", USER)
        self.assertIn("registry", repr(registry).lower())
        registry.close()
        registry.close()
        self.assertFalse(registry.is_valid or db.is_valid or model.is_valid)
        for call in (
            registry.clear,
            registry.reclaim,
            registry.stats,
            registry.memory,
            registry.all_models,
            registry.hold_models,
            registry.tenant_models,
            registry.app,
            registry.data_source,
            lambda: registry.owner("x"),
            lambda: registry.register("M"),
            lambda: registry.find_by_name("M"),
            lambda: registry.find_by_structure(USER),
            lambda: registry.tenant(),
            lambda: list(registry.tenants()),
            lambda: registry.drop_tenant("x"),
            registry.drop_idle,
            lambda: registry.touch("x"),
            lambda: registry.load(SAMPLE_APP),
            lambda: registry.generation,
            lambda: registry.set_clock(5),
            registry.sweeper.start,
            registry.sweeper.stop,
            registry.sweeper.run,
            lambda: registry.sweeper.info,
            registry.watch,
            registry.leak_report,
            lambda: db.tenant,
            lambda: db.user_data,
            lambda: db.names,
            db.hold_models,
            db.release,
            db.invalidate,
            db.touch,
            model.unregister,
        ):
            self.stale(call)
        self.assertIn("closed", repr(registry))
        self.assertIn("released", repr(db))
        self.assertIn("stale", repr(model))

    def test_handles_of_other_things(self) -> None:
        db = self.db()
        for handle, error in (
            (0, modelreg.NullHandleError),
            (db.handle, modelreg.WrongHandleTypeError),
            (5, modelreg.ForgedHandleError),
        ):
            with self.assertRaises(error):
                modelreg.Registry.from_handle(handle)

    def test_releasing_twice(self) -> None:
        with self.db() as db:
            db.release()
            self.stale(db.release)
        with self.db() as db:
            self.registry.close()


if __name__ == "__main__":
    unittest.main()
