//! Reading a model definition: what the file itself says, before its base is known.

use super::alloc::{append, exact, exhausted, push, with_capacity};
use super::direct::{Definition, Properties};
use super::json::{self, Json, Locator, Member, Object, Place, Text};
use super::quick::{Reader, read_or_not};
use super::read::text_of;
use super::text::{separate, write_json, write_key, write_object};
use super::types::{Property, Type};
use crate::error::{Error, Result, Status};

/// How many levels of arrays and anonymous models a property's type may have.
pub const MAX_TYPE_DEPTH: u32 = 64;

/// The base of a model that names none.
pub const DEFAULT_BASE: &str = "PersistedModel";

/// How many problems with the properties of one definition are kept; what is beyond is only counted.
const MAX_PROBLEMS: usize = 1000;

/// Names and values in messages are cut to this many characters.
const SHOWN: usize = 120;

/// A model definition as its file says it, without what it inherits.
#[derive(Debug)]
pub struct Draft {
    pub(super) name: Text<'static>,
    pub(super) name_place: Option<Place>,
    pub(super) base: Option<Text<'static>>,
    pub(super) base_place: Place,
    pub(super) settings: Text<'static>,
    pub(super) strict: Option<bool>,
    pub(super) id_injection: Option<bool>,
    pub(super) anonymous: bool,
    pub(super) own: Box<[Property]>,
    pub(super) hidden: Box<[Box<str>]>,
    pub(super) own_declared: usize,
    pub(super) problems: Vec<Error>,
}

impl Draft {
    /// Reads a model definition.
    ///
    /// `default_name` is the model's name where the definition has none. With `keep_going`, a property that is
    /// refused is left out, as are `properties`, `options` and a `base` of an impossible kind, and noted among the
    /// [`problems`](Self::problems); without, the first one is the error. Where they are false to JavaScript, they are
    /// not there.
    ///
    /// # Errors
    ///
    /// Those of [`json::parse`]; `ERROR_SCHEMA`, `ERROR_TOO_DEEP` and `ERROR_INVALID_NAME` with their place.
    pub fn read(input: &[u8], default_name: Option<&str>, keep_going: bool) -> Result<Self> {
        let (text, shift) = text_of(input)?;
        let definition = read_or_not(Reader::new(text, shift, 0).definition())?;
        Self::read_after(definition, input, default_name, keep_going)
    }

    /// As [`read`](Self::read), where the definition may have been read already.
    pub(super) fn read_after(
        definition: Option<Definition<'_>>,
        input: &[u8],
        default_name: Option<&str>,
        keep_going: bool,
    ) -> Result<Self> {
        let mut locator = Locator::new(input);
        let start = locator.start();
        let parts = match definition {
            Some(Definition { members, properties }) => Parts::of(members, properties)?,
            None => match json::parse(input)? {
                Json::Object(root) => Parts::of(root.into_members(), None)?,
                root => {
                    let message = format!("not a model definition: expected an object, found {}", root.kind());
                    return Err(start.mark(Error::new(Status::ERROR_SCHEMA, "", message)));
                }
            },
        };
        let (name, name_place) = parts.name(&mut locator, start, default_name)?;
        let mut reading =
            Reading { locator, name: &name, keep_going, path: String::new(), problems: Vec::new(), more: 0 };

        let Parts { base, properties, read, options, mut rest, .. } = parts;
        let mut bases = [None, base];
        match options {
            Some(Member { value: Json::Object(options), .. }) => {
                let (options, over) = split_options(options)?;
                rest = rest.merge(options, false)?;
                bases[0] = over;
            }
            options => reading.wrong_kind("options", options, "an object")?,
        }
        let mut base = None;
        for member in bases.into_iter().flatten() {
            match member {
                Member { value: Json::String(text), offset, .. } if !text.is_empty() => {
                    base = Some((text.into_owned()?, reading.locator.place(offset as usize)));
                }
                member if member.value.is_truthy() => {
                    reading.wrong_kind("base", Some(member), "the name of a model")?;
                    continue;
                }
                _ => {}
            }
            // A base in the options wins, also where it says that there is none.
            break;
        }
        let (base, base_place) = match base {
            Some(base) => base,
            None => (Text::Borrowed(DEFAULT_BASE), start),
        };
        let (own, hidden, own_declared) = match (read, properties) {
            (Some(Properties { own, hidden }), _) => {
                let declared = own.len() + hidden.len();
                (own, hidden, declared)
            }
            (None, Some(Member { value: Json::Object(object), .. })) => {
                let declared = object.members().len();
                let (own, hidden) = reading.properties(object, 0)?;
                (own, hidden, declared)
            }
            (None, properties) => {
                reading.wrong_kind("properties", properties, "an object")?;
                Default::default()
            }
        };
        let problems = reading.into_problems();
        let settings = if rest.is_empty() {
            Text::Borrowed("{}")
        } else {
            // What is compact is seldom longer than what it was read from, so that the text does not grow while written.
            let mut settings = String::new();
            settings.try_reserve(input.len()).map_err(exhausted)?;
            write_object(&mut settings, &rest)?;
            Text::copy(&settings)?
        };
        Ok(Draft {
            base: Some(base),
            base_place,
            strict: rest.get("strict").map(|strict| *strict == Json::Bool(true)),
            id_injection: rest.get("idInjection").map(|inject| *inject != Json::Bool(false)),
            anonymous: rest.get("anonymous").is_some_and(Json::is_truthy),
            settings,
            own,
            hidden,
            own_declared,
            problems,
            name,
            name_place,
        })
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the name is written; none where the definition has none.
    pub fn name_place(&self) -> Option<Place> {
        self.name_place
    }

    /// The name of the base: as written, or the default; none only for the root of the built-in models.
    pub fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    /// Where the base is written, else where the definition begins.
    pub fn base_place(&self) -> Place {
        self.base_place
    }

    /// What was left out, and why.
    pub fn problems(&self) -> &[Error] {
        &self.problems
    }

    /// Takes the problems out.
    pub fn take_problems(&mut self) -> Vec<Error> {
        std::mem::take(&mut self.problems)
    }
}

/// The members of a definition by their meaning.
struct Parts<'a> {
    name: Option<Member<'a>>,
    base: Option<Member<'a>>,
    properties: Option<Member<'a>>,
    /// The properties where they were read at once.
    read: Option<Properties>,
    options: Option<Member<'a>>,
    rest: Object<'a>,
}

