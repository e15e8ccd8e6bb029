//! Reading a definition's properties straight from its bytes, without a tree of the JSON in between.
//!
//! It goes only as far as everything is as it should be: what is refused or seldom written is left to
//! [`Draft`](super::Draft)'s reading of the tree, which names what is wrong and where.

use super::alloc::{boxed_str, exhausted, push, with_capacity};
use super::draft::MAX_TYPE_DEPTH;
use super::json::{FEW, Member, Object, Text};
use super::quick::{Quick, Reader, Refusal, take};
use super::read::bit_of;
use super::structure::sorted_by;
use super::types::{Property, Type};

/// For how many properties there is room at first: a block just small enough that an allocator gets it quickly.
const TYPICAL: usize = 1000 / size_of::<Property>();

/// The properties of one level, in their order.
#[derive(Debug, Default)]
pub(super) struct Properties {
    pub(super) own: Box<[Property]>,
    pub(super) hidden: Box<[Box<str>]>,
}

/// What is at the top of a definition.
#[derive(Debug)]
pub(super) struct Definition<'a> {
    /// All members but the properties.
    pub(super) members: Vec<Member<'a>>,
    pub(super) properties: Option<Properties>,
}

/// What an object in the place of a type turned out to be.
enum Found {
    Properties(Properties),
    /// It has a member `type`, so that its members are no properties.
    Typed,
}

impl<'a> Reader<'a> {
    /// The definition that the whole text is.
    pub(super) fn definition(mut self) -> Quick<Definition<'a>> {
        let (mut members, mut properties): (Vec<Member<'a>>, _) = (with_capacity(FEW / 4)?, None);
        if self.next() != b'{' {
            return Err(Refusal::Odd);
        }
        self.enter()?;
        let mut more = self.next() != b'}';
        while more {
            let offset = self.offset();
            let key = self.key()?;
            if key == "properties" && self.next() == b'{' {
                if properties.is_some() {
                    return Err(Refusal::Odd);
                }
                self.enter()?;
                let Found::Properties(found) = self.properties(0, true)? else { return Err(Refusal::Odd) };
                self.leave();
                properties = Some(found);
            } else {
                if key == "properties" || members.iter().any(|member| member.key.bytes() == key.as_bytes()) {
                    return Err(Refusal::Odd);
                }
                let value = self.value()?;
                push(&mut members, Member { key: Text::Borrowed(key), value, offset, source: self.source })?;
            }
            more = self.another(b'}')?;
        }
        self.leave();
        self.end()?;
        Ok(Definition { members, properties })
    }

    /// The members of an object as properties. At the top of a definition, one called `type` is a property like any other.
    fn properties(&mut self, depth: u32, is_top: bool) -> Quick<Found> {
        let from = self.properties.len();
        if self.properties.capacity() == 0 {
            self.properties.try_reserve_exact(TYPICAL).map_err(exhausted)?;
        }
        let mut hidden: Vec<Box<str>> = Vec::new();
        let mut bits = 0;
        let mut more = self.next() != b'}';
        while more {
            let key = self.key()?;
            if !is_top && key == "type" {
                return Ok(Found::Typed);
            }
            let bit = bit_of(key);
            let others = self.properties.len() - from + hidden.len();
            if others < FEW && bits & bit != 0 {
                let mut names = self.properties[from..].iter().map(|property| &property.name);
                let is_hidden = hidden.iter().any(|name| **name == *key);
                if is_hidden || names.any(|name| name.bytes() == key.as_bytes()) {
                    return Err(Refusal::Odd);
                }
            }
            bits |= bit;
            if key.as_bytes().contains(&b'.') {
                return Err(Refusal::Odd);
            }
            match self.next() {
                b'n' => {
                    self.word("null", ())?;
                    push(&mut hidden, boxed_str(key).map_err(exhausted)?)?;
                }
                b'f' => {
                    self.word("false", ())?;
                    push(&mut hidden, boxed_str(key).map_err(exhausted)?)?;
                }
                _ => {
                    let (ty, attributes) = self.type_reference(depth)?;
                    push(&mut self.properties, Property::new(Text::copy(key)?, ty, attributes))?;
                }
            }
            more = self.another(b'}')?;
        }
        if self.properties.len() - from + hidden.len() > FEW {
            if !hidden.is_empty() {
                return Err(Refusal::Odd);
            }
            let name = |place: u32| self.properties[from + place as usize].name.bytes();
            let sorted = sorted_by(self.properties.len() - from, |place| name(place as u32))?;
            if sorted.windows(2).any(|two| name(two[0]) == name(two[1])) {
                return Err(Refusal::Odd);
            }
        }
        let own = take(&mut self.properties, from)?;
        Ok(Found::Properties(Properties { own, hidden: super::alloc::exact(hidden)? }))
    }

