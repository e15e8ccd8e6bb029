"""Schemas, parsed and built."""

from __future__ import annotations

import gc
import unittest

from support import USER

import modelreg
from modelreg import Schema, SchemaBuilder, StructureKind


class Parsing(unittest.TestCase):
    def test_a_text_bytes_and_a_mapping_are_the_same(self) -> None:
        text = '{"name": "A", "properties": {"b": "string"}}'
        schemas = [Schema(text), Schema(text.encode()), Schema({"name": "A", "properties": {"b": "string"}})]
        self.assertEqual(len({schema.fingerprint for schema in schemas}), 1)
        self.assertEqual({schema.name for schema in schemas}, {"A"})

    def test_what_a_schema_tells(self) -> None:
        schema = Schema(
            {
                "name": "Order",
                "base": "User",
                "strict": True,
                "properties": {
                    "id": {"type": "number", "id": True},
                    "lines": [{"sku": "string"}],
                    "note": {"type": "string", "required": True, "default": "ü"},
                    "realm": False,
                },
            }
        )
        self.assertEqual((schema.name, schema.base), ("Order", "User"))
        self.assertIs(schema.settings["strict"], True)
        properties = {each.name: each for each in schema.properties}
        self.assertTrue(properties["id"].id and not properties["id"].inherited)
        self.assertTrue(properties["email"].inherited)
        self.assertEqual(properties["lines"].type, "[{sku: string}]")
        self.assertTrue(properties["note"].required)
        self.assertEqual(properties["note"].attributes, {"required": True, "default": "ü"})
        info = schema.info
        self.assertEqual((info.own, info.hidden, info.declared), (3, 1, 4))
        self.assertEqual(info.properties, info.own + info.inherited)
        self.assertEqual(len(properties), info.properties)
        self.assertEqual((info.structure_kind, info.strict, info.has_structure), (StructureKind.COMPLEX, True, True))
        self.assertGreaterEqual(info.structure_depth, 1)
        self.assertEqual((len(schema.fingerprint), schema.fingerprint), (16, info.fingerprint))
        again = Schema(schema.to_json())
        self.assertTrue(schema.same_structure(again))

    def test_bases(self) -> None:
        with Schema({"name": "Base", "properties": {"a": "string"}}) as base:
            schema = Schema({"name": "A", "base": "Base", "properties": {"b": "string"}}, bases=[base])
        self.assertEqual([each.name for each in schema.properties], ["a", "b"])
        with self.assertRaises(modelreg.UnknownBaseError):
            Schema({"name": "A", "base": "Base"})
        with self.assertRaises(modelreg.NullHandleError):
            Schema({"name": "A", "base": "Base"}, bases=[base])

    def test_names(self) -> None:
        self.assertEqual(Schema({}, default_name="D").name, "D")
        builtin = Schema.builtin("User")
        assert builtin is not None
        self.assertEqual(builtin.name, "User")
        self.assertIsNone(Schema.builtin("Nobody"))

    def test_structures_of_one_shape_with_different_types_never_meet(self) -> None:
        one, other = (
            Schema({"name": "A", "properties": {"a": "string"}}),
            Schema({"name": "A", "properties": {"a": "number"}}),
        )
        self.assertFalse(one.same_structure(other))
        self.assertNotEqual(one.fingerprint, other.fingerprint)
        short, long = (
            Schema({"name": "A", "properties": {"n": "string"}}),
            Schema({"name": "B", "properties": {"n": {"type": "String"}}}),
        )
        self.assertTrue(short.same_structure(long))

    def test_what_is_no_definition(self) -> None:
        for text, error in (
            ("{", modelreg.JsonError),
            ("", modelreg.JsonError),
            ("[]", modelreg.SchemaError),
            ('{"name": "A", "properties": {"a": 1}}', modelreg.SchemaError),
            (b"\xff", modelreg.InvalidUtf8Error),
            ('{"name": "A", "properties": {"a": ' + "[" * 70 + '"string"' + "]" * 70 + "}}", modelreg.TooDeepError),
            ("[" * 100_000, modelreg.ModelregError),
        ):
            with self.assertRaises(error):
                Schema(text)
        with self.assertRaises(TypeError):
            Schema({"name": "A", "properties": {"a": object()}})

    def test_a_long_definition(self) -> None:
        schema = Schema({"name": "Long", "properties": {f"p{number}": "string" for number in range(3000)}})
        self.assertEqual(schema.info.own, 3000)
        self.assertEqual(len(Schema(schema.to_json()).properties), len(schema.properties))

    def test_a_schema_outlives_what_it_was_used_for_and_ends_by_itself(self) -> None:
        schema = Schema(USER)
        with modelreg.Registry() as registry:
            model = registry.register("User", schema)
            handle = schema.handle
            schema.close()
            schema.close()
            self.assertEqual(schema.handle, 0)
            self.assertIn("closed", repr(schema))
            again = model.schema
            assert again is not None
            self.assertNotEqual(again.handle, handle)
        self.assertEqual(again.name, "User")
        self.assertIn("'User'", repr(again))
        with self.assertRaises(modelreg.NullHandleError):
            schema.name
        del again
        gc.collect()


