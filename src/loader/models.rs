//! The model definitions of an application, and which is based on which.

use super::files::read as read_file;
use super::{ModelPlan, PlanCounts, Problems};
use crate::core::names::MAX_NAME;
use crate::error::{Error, Result, Status};
use crate::schema::alloc::{exhausted, push, with_capacity};
use crate::schema::{Draft, Place, Schema, builtin, shown};
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// How many names of a cycle a message shows.
const SHOWN_NAMES: usize = 8;

/// A definition on its way to a schema.
struct Entry {
    file: String,
    name: String,
    draft: Option<Draft>,
    schema: Option<Arc<Schema>>,
    /// Whether a file before this one defines a model of this name, so that this one is only looked at.
    duplicate: bool,
    problems: Vec<Error>,
}

/// What a definition inherits from.
enum Base {
    Model(usize),
    Builtin(Arc<Schema>),
    Nothing,
}

/// Reads the definitions in the order of their file names, and counts them; none where there is no directory of models.
/// Of a name that several files define, the first one wins.
pub(super) fn read(dir: &Path, counts: &mut PlanCounts, problems: &mut Problems) -> Result<Option<Vec<ModelPlan>>> {
    let models = dir.join("models");
    let names = match file_names(&models) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // No problem of the directory, which another try may find in order.
        Err(error) if error.kind() == io::ErrorKind::OutOfMemory => return Err(Status::ERROR_OUT_OF_MEMORY.into()),
        Err(error) => {
            let message = format!("cannot be read: {error}; check that it is a directory and may be read");
            problems.note("models", Error::new(Status::ERROR_IO, "models", message))?;
            return Ok(None);
        }
    };
    let mut entries = Vec::new();
    let mut index: HashMap<String, usize> = HashMap::new();
    for name in names {
        let file = format!("models/{}", name.to_string_lossy());
        let problems = Vec::new();
        let mut entry = Entry { file, name: String::new(), draft: None, schema: None, duplicate: false, problems };
        match draft(&models.join(&name), &entry.file) {
            Ok(Some(mut draft)) => {
                entry.name = draft.name().to_owned();
                index.try_reserve(1).map_err(exhausted)?;
                if let Some(&first) = index.get(&entry.name) {
                    let first: &Entry = &entries[first];
                    entry.problems.push(duplicate(&draft, &first.file));
                    entry.duplicate = true;
                } else {
                    index.insert(entry.name.clone(), entries.len());
                }
                for problem in draft.take_problems() {
                    push(&mut entry.problems, problem)?;
                }
                entry.draft = Some(draft);
            }
            Ok(None) => continue,
            Err(error) => entry.problems.push(error),
        }
        push(&mut entries, entry)?;
    }
    let mut bases = bases(&mut entries, &index)?;
    cut_cycles(&mut entries, &mut bases)?;
    build(&mut entries, &bases)?;

    let mut plans = with_capacity(entries.len())?;
    for entry in entries {
        for error in entry.problems {
            problems.note(&entry.file, error)?;
        }
        let Some(schema) = entry.schema else { continue };
        counts.models += 1;
        counts.properties += schema.counts().own_declared;
        if !entry.duplicate {
            plans.push(ModelPlan { name: entry.name, schema, file: entry.file, data_source: None, in_app: false });
        }
    }
    Ok(Some(plans))
}

/// The names that count, sorted by their bytes.
fn file_names(models: &Path) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(models)? {
        let name = entry?.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.ends_with(b".json") && bytes.len() > ".json".len() && !bytes.starts_with(b"_") {
            names.try_reserve(1).map_err(|_| io::ErrorKind::OutOfMemory)?;
            names.push(name);
        }
    }
    names.sort_unstable_by(|a, b| a.as_encoded_bytes().cmp(b.as_encoded_bytes()));
    Ok(names)
}

/// The definition in a file; none where the name is a directory's.
fn draft(path: &Path, file: &str) -> Result<Option<Draft>> {
    if path.is_dir() {
        return Ok(None);
    }
    let input = read_file(path).map_err(|unreadable| unreadable.into_error(file))?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    let draft = Draft::read(&input, Some(&model_name(&stem)), true)?;
    if draft.name().len() > MAX_NAME {
        let name = shown(draft.name());
        let length = draft.name().len();
        let message =
            format!("the model name \"{name}\" of {length} bytes is too long (the limit is {MAX_NAME}); shorten it");
        return Err(name_place(&draft).mark(Error::new(Status::ERROR_TOO_LONG, name, message)));
    }
    Ok(Some(draft))
}