    /// What stands for a type, with the attributes beside it.
    fn type_reference(&mut self, depth: u32) -> Quick<(Type, Object<'static>)> {
        match self.next() {
            b'"' => Ok((Type::named(Text::Borrowed(self.string()?))?, Object::default())),
            b'[' => Ok((self.array_type(depth)?, Object::default())),
            b'{' => {
                self.enter()?;
                let read = if self.is_next("\"type\"") { self.typed(depth)? } else { self.either(depth)? };
                self.leave();
                Ok(read)
            }
            _ => Err(Refusal::Odd),
        }
    }

    /// An anonymous model, or a type whose attributes come before it: which of them tells a member further on. What is read
    /// twice for that is bounded, however deep it nests.
    fn either(&mut self, depth: u32) -> Quick<(Type, Object<'static>)> {
        let begin = self.mark();
        match self.anonymous(depth) {
            Ok(Some(ty)) => Ok((ty, Object::default())),
            Ok(None) | Err(Refusal::Odd) => {
                self.go_back(begin)?;
                self.typed(depth)
            }
            Err(failed) => Err(failed),
        }
    }

    /// A type with attributes, from behind the opening brace.
    fn typed(&mut self, depth: u32) -> Quick<(Type, Object<'static>)> {
        let from = self.attributes.len();
        let mut ty = None;
        let mut bits = 0;
        let mut more = self.next() != b'}';
        while more {
            let offset = self.offset();
            let key = self.key()?;
            if key == "type" {
                if ty.is_some() {
                    return Err(Refusal::Odd);
                }
                ty = Some(self.type_alone(depth)?);
            } else {
                let bit = bit_of(key);
                if bits & bit != 0 && self.attributes[from..].iter().any(|other| other.key.bytes() == key.as_bytes()) {
                    return Err(Refusal::Odd);
                }
                bits |= bit;
                if self.attributes.len() - from > FEW {
                    return Err(Refusal::Odd);
                }
                let value = self.owned_value()?;
                let member = Member { key: Text::copy(key)?, value, offset, source: self.source };
                push(&mut self.attributes, member)?;
            }
            more = self.another(b'}')?;
        }
        let Some(ty) = ty else { return Err(Refusal::Odd) };
        Ok((ty, Object { members: take(&mut self.attributes, from)? }))
    }

    /// The value of a member `type`, which is true to JavaScript.
    fn type_alone(&mut self, depth: u32) -> Quick<Type> {
        match self.next() {
            b'"' => match self.string()? {
                "" => Err(Refusal::Odd),
                name => Ok(Type::named(Text::Borrowed(name))?),
            },
            b'[' => self.array_type(depth),
            b'{' => {
                self.enter()?;
                let ty = self.anonymous(depth)?;
                self.leave();
                // One inside another would need to be told from attributes.
                ty.ok_or(Refusal::Odd)
            }
            _ => Err(Refusal::Odd),
        }
    }

    /// An anonymous model, from behind the opening brace; nothing where it is none.
    fn anonymous(&mut self, depth: u32) -> Quick<Option<Type>> {
        if depth >= MAX_TYPE_DEPTH {
            return Err(Refusal::Odd);
        }
        match self.properties(depth + 1, false)? {
            // Inside a type nothing is inherited, and nothing can be hidden.
            Found::Properties(Properties { own, .. }) => Ok(Some(Type::Anonymous(own))),
            Found::Typed => Ok(None),
        }
    }

    fn array_type(&mut self, depth: u32) -> Quick<Type> {
        if depth >= MAX_TYPE_DEPTH {
            return Err(Refusal::Odd);
        }
        self.enter()?;
        let mut element = Vec::new();
        let mut more = self.next() != b']';
        if more {
            element = with_capacity(1)?;
            element.push(self.type_reference(depth + 1)?.0);
            more = self.another(b']')?;
        }
        // The first one is the element's type. What follows says nothing.
        while more {
            self.value()?;
            more = self.another(b']')?;
        }
        self.leave();
        Ok(Type::Array(element.into_boxed_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Draft;
    use crate::schema::quick::read_or_not;
    use crate::schema::read::{parse_any, text_of};
    use std::fmt::Debug;

    /// What the two ways of reading give, where both are taken; how many times the quick one was.
    fn compare(input: &[u8]) -> usize {
        let shown = |one: &dyn Debug| format!("{one:?}");
        let Ok((text, start)) = text_of(input) else { return 0 };
        let Ok(tree) = read_or_not(Reader::new(text, start, 7).whole()) else { panic!("there is memory") };
        if let Some(tree) = &tree {
            let other = parse_any(input, text, start, 7);
            assert_eq!(shown(&Ok::<_, crate::error::Error>(tree)), shown(&other), "{text}");
        }
        let Ok(read) = read_or_not(Reader::new(text, start, 0).definition()) else { panic!("there is memory") };
        let was_read = read.is_some();
        for keep_going in [false, true] {
            let quick = Draft::read(input, None, keep_going);
            let slow = Draft::read_after(None, input, None, keep_going);
            assert_eq!(shown(&quick), shown(&slow), "{text}");
        }
        usize::from(was_read) + usize::from(tree.is_some())
    }

    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % limit
        }

        fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
            from[self.below(from.len())]
        }
    }