class Classifying(unittest.TestCase):
    def test_kind_and_depth(self) -> None:
        for value, kind, depth in (
            ({}, StructureKind.SIMPLE, 0),
            ({"a": "string"}, StructureKind.SIMPLE, 0),
            ('{"a": {"type": "string"}}', StructureKind.COMPLEX, 1),
            ({"a": {"b": {"c": 1}}}, StructureKind.COMPLEX, 2),
            ([{"a": 1}], StructureKind.ARRAY, None),
            (5, StructureKind.INVALID, 0),
            (b"null", StructureKind.INVALID, 0),
        ):
            found = modelreg.classify_structure(value)
            self.assertEqual(found[0], kind, value)
            if depth is not None:
                self.assertEqual(found[1], depth, value)
        with self.assertRaises(modelreg.JsonError):
            modelreg.classify_structure("{")


class Building(unittest.TestCase):
    def test_it_is_as_if_it_was_parsed(self) -> None:
        builder = SchemaBuilder("Order")
        builder.settings({"strict": True}).add("id", "number", {"id": True})
        builder.open_object("to", {"required": True}).add("zip", "string").close()
        builder.open_array("lines").open_object().add("sku", "string").close().close()
        built = builder.finish()
        parsed = Schema(
            {
                "name": "Order",
                "strict": True,
                "properties": {
                    "id": {"type": "number", "id": True},
                    "to": {"type": {"zip": "string"}, "required": True},
                    "lines": [{"sku": "string"}],
                },
            }
        )
        self.assertTrue(built.same_structure(parsed))
        self.assertEqual(built.fingerprint, parsed.fingerprint)
        self.assertEqual((built.name, built.info.strict), ("Order", True))

    def test_a_base(self) -> None:
        base = Schema.builtin("User")
        assert base is not None
        schema = SchemaBuilder("Member").base(base).add("age", "number").finish()
        self.assertEqual(schema.base, "User")
        self.assertIn("email", [each.name for each in schema.properties])

    def test_hiding(self) -> None:
        base = Schema.builtin("User")
        assert base is not None
        schema = SchemaBuilder("Member").base(base).hide("realm").finish()
        self.assertNotIn("realm", [each.name for each in schema.properties])
        self.assertEqual(schema.info.hidden, 1)

    def test_what_cannot_be_built(self) -> None:
        with self.assertRaises(modelreg.InvalidNameError):
            SchemaBuilder("")
        builder = SchemaBuilder("A")
        with self.assertRaises(modelreg.ModelregError):
            builder.close()
        with self.assertRaises(modelreg.ModelregError):
            builder.add("a", "")
        with self.assertRaises(modelreg.ModelregError):
            builder.add("a", "string", "[")
        builder.open_object("o")
        with self.assertRaises(modelreg.ModelregError):
            builder.finish()
        schema = builder.close().finish()
        self.assertEqual([each.name for each in schema.properties if not each.inherited], ["o"])
        with self.assertRaises(modelreg.NullHandleError):
            builder.finish()

    def test_the_same_limit_on_depth_as_json(self) -> None:
        builder = SchemaBuilder("Deep")
        with self.assertRaises(modelreg.TooDeepError):
            for _ in range(100):
                builder.open_object("o")


if __name__ == "__main__":
    unittest.main()
