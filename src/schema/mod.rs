//! Schemas: LoopBack model definitions, read once and never changed.
//!
//! [`Schema::parse`] reads a definition; [`Draft`] is the same in two steps, for who has to read many definitions
//! before it knows their bases.

pub(crate) mod alloc;
mod builder;
pub mod builtin;
mod direct;
mod draft;
mod intern;
pub mod json;
mod merge;
mod number;
mod quick;
mod read;
mod structure;
mod text;
mod types;

pub use builder::Builder;
pub(crate) use draft::shown;
pub use draft::{DEFAULT_BASE, Draft, MAX_TYPE_DEPTH};
pub use json::{Json, Member, Object, Place, Text};
pub use merge::MAX_BASE_DEPTH;
pub(crate) use number::plain_text;
pub(crate) use read::parse_from;
pub use structure::{Fingerprint, Structure, StructureKind};
pub use types::{Builtin, Property, Type, type_text};

use crate::error::{Error, Result, Status};
use intern::{Interner, Shared};
use merge::Slot;
use std::ops::Deref;
use std::sync::Arc;

/// How [`Schema::parse`] fills in what the definition leaves open.
#[derive(Clone, Copy)]
pub struct ParseOptions<'a> {
    /// The name of a model whose definition has none.
    pub default_name: Option<&'a str>,
    /// Finds a base by its name, before the built-in models are asked.
    pub resolve_base: &'a dyn Fn(&str) -> Option<Arc<Schema>>,
}

/// How many properties a definition has, by kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Members of the definition's own `properties`: equal keys once, hiding and refused ones included.
    pub own_declared: usize,
    /// The model's own properties.
    pub own: usize,
    /// Properties that are there and come from a base.
    pub inherited: usize,
    /// Members that hide a property: `false` or `null`.
    pub hidden: usize,
    /// Properties inside the anonymous types of own properties, at every level.
    pub nested: usize,
}

/// A model definition, merged with what it inherits. Never changes once it is made.
#[derive(Debug)]
pub struct Schema {
    name: Text<'static>,
    base_name: Option<Text<'static>>,
    base: Option<Arc<Schema>>,
    base_depth: u32,
    settings: Text<'static>,
    strict: bool,
    id_injection: bool,
    anonymous: bool,
    own: Box<[Property]>,
    hidden: Box<[Box<str>]>,
    merged: Box<[Slot]>,
    sorted: Box<[u32]>,
    structure: Arc<Structure>,
    counts: Counts,
    depth: u32,
    heap_bytes: usize,
    hash: u64,
}

/// A property as a model has it: its declaration, and who declared it.
#[derive(Clone, Copy, Debug)]
pub struct PropertyRef<'a> {
    property: &'a Property,
    declared_by: &'a str,
    inherited: bool,
}

impl<'a> PropertyRef<'a> {
    /// The declaration, for as long as the schema lives.
    pub fn property(self) -> &'a Property {
        self.property
    }

    /// The name of the model that declared it.
    pub fn declared_by(self) -> &'a str {
        self.declared_by
    }

    /// Whether it comes from a base.
    pub fn inherited(self) -> bool {
        self.inherited
    }
}

impl Deref for PropertyRef<'_> {
    type Target = Property;

    fn deref(&self) -> &Property {
        self.property
    }
}

impl Schema {
    /// Reads a model definition and finds its base.
    ///
    /// The base is asked of `resolve_base`, then of the built-in models; a base of the model's own name is the
    /// built-in one.
    ///
    /// # Errors
    ///
    /// Those of [`Draft::read`] and of [`Draft::build`], and `ERROR_UNKNOWN_BASE`.
    pub fn parse(json: &[u8], options: &ParseOptions<'_>) -> Result<Arc<Schema>> {
        let draft = Draft::read(json, options.default_name, false)?;
        let Some(base_name) = draft.base() else { return draft.build(None) };
        let resolved = if base_name == draft.name() { None } else { (options.resolve_base)(base_name) };
        match resolved {
            Some(base) => draft.build(Some(base)),
            None => match builtin::find(base_name)? {
                Some(base) => draft.build(Some(base)),
                None => Err(draft.unknown_base()),
            },
        }
    }

    /// Reads a model definition with its own properties alone, whatever its base is.
    ///
    /// # Errors
    ///
    /// Those of [`Draft::read`].
    pub fn parse_without_base(json: &[u8], default_name: Option<&str>) -> Result<Arc<Schema>> {
        Draft::read(json, default_name, false)?.build(None)
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of the base; none for the root of the built-in models.
    pub fn base_name(&self) -> Option<&str> {
        self.base_name.as_deref()
    }

    /// The base, unless it is unknown.
    pub fn base(&self) -> Option<&Arc<Schema>> {
        self.base.as_ref()
    }

    /// The names of the base, of its base and so on, up to the root; an unknown base ends the chain.
    pub fn base_chain(&self) -> impl Iterator<Item = &str> {
        let mut at = Some(self);
        std::iter::from_fn(move || {
            let schema = at?;
            at = schema.base.as_deref();
            schema.base_name.as_deref()
        })
    }

    /// Whether `strict` is exactly `true`: the model's own, else the inherited one.
    pub fn strict(&self) -> bool {
        self.strict
    }

    /// Whether the setting `idInjection`, own or inherited, asks for an id where the model declares none. Unless
    /// set, it does for what is based on `PersistedModel` or on an unknown model. No injected id is ever among the
    /// properties.
    pub fn id_injection(&self) -> bool {
        self.id_injection
    }

    /// Whether the model's own settings mark it as the shared form of an embedded structure.
    pub fn anonymous(&self) -> bool {
        self.anonymous
    }

    /// The model's own settings as the text of a JSON object: every member of the definition but `name`, `base`,
    /// `properties` and `options`, with the `options` merged in.
    pub fn settings(&self) -> &str {
        &self.settings
    }

    /// How many properties there are, by kind.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The properties: inherited ones first, in the order of the base, those that the model declares itself in
    /// the place of what they replace, its others at the end.
    pub fn properties(&self) -> impl ExactSizeIterator<Item = PropertyRef<'_>> {
        self.merged.iter().map(|&slot| self.at_slot(slot))
    }