/// The name of a model whose definition has none: the file's name in upper camel case, `data-source` as `DataSource`.
/// Words end where the letters stop and where lower case turns to upper; an ordinal (`2nd`, `4TH`) is a word.
///
/// So lodash's `upperFirst(camelCase())` has it, but that Latin letters with diacritics, which lodash writes without them,
/// and those of other scripts stay what they are.
fn model_name(stem: &str) -> String {
    #[derive(PartialEq, Clone, Copy)]
    enum Kind {
        Other,
        Lower,
        Upper,
        Digit,
    }
    let kind_of = |c: char| match c {
        c if c.is_numeric() => Kind::Digit,
        c if c.is_uppercase() => Kind::Upper,
        c if c.is_alphabetic() => Kind::Lower,
        _ => Kind::Other,
    };
    let mut name = String::new();
    let mut before = Kind::Other;
    let stem: String = stem.chars().filter(|c| !matches!(c, '\'' | '\u{2019}')).collect();
    let mut chars = stem.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if before != Kind::Digit
            && let Some(length) = ordinal(&stem[at..])
        {
            name.push_str(&stem[at..at + length].to_ascii_lowercase());
            for _ in 1..length {
                chars.next();
            }
            before = Kind::Other;
            continue;
        }
        let kind = kind_of(c);
        let next = chars.peek().map_or(Kind::Other, |(_, next)| kind_of(*next));
        let begins = match (before, kind) {
            (_, Kind::Other) => {
                before = kind;
                continue;
            }
            (Kind::Upper, Kind::Upper) => next == Kind::Lower,
            (Kind::Upper, Kind::Lower) => false,
            (before, kind) => before != kind,
        };
        if begins {
            name.extend(c.to_uppercase());
        } else {
            name.extend(c.to_lowercase());
        }
        before = kind;
    }
    name
}

/// How long the ordinal is that a text begins with, in bytes: in one case, and followed by neither a digit nor a letter of
/// that case.
fn ordinal(text: &str) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let last = text.as_bytes()[..digits].last()?;
    let (lower, upper) = match last {
        b'1' => ("st", "ST"),
        b'2' => ("nd", "ND"),
        b'3' => ("rd", "RD"),
        _ => ("th", "TH"),
    };
    let next = text.as_bytes().get(digits + lower.len()).copied().unwrap_or(b' ');
    let rest = &text[digits..];
    let ends = (rest.starts_with(lower) && !next.is_ascii_lowercase())
        || (rest.starts_with(upper) && !next.is_ascii_uppercase());
    (ends && !next.is_ascii_digit()).then_some(digits + lower.len())
}

fn duplicate(draft: &Draft, first: &str) -> Error {
    let name = shown(draft.name());
    let message = format!("the model \"{name}\" is already defined by {first}, which wins; rename one of them");
    name_place(draft).mark(Error::new(Status::ERROR_DUPLICATE_MODEL, name, message))
}

/// Where a definition has its name; where it has none, its file's beginning.
fn name_place(draft: &Draft) -> Place {
    draft.name_place().unwrap_or(Place { offset: 0, line: 1, column: 1 })
}

/// Finds every base: among the application's models, then the built-in ones. A model that names itself means the
/// built-in one.
fn bases(entries: &mut [Entry], index: &HashMap<String, usize>) -> Result<Vec<Base>> {
    let mut bases = with_capacity(entries.len())?;
    for entry in entries {
        let Some(draft) = &entry.draft else {
            bases.push(Base::Nothing);
            continue;
        };
        let name = draft.base().unwrap_or_default();
        let own = if name == draft.name() { None } else { index.get(name) };
        bases.push(match (own, builtin::find(name)?) {
            (Some(&place), _) => Base::Model(place),
            (None, Some(schema)) => Base::Builtin(schema),
            (None, None) => {
                let error = draft.unknown_base();
                push(&mut entry.problems, error)?;
                Base::Nothing
            }
        });
    }
    Ok(bases)
}

