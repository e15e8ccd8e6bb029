//! LoopBack's own models, which applications name as bases.

use super::alloc::{exact, push, with_capacity};
use super::json::{self, Json, Member, Object, Place};
use super::types::{Builtin, Property, Type};
use super::{Draft, Schema};
use crate::error::Result;
use once_cell::sync::OnceCell;
use std::sync::Arc;

struct Model {
    name: &'static str,
    base: Option<&'static str>,
    id_injection: Option<bool>,
    properties: &'static [Declared],
}

struct Declared {
    name: &'static str,
    ty: Kind,
    attributes: &'static [(&'static str, Attribute)],
}

enum Kind {
    Is(Builtin),
    ListOf(&'static Kind),
    Nested(&'static [Declared]),
}

enum Attribute {
    True,
    Number(&'static str),
    Text(&'static str),
}

use Attribute::{Number, Text, True};
use Kind::{Is, ListOf, Nested};

const STRING: Kind = Is(Builtin::String);
const NUMBER: Kind = Is(Builtin::Number);
const BOOLEAN: Kind = Is(Builtin::Boolean);
const DATE: Kind = Is(Builtin::Date);
const STRINGS: Kind = ListOf(&STRING);
const ID: &[(&str, Attribute)] = &[("id", True)];
const GENERATED_ID: &[(&str, Attribute)] = &[("id", True), ("generated", True)];
const REQUIRED: &[(&str, Attribute)] = &[("required", True)];
const ON: &[(&str, Attribute)] = &[("default", True)];
const NOW: &[(&str, Attribute)] = &[("defaultFn", Text("now"))];

const fn property(name: &'static str, ty: Kind) -> Declared {
    Declared { name, ty, attributes: &[] }
}

const fn with(name: &'static str, ty: Kind, attributes: &'static [(&'static str, Attribute)]) -> Declared {
    Declared { name, ty, attributes }
}

const fn model(name: &'static str, base: &'static str, properties: &'static [Declared]) -> Model {
    Model { name, base: Some(base), id_injection: None, properties }
}

/// Every base stands before the models that are based on it.
const MODELS: &[Model] = &[
    Model { name: "Model", base: None, id_injection: Some(false), properties: &[] },
    Model { name: "PersistedModel", base: Some("Model"), id_injection: Some(true), properties: &[] },
    model("TransientModel", "Model", &[]),
    model("KeyValueModel", "Model", &[]),
    model(
        "AccessToken",
        "PersistedModel",
        &[
            with("id", STRING, ID),
            with("ttl", NUMBER, &[("ttl", True), ("default", Number("1209600"))]),
            property("scopes", STRINGS),
            with("created", DATE, NOW),
        ],
    ),
    model(
        "ACL",
        "PersistedModel",
        &[
            property("model", STRING),
            property("property", STRING),
            property("accessType", STRING),
            property("permission", STRING),
            property("principalType", STRING),
            property("principalId", STRING),
        ],
    ),
    model(
        "Application",
        "PersistedModel",
        &[
            with("id", STRING, ID),
            property("realm", STRING),
            with("name", STRING, REQUIRED),
            property("description", STRING),
            property("icon", STRING),
            property("owner", STRING),
            property("collaborators", STRINGS),
            property("email", STRING),
            property("emailVerified", BOOLEAN),
            property("url", STRING),
            property("callbackUrls", STRINGS),
            property("permissions", STRINGS),
            property("clientKey", STRING),
            property("javaScriptKey", STRING),
            property("restApiKey", STRING),
            property("windowsKey", STRING),
            property("masterKey", STRING),
            property("pushSettings", Nested(PUSH_SETTINGS)),
            with("authenticationEnabled", BOOLEAN, ON),
            with("anonymousAllowed", BOOLEAN, ON),
            property(
                "authenticationSchemes",
                ListOf(&Nested(&[property("scheme", STRING), property("credential", Is(Builtin::Object))])),
            ),
            with("status", STRING, &[("default", Text("sandbox"))]),
            with("created", DATE, NOW),
            with("modified", DATE, NOW),
        ],
    ),
    model(
        "Change",
        "PersistedModel",
        &[
            with("id", STRING, ID),
            property("rev", STRING),
            property("prev", STRING),
            property("checkpoint", NUMBER),
            property("modelName", STRING),
            property("modelId", STRING),
        ],
    ),
    model(
        "Checkpoint",
        "PersistedModel",
        &[property("seq", NUMBER), property("time", DATE), property("sourceId", STRING)],
    ),
    model(
        "Email",
        "Model",
        &[
            with("to", STRING, REQUIRED),
            with("from", STRING, REQUIRED),
            with("subject", STRING, REQUIRED),
            property("text", STRING),
            property("html", STRING),
        ],
    ),
    model(
        "RoleMapping",
        "PersistedModel",
        &[
            with("id", STRING, GENERATED_ID),
            property("principalType", STRING),
            with("principalId", STRING, &[("index", True)]),
        ],
    ),
    model(
        "Role",
        "PersistedModel",
        &[
            with("id", STRING, GENERATED_ID),
            with("name", STRING, REQUIRED),
            property("description", STRING),
            with("created", DATE, NOW),
            with("modified", DATE, NOW),
        ],
    ),
    model("Scope", "PersistedModel", &[with("name", STRING, REQUIRED), property("description", STRING)]),
    model(
        "User",
        "PersistedModel",
        &[
            property("realm", STRING),
            property("username", STRING),
            with("password", STRING, REQUIRED),
            with("email", STRING, REQUIRED),
            property("emailVerified", BOOLEAN),
            property("verificationToken", STRING),
        ],
    ),
];

const PUSH_SETTINGS: &[Declared] = &[
    property(
        "apns",
        Nested(&[
            property("production", BOOLEAN),
            property("certData", STRING),
            property("keyData", STRING),
            property("pushOptions", Nested(&[property("gateway", STRING), property("port", NUMBER)])),
            property(
                "feedbackOptions",
                Nested(&[
                    property("gateway", STRING),
                    property("port", NUMBER),
                    property("batchFeedback", BOOLEAN),
                    property("interval", NUMBER),
                ]),
            ),
        ]),
    ),
    property("gcm", Nested(&[property("serverApiKey", STRING)])),
];

/// The built-in model of this name, with regard to case.
pub fn get(name: &str) -> Option<Arc<Schema>> {
    find(name).ok().flatten()
}

/// The names of the built-in models, every base before what is based on it.
pub fn names() -> impl ExactSizeIterator<Item = &'static str> {
    MODELS.iter().map(|model| model.name)
}

/// As [`get`], but tells a lack of memory, while the table is made, from a name that is not there.
///
/// # Errors
///
/// `ERROR_OUT_OF_MEMORY`
pub fn find(name: &str) -> Result<Option<Arc<Schema>>> {
    static SCHEMAS: OnceCell<Box<[Arc<Schema>]>> = OnceCell::new();
    let schemas = SCHEMAS.get_or_try_init(|| {
        let mut schemas: Vec<Arc<Schema>> = with_capacity(MODELS.len())?;
        for model in MODELS {
            let base = model.base.and_then(|base| schemas.iter().find(|schema| schema.name() == base).cloned());
            let schema = draft(model)?.build(base)?;
            schemas.push(schema);
        }
        exact(schemas)
    })?;
    Ok(schemas.iter().find(|schema| schema.name() == name).cloned())
}

fn draft(model: &Model) -> Result<Draft> {
    Ok(Draft {
        name: json::Text::Borrowed(model.name),
        name_place: None,
        base: model.base.map(json::Text::Borrowed),
        base_place: Place::default(),
        settings: json::Text::Borrowed("{}"),
        strict: None,
        id_injection: model.id_injection,
        anonymous: false,
        own: properties(model.properties)?,
        hidden: Box::default(),
        own_declared: model.properties.len(),
        problems: Vec::new(),
    })
}

fn properties(declared: &[Declared]) -> Result<Box<[Property]>> {
    let mut list = with_capacity(declared.len())?;
    for property in declared {
        let mut attributes = with_capacity(property.attributes.len())?;
        for (key, value) in property.attributes {
            let value = match value {
                True => Json::Bool(true),
                Number(lexeme) => Json::Number(json::Text::Borrowed(lexeme)),
                Text(value) => Json::String(json::Text::Borrowed(value)),
            };
            attributes.push(Member { key: json::Text::Borrowed(key), value, offset: 0, source: 0 }.into_owned()?);
        }
        list.push(Property::new(json::Text::Borrowed(property.name), ty(&property.ty)?, Object::of(attributes)?));
    }
    exact(list)
}

fn ty(kind: &Kind) -> Result<Type> {
    Ok(match kind {
        Is(builtin) => Type::Builtin(*builtin),
        ListOf(element) => {
            let mut list = Vec::new();
            push(&mut list, ty(element)?)?;
            Type::Array(exact(list)?)
        }
        Nested(members) => Type::Anonymous(properties(members)?),
    })
}