impl<'a> Parts<'a> {
    fn of(members: Vec<Member<'a>>, read: Option<Properties>) -> Result<Self> {
        let mut rest = with_capacity(members.len())?;
        let (mut name, mut base, mut properties, mut options) = (None, None, None, None);
        for member in members {
            match &*member.key {
                "name" => name = Some(member),
                "base" => base = Some(member),
                "properties" => properties = Some(member),
                "options" => options = Some(member),
                _ => rest.push(member),
            }
        }
        Ok(Parts { name, base, properties, read, options, rest: Object::of(rest)? })
    }

    /// The name, and where it is written.
    fn name(
        &self,
        locator: &mut Locator<'_>,
        start: Place,
        default: Option<&str>,
    ) -> Result<(Text<'static>, Option<Place>)> {
        let (name, written) = match &self.name {
            Some(Member { value: Json::String(name), offset, .. }) if !name.is_empty() => {
                (&**name, Some(locator.place(*offset as usize)))
            }
            Some(Member { value, offset, .. }) if value.is_truthy() => {
                let message = format!("the \"name\" of a model is {}; it must be a string", value.kind());
                let place = locator.place(*offset as usize);
                return Err(place.mark(Error::new(Status::ERROR_SCHEMA, "name", message)));
            }
            _ => (default.unwrap_or_default(), None),
        };
        let reason = if name.is_empty() {
            "a model has no name; give it a \"name\"".to_owned()
        } else if let Some(bad) = name.find(char::is_control) {
            format!("the model name {:?} holds a control character at byte {bad}", shown(name))
        } else {
            return Ok((Text::copy(name)?, written));
        };
        Err(written.unwrap_or(start).mark(Error::new(Status::ERROR_INVALID_NAME, shown(name), reason)))
    }
}

/// The options without `base`, and the `base`.
///
/// A key that has a meaning of its own beside the options goes to the end, so that the settings have the same
/// order after they were written out, where only such keys stay under `options`, and read again.
fn split_options(options: Object<'_>) -> Result<(Object<'_>, Option<Member<'_>>)> {
    let members = options.into_members();
    let (mut plain, mut odd, mut base) = (with_capacity(members.len())?, Vec::new(), None);
    for member in members {
        match &*member.key {
            "base" => base = Some(member),
            key if is_reserved(key) => push(&mut odd, member)?,
            _ => plain.push(member),
        }
    }
    plain.try_reserve(odd.len()).map_err(exhausted)?;
    plain.append(&mut odd);
    Ok((Object::of(plain)?, base))
}

/// Whether a top-level member of this name is no setting.
pub(super) fn is_reserved(key: &str) -> bool {
    matches!(key, "name" | "base" | "properties" | "options")
}