    const KEYS: [&str; 12] = [
        "id",
        "type",
        "name",
        "base",
        "properties",
        "options",
        "a",
        "b",
        "strict",
        "",
        "x.y",
        "a name of more than some bytes",
    ];
    const SCALARS: [&str; 22] = [
        "true",
        "false",
        "null",
        "0",
        "1",
        "-1",
        "-0",
        "1.50",
        "-0.5",
        "1e3",
        "01",
        "123456789012345678901234567890",
        "\"string\"",
        "\"NUMBER\"",
        "\"\"",
        "\"Order\"",
        "\"a\\nb\"",
        "\"gr\u{fc}n\"",
        "\"a text that is longer than most\"",
        "[]",
        "{}",
        "tru",
    ];

    fn write(random: &mut Random, out: &mut String, depth: usize) {
        let blank = if random.below(8) == 0 { " \n" } else { "" };
        match random.below(if depth > 4 { 5 } else { 12 }) {
            0..=4 => out.push_str(random.pick(&SCALARS)),
            5 | 6 => {
                out.push('[');
                for index in 0..random.below(3) {
                    out.push_str(if index == 0 { blank } else { "," });
                    write(random, out, depth + 1);
                }
                out.push(']');
            }
            _ => object(random, out, depth, blank),
        }
    }

    fn object(random: &mut Random, out: &mut String, depth: usize, blank: &str) {
        out.push('{');
        for index in 0..random.below(4) {
            out.push_str(if index == 0 { "" } else { "," });
            let key = if random.below(3) == 0 { "type" } else { random.pick(&KEYS) };
            out.push_str(&format!("{blank}\"{key}\"{blank}:{blank}"));
            write(random, out, depth + 1);
            out.push_str(blank);
        }
        out.push('}');
    }

    #[test]
    fn both_ways_of_reading_give_the_same() {
        let (mut random, mut quick) = (Random(1), 0);
        for _ in 0..if cfg!(miri) { 20 } else { 4_000 } {
            let mut text = String::from("{\"name\":\"M\",\"properties\":");
            object(&mut random, &mut text, 0, "");
            if random.below(4) == 0 {
                text.push_str(",\"options\":");
                write(&mut random, &mut text, 3);
            }
            text.push('}');
            quick += compare(text.as_bytes());
            // One byte that is another, or none.
            let mut bytes = text.into_bytes();
            let place = random.below(bytes.len());
            match random.below(3) {
                0 => bytes.truncate(place),
                1 => drop(bytes.remove(place)),
                _ => bytes[place] = b"\"\\{}[]:,.-0et \0\n\xff"[random.below(17)],
            }
            compare(&bytes);
        }
        assert!(cfg!(miri) || quick > 2_000, "most are read the quick way: {quick}");
    }

    #[test]
    fn what_nests_deep_or_has_many_members_is_read_the_same() {
        for depth in [30, 62, 63, 64, 65, 66, 125, 126, 127, 128] {
            for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("{\"a\":1,\"type\":", "}"), ("{\"type\":[", "]}")] {
                let (open, close) = (open.repeat(depth), close.repeat(depth));
                compare(format!("{{\"name\":\"M\",\"properties\":{{\"p\":{open}\"string\"{close}}}}}").as_bytes());
                compare(format!("{open}1{close}").as_bytes());
            }
        }
        for count in [16, 31, 32, 33, 34, 70, 200] {
            for again in [0, 5, count - 1, count] {
                let names = (0..count).map(|index| format!("\"n{index}\":\"string\",")).collect::<String>();
                compare(format!("{{\"name\":\"M\",\"properties\":{{{names}\"n{again}\":\"number\"}}}}").as_bytes());
                let text = names.replace("\"string\"", "null");
                compare(format!("{{\"name\":\"M\",\"properties\":{{{text}\"n{again}\":null}}}}").as_bytes());
                compare(
                    format!("{{\"name\":\"M\",\"properties\":{{\"a\":{{\"type\":\"x\",{names}\"n{again}\":1}}}}}}")
                        .as_bytes(),
                );
                compare(format!("{{\"name\":\"M\",{names}\"n{again}\":1}}").as_bytes());
            }
        }
    }
}
