//! Schemas that are built: the same as a definition that is parsed, in whatever order it was built.

use std::mem::ManuallyDrop;

use super::*;
use crate::call;
use crate::support_c_api::building::{Builder, json};
use modelreg::capi::mreg_schema_options;

const BASES: [&str; 3] = ["One", "Two", "None"];
const PROPERTIES: [&str; 4] = ["a", "b", "c", "a.b"];
const TYPES: [&str; 4] = ["string", "Number", "Customer", ""];
const ATTRIBUTES: [&str; 4] = ["", "", r#""required":true"#, r#""id":1,"default":"x""#];
const SETTINGS: [&str; 4] = ["", r#""strict":true"#, r#""plural":"Many""#, r#""strict":false,"indexes":[{"a":1}]"#];
/// As deep as types are nested here.
const DEEPEST: usize = 8;

fn object(members: &str) -> String {
    if members.is_empty() { String::new() } else { format!("{{{members}}}") }
}

impl Run<'_> {
    pub fn build_some(&mut self) {
        let choice = self.bytes.byte();
        let count = self.world.builders.len();
        if count == 0 || (choice & 7 == 0 && count < 4) {
            let builder = ManuallyDrop::new(Builder::new("Built"));
            self.give(builder.0);
            self.world.builders.push(naive::Builder::new(builder.0));
            return;
        }
        let at = usize::from(choice >> 3) % count;
        for _ in 0..=choice & 3 {
            self.build(at);
        }
    }

    fn build(&mut self, at: usize) {
        let (step, choice) = (self.bytes.byte(), usize::from(self.bytes.byte()));
        let known = &mut self.world.builders[at];
        let builder = ManuallyDrop::new(Builder(known.handle));
        // An element has no name; now and then one is asked for all the same.
        let name = if known.in_array() && step & 48 != 0 { "" } else { PROPERTIES[choice & 3] };
        let (ty, more) = (TYPES[choice >> 2 & 3], ATTRIBUTES[choice >> 4 & 3]);
        let more = if name.is_empty() { "" } else { more };
        let (result, expected) = match step & 15 {
            0..=4 => (builder.add(name, ty, &object(more)), known.add(name, ty, more)),
            5..=8 if known.depth() < DEEPEST => {
                let is_array = step & 1 != 0;
                let (open, more_text) = (if is_array { Builder::array } else { Builder::object }, object(more));
                (open(&builder, name, &more_text), known.open(name, more, is_array))
            }
            5..=10 => (builder.close(), known.close()),
            11 => (builder.hide(name), known.hide(name)),
            12 => {
                let base = choice % BASES.len();
                let expected = known.set(|known| known.base = Some((base, BASES[base])));
                (builder.base(SCHEMAS[base]), expected)
            }
            13 => {
                let settings = SETTINGS[choice & 3];
                let expected = known.set(|known| known.settings = settings);
                (builder.settings(&format!("{{{settings}}}")), expected)
            }
            14 => {
                let (built, expected) = (builder.finish(), known.finish());
                if let Ok(built) = built {
                    self.check_built(at, built);
                }
                (built.map(drop), expected)
            }
            _ => (builder.free(), known.free()),
        };
        assert_eq!(
            result.map_err(|failure| failure.code),
            expected,
            "step {} with {name:?}, {ty:?}, {more}",
            step & 15
        );
    }

    fn check_built(&mut self, at: usize, built: u64) {
        let known = &self.world.builders[at];
        let text = known.definition("Built");
        let base = known.base.map(|(at, _)| SCHEMAS[at]);
        let mut options = made::<mreg_schema_options>(capi::mreg_schema_options_init);
        (options.bases, options.base_count) = (base.as_slice().as_ptr(), base.iter().len());
        let mut parsed = 0;
        call!(mreg_schema_parse(text.as_ptr().cast(), text.len(), &options, &mut parsed)).expect("a schema");
        assert_eq!(json(built), json(parsed), "{text}");
        assert!(same_structure(built, parsed), "{text}");
        free_schema(parsed).expect("a schema is freed");
        self.give(built);
        self.schemas.push((built, true));
    }

    pub fn end_builders(&mut self) {
        for known in &mut self.world.builders {
            let builder = ManuallyDrop::new(Builder(known.handle));
            for _ in 0..2 {
                assert_eq!(builder.free().map_err(|failure| failure.code), known.free());
            }
        }
    }
}