    /// The property at this place of [`properties`](Self::properties).
    pub fn property_at(&self, place: usize) -> Option<PropertyRef<'_>> {
        self.merged.get(place).map(|&slot| self.at_slot(slot))
    }

    /// The property of this name.
    pub fn property(&self, name: &str) -> Option<PropertyRef<'_>> {
        let found =
            self.sorted.binary_search_by(|&place| (*self.at_slot(self.merged[place as usize]).property.name).cmp(name));
        self.property_at(self.sorted[found.ok()?] as usize)
    }

    /// The names with which the definition hides inherited properties.
    pub fn hidden(&self) -> impl ExactSizeIterator<Item = &str> {
        self.hidden.iter().map(|name| &**name)
    }

    /// A number that stands for the structure, as long as any schema has it; 0 where there is none to be found by.
    ///
    /// # Errors
    ///
    /// `ERROR_OUT_OF_MEMORY`, `ERROR_FULL`
    pub fn structure_number(&self) -> Result<u32> {
        if self.has_structure() { self.structure.number() } else { Ok(0) }
    }

    /// Whether there is any property to compare.
    pub fn has_structure(&self) -> bool {
        !self.merged.is_empty()
    }

    /// 128 bits that stand for the structure; the same for every schema without properties.
    pub fn fingerprint(&self) -> Fingerprint {
        self.structure.fingerprint()
    }

    /// The structure: one for all schemas that have the same, so that their addresses tell whether it is.
    pub fn structure(&self) -> &Arc<Structure> {
        &self.structure
    }

    /// Whether two schemas have the same properties: names, types and attributes, in any order.
    pub fn same_structure(&self, other: &Schema) -> bool {
        Arc::ptr_eq(&self.structure, &other.structure)
    }

    /// Whether any property is an array or an anonymous model.
    pub fn structure_kind(&self) -> StructureKind {
        if self.depth == 0 { StructureKind::Simple } else { StructureKind::Complex }
    }

    /// How deep the types nest: 0 where all are names.
    pub fn structure_depth(&self) -> u32 {
        self.depth
    }

    /// The heap memory that the schema owns itself, its base's not counted. Never changes.
    pub fn heap_bytes(&self) -> usize {
        self.heap_bytes
    }

    /// A model definition that reads back as an equal schema, given the same base.
    ///
    /// # Errors
    ///
    /// `ERROR_OUT_OF_MEMORY`
    pub fn to_json(&self) -> Result<String> {
        let mut out = String::new();
        alloc::append(&mut out, "{")?;
        text::write_key(&mut out, "name")?;
        text::write_str(&mut out, &self.name)?;
        let mut written = 1;
        if let Some(base) = &self.base_name {
            alloc::append(&mut out, ",")?;
            text::write_key(&mut out, "base")?;
            text::write_str(&mut out, base)?;
            written += 1;
        }
        draft::write_settings(&mut out, &self.settings, written)?;
        alloc::append(&mut out, ",")?;
        text::write_key(&mut out, "properties")?;
        draft::write_properties(&mut out, self.own.iter(), &self.hidden)?;
        alloc::append(&mut out, "}")?;
        Ok(out)
    }

    fn at_slot(&self, slot: Slot) -> PropertyRef<'_> {
        let mut at = self;
        for _ in 0..slot.level {
            if let Some(base) = &at.base {
                at = base;
            }
        }
        PropertyRef { property: &at.own[slot.index as usize], declared_by: &at.name, inherited: slot.level > 0 }
    }
}

/// Two schemas are equal if they say the same: name, base, settings and properties, in the same order.
impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: PropertyRef<'_>, b: PropertyRef<'_>| {
            a.inherited == b.inherited && a.declared_by == b.declared_by && a.property == b.property
        };
        self.name == other.name
            && self.base_name == other.base_name
            && self.settings == other.settings
            && self.hidden == other.hidden
            && self.merged.len() == other.merged.len()
            && self.properties().zip(other.properties()).all(|(a, b)| same(a, b))
            && self.base_chain().eq(other.base_chain())
    }
}

impl Eq for Schema {}

static SCHEMAS: Interner<Schema> = Interner::new();

impl Shared for Schema {
    fn hash(&self) -> u64 {
        self.hash
    }

    fn same(&self, other: &Self) -> bool {
        let base = |schema: &Schema| schema.base.as_ref().map(Arc::as_ptr);
        base(self) == base(other) && self.counts == other.counts && self == other
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        SCHEMAS.forget(self.hash);
    }
}

impl Draft {
    /// The error of a model whose base nobody knows, at the place of the base.
    pub fn unknown_base(&self) -> Error {
        let base = self.base().unwrap_or_default();
        let message = format!(
            "model \"{}\": base \"{}\" is defined nowhere: neither a model here nor a built-in one has that name; \
             define it, or correct \"base\"",
            shown(self.name()),
            shown(base)
        );
        self.base_place().mark(Error::new(Status::ERROR_UNKNOWN_BASE, shown(base), message))
    }
}