/// The reading of the properties of one definition.
struct Reading<'a> {
    locator: Locator<'a>,
    name: &'a str,
    keep_going: bool,
    path: String,
    problems: Vec<Error>,
    more: usize,
}

type Read = (Box<[Property]>, Box<[Box<str>]>);

impl<'a> Reading<'a> {
    fn error(&mut self, offset: u32, status: Status, thing: &str, reason: &str) -> Error {
        let message = format!("model \"{}\": {reason}", shown(self.name));
        self.locator.place(offset as usize).mark(Error::new(status, shown(thing), message))
    }

    /// Refuses a member of the definition that is neither what it must be nor false to JavaScript.
    fn wrong_kind(&mut self, key: &str, member: Option<Member<'_>>, wanted: &str) -> Result<()> {
        let Some(Member { value, offset, .. }) = member.filter(|member| member.value.is_truthy()) else {
            return Ok(());
        };
        let reason = format!("\"{key}\" is {}; it must be {wanted}", value.kind());
        let error = self.error(offset, Status::ERROR_SCHEMA, self.name, &reason);
        if self.keep_going { push(&mut self.problems, error) } else { Err(error) }
    }

    fn refuse(&mut self, offset: u32, status: Status, reason: &str) -> Error {
        let path = std::mem::take(&mut self.path);
        let error = self.error(offset, status, &path, &format!("property \"{}\": {reason}", shown(&path)));
        self.path = path;
        error
    }

    fn impossible(&mut self, offset: u32, value: &Json<'_>) -> Error {
        let text = match value {
            Json::Number(lexeme) => shown(lexeme),
            Json::Bool(value) => value.to_string(),
            other => other.kind().to_owned(),
        };
        let reason = format!("type {text} is not a type (expected a name, an array or an object)");
        self.refuse(offset, Status::ERROR_SCHEMA, &reason)
    }

    fn too_deep(&mut self, offset: u32) -> Error {
        let reason = format!("its type nests deeper than {MAX_TYPE_DEPTH} levels; use a model of its own for a part");
        self.refuse(offset, Status::ERROR_TOO_DEEP, &reason)
    }

    fn into_problems(mut self) -> Vec<Error> {
        if self.more > 0 {
            let message = format!("model \"{}\": {} more properties were left out", shown(self.name), self.more);
            self.problems.push(Error::new(Status::ERROR_SCHEMA, shown(self.name), message));
        }
        self.problems
    }