/// Takes the base from every model that is, over some others, based on itself.
fn cut_cycles(entries: &mut [Entry], bases: &mut [Base]) -> Result<()> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        OnThisPath,
        Before,
    }
    let mut seen: Vec<Seen> = with_capacity(entries.len())?;
    seen.resize(entries.len(), Seen::No);
    let mut path: Vec<usize> = with_capacity(entries.len())?;
    for start in 0..entries.len() {
        path.clear();
        let mut at = start;
        while seen[at] == Seen::No {
            seen[at] = Seen::OnThisPath;
            path.push(at);
            match bases[at] {
                Base::Model(next) => at = next,
                Base::Builtin(_) | Base::Nothing => break,
            }
        }
        let closes = seen[at] == Seen::OnThisPath && matches!(bases[at], Base::Model(_));
        if let Some(first) = path.iter().position(|place| closes && *place == at) {
            for offset in 0..path.len() - first {
                let cycle = path[first..].iter().cycle().skip(offset).take(path.len() - first);
                let error = cyclic(entries, cycle.copied(), path.len() - first);
                let place = path[first + offset];
                push(&mut entries[place].problems, error)?;
                bases[place] = Base::Nothing;
            }
        }
        for &place in &path {
            seen[place] = Seen::Before;
        }
    }
    Ok(())
}

fn cyclic(entries: &[Entry], mut cycle: impl Iterator<Item = usize> + Clone, length: usize) -> Error {
    let mut chain = String::new();
    for place in cycle.clone().take(SHOWN_NAMES) {
        chain = chain + &shown(&entries[place].name) + " -> ";
    }
    let first = &entries[cycle.next().unwrap_or_default()];
    let name = shown(&first.name);
    let more = if length > SHOWN_NAMES { "... -> " } else { "" };
    let message =
        format!("model \"{name}\": its bases form a cycle ({chain}{more}{name}); give one of them another \"base\"");
    let place = first.draft.as_ref().map(Draft::base_place).unwrap_or_default();
    place.mark(Error::new(Status::ERROR_SCHEMA, name, message))
}

/// Builds every schema after the one it is based on.
fn build(entries: &mut [Entry], bases: &[Base]) -> Result<()> {
    let mut waiting: Vec<usize> = with_capacity(entries.len())?;
    for start in 0..entries.len() {
        let mut at = start;
        while entries[at].draft.is_some() {
            waiting.push(at);
            match bases[at] {
                Base::Model(next) => at = next,
                Base::Builtin(_) | Base::Nothing => break,
            }
        }
        while let Some(place) = waiting.pop() {
            let mut base = match &bases[place] {
                Base::Model(base) => entries[*base].schema.clone(),
                Base::Builtin(schema) => Some(schema.clone()),
                Base::Nothing => None,
            };
            let entry = &mut entries[place];
            let Some(draft) = entry.draft.take() else { continue };
            if let Some(Err(error)) = base.as_deref().map(|base| draft.accepts(base)) {
                push(&mut entry.problems, error)?;
                base = None;
            }
            entry.schema = Some(draft.build(base)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::model_name;

    #[test]
    fn names_from_files() {
        for (stem, name) in [
            ("data-source-definition", "DataSourceDefinition"),
            ("user", "User"),
            ("ACL", "Acl"),
            ("accessToken", "AccessToken"),
            ("XMLHttpRequest", "XmlHttpRequest"),
            ("my_model.v2", "MyModelV2"),
            ("order 66 item", "Order66Item"),
            ("it's", "Its"),
            ("it\u{2019}s", "Its"),
            ("2nd-item", "2ndItem"),
            ("order-1st", "Order1st"),
            ("order1st", "Order1st"),
            ("the 23RD item", "The23rdItem"),
            ("3rdItem", "3rdItem"),
            ("4TH_floor", "4thFloor"),
            ("10th", "10th"),
            ("11th", "11Th"),
            ("1nd", "1Nd"),
            ("1star", "1Star"),
            ("1st2nd", "1St2nd"),
            ("2NDITEM", "2Nditem"),
            ("--", ""),
        ] {
            assert_eq!(model_name(stem), name);
        }
    }
}
