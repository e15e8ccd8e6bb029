//! Property types and properties.

use super::json::{Json, Object, Text};
use super::structure::first_bytes;
use crate::core::fallible;
use crate::error::{Result, Status};
use std::fmt::{self, Write as _};

macro_rules! builtins {
    ($( $name:ident = $text:literal; )*) => {
        /// The built-in types. Their names count without regard to case.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        #[repr(u8)]
        pub enum Builtin { $( #[doc = concat!("`", $text, "`")] $name, )* }

        impl Builtin {
            /// Every built-in type.
            pub const ALL: &'static [Builtin] = &[$( Builtin::$name, )*];

            /// The name in lower case.
            pub const fn name(self) -> &'static str {
                match self { $( Builtin::$name => $text, )* }
            }
        }
    };
}

builtins! {
    String = "string";
    Number = "number";
    Boolean = "boolean";
    Date = "date";
    Object = "object";
    Array = "array";
    Any = "any";
    Text = "text";
    Json = "json";
    Buffer = "buffer";
    Binary = "binary";
    GeoPoint = "geopoint";
    DateString = "datestring";
}

impl Builtin {
    /// The built-in type of this name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        let folded = first_bytes(name.as_bytes()) | LOWER;
        let place = FOLDED.iter().position(|other| *other == folded)?;
        let builtin = Builtin::ALL[place];
        let same = builtin.name().len() == name.len();
        // Beyond eight bytes nothing was compared yet.
        (same && (name.len() <= 8 || builtin.name().eq_ignore_ascii_case(name))).then_some(builtin)
    }
}

/// The bit that makes a letter lower case, in each byte. What is a lower case letter with it is one without it, or the same
/// letter in upper case.
const LOWER: u64 = u64::MAX / 0xff * 0x20;

/// The first eight bytes of the names of the built-in types, which differ, with the bit set in all.
const FOLDED: [u64; Builtin::ALL.len()] = {
    let mut all = [LOWER; Builtin::ALL.len()];
    let mut place = 0;
    while place < all.len() {
        let name = Builtin::ALL[place].name().as_bytes();
        let mut at = 0;
        while at < 8 && at < name.len() {
            all[place] |= (name[at] as u64) << (56 - 8 * at);
            at += 1;
        }
        place += 1;
    }
    all
};

/// The type of a property.
#[derive(Debug, PartialEq, Eq)]
pub enum Type {
    /// A built-in type.
    Builtin(Builtin),
    /// A model, by its name with regard to case; it need not be defined (yet).
    Model(Text<'static>),
    /// An array: of the one type in the list, or of anything where the list is empty.
    Array(Box<[Type]>),
    /// An anonymous model with properties of its own, in their order, every name once.
    Anonymous(Box<[Property]>),
}

impl Type {
    pub(crate) fn named(name: Text<'_>) -> Result<Self> {
        match Builtin::named(&name) {
            Some(builtin) => Ok(Type::Builtin(builtin)),
            None => Ok(Type::Model(name.into_owned()?)),
        }
    }

    /// What an array of something holds.
    pub fn element(&self) -> Option<&Type> {
        if let Type::Array(element) = self { element.first() } else { None }
    }

    /// How many levels of arrays and anonymous models there are: 0 for a name.
    pub fn depth(&self) -> u32 {
        match self {
            Type::Builtin(_) | Type::Model(_) => 0,
            Type::Array(element) => 1 + element.first().map_or(0, Type::depth),
            Type::Anonymous(properties) => 1 + properties.iter().map(|p| p.ty.depth()).max().unwrap_or(0),
        }
    }

    /// How many properties its anonymous models have, at every level.
    pub(crate) fn nested(&self) -> usize {
        match self {
            Type::Builtin(_) | Type::Model(_) => 0,
            Type::Array(element) => element.first().map_or(0, Type::nested),
            Type::Anonymous(properties) => properties.iter().map(|property| 1 + property.ty.nested()).sum(),
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Type::Builtin(_) => 0,
            Type::Model(name) => name.heap_bytes(),
            Type::Array(element) => size_of_val(&**element) + element.first().map_or(0, Type::heap_bytes),
            Type::Anonymous(properties) => {
                size_of_val(&**properties) + properties.iter().map(Property::heap_bytes).sum::<usize>()
            }
        }
    }
}

/// A short text for people: `string`, `[string]`, `Order`, `[{name: string, n: number}]`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Builtin(builtin) => f.write_str(builtin.name()),
            Type::Model(name) => f.write_str(name),
            Type::Array(element) => match element.first() {
                Some(element) => write!(f, "[{element}]"),
                None => f.write_str("[]"),
            },
            Type::Anonymous(properties) => {
                f.write_str("{")?;
                for (index, property) in properties.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{}: {}", property.name, property.ty)?;
                }
                f.write_str("}")
            }
        }
    }
}

/// The type as a short text for people; how much of it is shown is the caller's business.
///
/// # Errors
///
/// `ERROR_OUT_OF_MEMORY`
pub fn type_text(ty: &Type) -> Result<String> {
    let mut text = fallible::Text::default();
    write!(text, "{ty}").map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
    Ok(text.0)
}

/// A property as it is declared.
#[derive(Debug, PartialEq, Eq)]
pub struct Property {
    /// The name.
    pub name: Text<'static>,
    /// The type.
    pub ty: Type,
    /// Whether it is an id of its model.
    pub id: bool,
    /// Whether it must have a value.
    pub required: bool,
    /// Every member of the declaration but the type, as written.
    pub attributes: Object<'static>,
}

impl Property {
    pub(crate) fn new(name: Text<'static>, ty: Type, attributes: Object<'static>) -> Self {
        let flag = |key| attributes.get(key).is_some_and(is_set);
        Property { id: flag("id"), required: flag("required"), name, ty, attributes }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.name.heap_bytes() + self.ty.heap_bytes() + self.attributes.heap_bytes()
    }
}

/// Authors write flags as the texts "true" and "false" too; JavaScript's own rule would take both for true.
fn is_set(value: &Json<'_>) -> bool {
    value.is_truthy() && value.as_str() != Some("false")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_type_is_found_by_its_name() {
        for builtin in Builtin::ALL {
            assert_eq!(Builtin::named(builtin.name()), Some(*builtin));
            assert_eq!(Builtin::named(&builtin.name().to_uppercase()), Some(*builtin));
            assert_eq!(Builtin::named(&format!("{}s", builtin.name())), None);
        }
    }
}