    fn properties(&mut self, object: Object<'_>, depth: u32) -> Result<Read> {
        let members = object.into_members();
        let mut own = with_capacity(members.len())?;
        let mut hidden = Vec::new();
        let outer = self.path.len();
        for Member { key, value, offset, .. } in members {
            self.path.truncate(outer);
            if outer > 0 {
                append(&mut self.path, ".")?;
            }
            append(&mut self.path, &key)?;
            match self.property(&key, value, offset, depth) {
                Ok(Some((ty, attributes))) => own.push(Property::new(key.into_owned()?, ty, attributes)),
                Ok(None) => push(&mut hidden, key.into_boxed()?)?,
                Err(error) if self.keep_going && error.status() != Status::ERROR_OUT_OF_MEMORY => {
                    if self.problems.len() < MAX_PROBLEMS {
                        push(&mut self.problems, error)?;
                    } else {
                        self.more += 1;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        self.path.truncate(outer);
        Ok((exact(own)?, exact(hidden)?))
    }

    /// The type and the attributes of a property; none for one that hides what it would inherit.
    fn property(
        &mut self,
        key: &str,
        value: Json<'_>,
        offset: u32,
        depth: u32,
    ) -> Result<Option<(Type, Object<'static>)>> {
        if key.contains('.') {
            let reason = "a property name must not hold a \".\"; rename it";
            return Err(self.refuse(offset, Status::ERROR_SCHEMA, reason));
        }
        match value {
            Json::Null | Json::Bool(false) => Ok(None),
            value => self.type_reference(value, offset, depth).map(Some),
        }
    }

    fn type_reference(&mut self, value: Json<'_>, offset: u32, depth: u32) -> Result<(Type, Object<'static>)> {
        match value {
            Json::String(name) => Ok((Type::named(name)?, Object::default())),
            Json::Array(items) => Ok((self.array(items, offset, depth)?, Object::default())),
            Json::Object(object) => {
                if !object.get("type").is_some_and(Json::is_truthy) {
                    return Ok((self.anonymous(object, offset, depth)?, Object::default()));
                }
                let members = object.into_members();
                let mut attributes = with_capacity(members.len() - 1)?;
                let mut ty = Json::Null;
                for member in members {
                    match &*member.key {
                        "type" => ty = member.value,
                        _ => attributes.push(member.into_owned()?),
                    }
                }
                let ty = match ty {
                    Json::String(name) => Type::named(name)?,
                    Json::Array(items) => self.array(items, offset, depth)?,
                    Json::Object(object) => self.anonymous(object, offset, depth)?,
                    other => return Err(self.impossible(offset, &other)),
                };
                Ok((ty, Object::of(attributes)?))
            }
            other => Err(self.impossible(offset, &other)),
        }
    }

    fn array(&mut self, items: Box<[Json<'_>]>, offset: u32, depth: u32) -> Result<Type> {
        if depth >= MAX_TYPE_DEPTH {
            return Err(self.too_deep(offset));
        }
        let mut element = Vec::new();
        if let Some(first) = items.into_vec().into_iter().next() {
            let outer = self.path.len();
            append(&mut self.path, "[0]")?;
            let (ty, _) = self.type_reference(first, offset, depth + 1)?;
            self.path.truncate(outer);
            element = with_capacity(1)?;
            element.push(ty);
        }
        Ok(Type::Array(exact(element)?))
    }

    fn anonymous(&mut self, object: Object<'_>, offset: u32, depth: u32) -> Result<Type> {
        if depth >= MAX_TYPE_DEPTH {
            return Err(self.too_deep(offset));
        }
        let (own, _) = self.properties(object, depth + 1)?;
        Ok(Type::Anonymous(own))
    }
}

/// A name or value for a message, cut where it would drown the rest.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Writes properties, then the names that hide inherited ones, as the members of a JSON object.
pub(super) fn write_properties<'p>(
    out: &mut String,
    properties: impl Iterator<Item = &'p Property>,
    hidden: &[Box<str>],
) -> Result<()> {
    append(out, "{")?;
    let mut written = 0;
    for property in properties {
        separate(out, written)?;
        written += 1;
        write_key(out, &property.name)?;
        if property.attributes.is_empty() && !is_ambiguous(&property.ty) {
            write_type(out, &property.ty)?;
            continue;
        }
        append(out, "{\"type\":")?;
        write_type(out, &property.ty)?;
        super::text::write_members(out, &property.attributes, 1)?;
        append(out, "}")?;
    }
    for name in hidden {
        separate(out, written)?;
        written += 1;
        write_key(out, name)?;
        append(out, "false")?;
    }
    append(out, "}")
}

/// Whether an anonymous model, written as it is, would be read as a type with attributes: it has a member called
/// `type`, and only one of the empty text is not true to JavaScript.
///
/// Wrapping them all would not do: it doubles the nesting of the JSON, which is limited.
fn is_ambiguous(ty: &Type) -> bool {
    let Type::Anonymous(properties) = ty else { return false };
    properties.iter().any(|property| {
        let falsy = matches!(&property.ty, Type::Model(name) if name.is_empty()) && property.attributes.is_empty();
        &*property.name == "type" && !falsy
    })
}

fn write_type(out: &mut String, ty: &Type) -> Result<()> {
    match ty {
        Type::Builtin(builtin) => super::text::write_str(out, builtin.name()),
        Type::Model(name) => super::text::write_str(out, name),
        Type::Array(element) => {
            append(out, "[")?;
            if let Some(element) = element.first() {
                let wrap = is_ambiguous(element);
                append(out, if wrap { "{\"type\":" } else { "" })?;
                write_type(out, element)?;
                append(out, if wrap { "}" } else { "" })?;
            }
            append(out, "]")
        }
        Type::Anonymous(properties) => write_properties(out, properties.iter(), &[]),
    }
}

/// Writes the settings as members after `written` others: those with a reserved name under `options`.
pub(super) fn write_settings(out: &mut String, settings: &str, mut written: usize) -> Result<usize> {
    let Json::Object(settings) = json::parse(settings.as_bytes())? else { return Ok(written) };
    let (odd, plain): (Vec<&Member<'_>>, Vec<&Member<'_>>) =
        settings.members().iter().partition(|member| is_reserved(&member.key));
    for member in plain {
        separate(out, written)?;
        written += 1;
        write_key(out, &member.key)?;
        write_json(out, &member.value)?;
    }
    if !odd.is_empty() {
        separate(out, written)?;
        written += 1;
        append(out, "\"options\":{")?;
        for (index, member) in odd.into_iter().enumerate() {
            separate(out, index)?;
            write_key(out, &member.key)?;
            write_json(out, &member.value)?;
        }
        append(out, "}")?;
    }
    Ok(written)
}
