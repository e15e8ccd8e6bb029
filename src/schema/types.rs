//! Property types and properties.

use super::json::{Json, Object, Text};
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
        Builtin::ALL.iter().copied().find(|builtin| builtin.name().eq_ignore_ascii_case(name))
    }
}

/// The type of a property.
#[derive(Debug, PartialEq, Eq)]
pub enum Type {
    /// A built-in type.
    Builtin(Builtin),
    /// A model, by its name with regard to case; it need not be defined (yet).
    Model(Box<str>),
    /// An array: of the one type in the list, or of anything where the list is empty.
    Array(Box<[Type]>),
    /// An anonymous model with properties of its own, in their order, every name once.
    Anonymous(Box<[Property]>),
}

impl Type {
    pub(crate) fn named(name: Text<'_>) -> Result<Self> {
        match Builtin::named(&name) {
            Some(builtin) => Ok(Type::Builtin(builtin)),
            None => Ok(Type::Model(name.into_boxed()?)),
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
            Type::Model(name) => name.len(),
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
    pub name: Box<str>,
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
    pub(crate) fn new(name: Box<str>, ty: Type, attributes: Object<'static>) -> Self {
        let flag = |key| attributes.get(key).is_some_and(is_set);
        Property { id: flag("id"), required: flag("required"), name, ty, attributes }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.name.len() + self.ty.heap_bytes() + self.attributes.heap_bytes()
    }
}

/// Authors write flags as the texts "true" and "false" too; JavaScript's own rule would take both for true.
fn is_set(value: &Json<'_>) -> bool {
    value.is_truthy() && value.as_str() != Some("false")
}
