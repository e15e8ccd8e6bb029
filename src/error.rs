//! The status codes of the library and the error that carries one, with its reason and its place.

use std::fmt;

macro_rules! statuses {
    ($( $(#[doc = $doc_text:literal])* $name:ident = $value:literal, $text:literal; )*) => {
        /// What a call answers. Zero is success; numbers are never reused.
        ///
        /// Numbers from 1000 to 1999 are never used by the library: they are left to the host's own callbacks.
        #[repr(i32)]
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        #[allow(non_camel_case_types)]
        pub enum Status {
            $( $(#[doc = $doc_text])* $name = $value, )*
        }

        impl Status {
            /// Every status there is, in the order of its number.
            pub const ALL: &'static [Status] = &[$( Status::$name, )*];

            /// The status as it is written in C, NUL-terminated, for the life of the process.
            pub const fn c_name(self) -> &'static std::ffi::CStr {
                match self {
                    $( Status::$name => {
                        match std::ffi::CStr::from_bytes_with_nul(concat!("MREG_", stringify!($name), "\0").as_bytes()) {
                            Ok(name) => name,
                            Err(_) => panic!("a status name holds no NUL"),
                        }
                    } )*
                }
            }

            /// One sentence for people.
            pub const fn text(self) -> &'static str {
                match self { $( Status::$name => $text, )* }
            }

            /// The same sentence, NUL-terminated, for the life of the process.
            pub const fn c_text(self) -> &'static std::ffi::CStr {
                match self {
                    $( Status::$name => {
                        match std::ffi::CStr::from_bytes_with_nul(concat!($text, "\0").as_bytes()) {
                            Ok(text) => text,
                            Err(_) => panic!("a sentence holds no NUL"),
                        }
                    } )*
                }
            }

            /// What the documentation says of the status.
            pub const fn documentation(self) -> &'static str {
                match self { $( Status::$name => concat!($($doc_text),*), )* }
            }

            /// The status with this number, if there is one.
            pub fn from_number(number: i32) -> Option<Status> {
                match number { $( $value => Some(Status::$name), )* _ => None }
            }
        }
    };
}

statuses! {
    /// The call did what it says.
    OK = 0, "success";
    /// A pointer that must not be NULL is NULL.
    ERROR_NULL_POINTER = 1, "a pointer that must not be NULL is NULL";
    /// A pointer to a struct or an array is not aligned for its type.
    ERROR_UNALIGNED_POINTER = 2, "a pointer is not aligned for its type";
    /// An argument that the call cannot take: an unknown number or flag, a position past the end, a thing of the wrong kind or state.
    ERROR_INVALID_ARGUMENT = 3, "an argument is out of its range";
    /// `struct_size` is smaller than the first version of the struct, or the struct is larger than ours and its extra bytes are not zero.
    ERROR_STRUCT_SIZE = 4, "struct_size does not fit this version of the library";
    /// A text is not UTF-8; the error has the byte offset.
    ERROR_INVALID_UTF8 = 5, "a text is not valid UTF-8";
    /// A name is empty, or holds a NUL or another control character; the error has the byte offset.
    ERROR_INVALID_NAME = 6, "a name is empty or holds a control character";
    /// A text or an array is longer than its limit.
    ERROR_TOO_LONG = 7, "a text or an array is longer than its limit";
    /// The handle is null.
    ERROR_NULL_HANDLE = 10, "the handle is null";
    /// The handle is of another type than the function takes.
    ERROR_WRONG_HANDLE_TYPE = 11, "the handle is of another type";
    /// The handle belongs to another registry, or to another copy of the library.
    ERROR_FOREIGN_HANDLE = 12, "the handle belongs to another registry";
    /// No handle with these bits was ever given out.
    ERROR_FORGED_HANDLE = 13, "no such handle was ever given out";
    /// What the handle stood for is gone: released, unregistered, replaced, cleared, freed or destroyed.
    ERROR_STALE_HANDLE = 14, "what the handle stood for is gone";
    /// A limit of the registry or of the process is reached.
    ERROR_FULL = 20, "a limit is reached";
    /// Memory could not be had; nothing was changed.
    ERROR_OUT_OF_MEMORY = 21, "out of memory";
    /// An earlier internal error left the registry in doubt; it can only be destroyed.
    ERROR_POISONED = 22, "an earlier internal error left the registry in doubt";
    /// An internal error of the library, with its message; please report it.
    ERROR_INTERNAL = 23, "internal error";
    /// The system gives no thread; nothing was changed.
    ERROR_NO_THREAD = 24, "no thread could be made";
    /// A text is not JSON; the error has line and column.
    ERROR_JSON = 30, "not valid JSON";
    /// JSON that is not a model definition, or a property of an impossible type.
    ERROR_SCHEMA = 31, "not a model definition";
    /// A schema nests deeper than the limit.
    ERROR_TOO_DEEP = 32, "nested too deep";
    /// The base of a model is defined nowhere.
    ERROR_UNKNOWN_BASE = 33, "the base of a model is defined nowhere";
    /// A model configuration names a data source that is not configured.
    ERROR_UNKNOWN_DATA_SOURCE = 34, "a data source is not configured";
    /// Two files define a model of the same name.
    ERROR_DUPLICATE_MODEL = 35, "a model is defined twice";
    /// A file or directory could not be read.
    ERROR_IO = 40, "a file could not be read";
    /// The directory holds nothing that could be loaded.
    ERROR_NOTHING_TO_LOAD = 41, "nothing could be loaded";
    /// Problems were reported and the caller asked for all or nothing; nothing was changed.
    ERROR_LOAD_REFUSED = 42, "problems were reported and nothing was loaded";
}

/// Why a call failed: a status, a sentence that names the thing, the reason and what to do, and where in the input.
///
/// The detail is boxed so that the results of the hot calls, which seldom carry one, stay small.
#[derive(Clone, Debug)]
pub struct Error {
    status: Status,
    detail: Option<Box<Detail>>,
}

/// What an [`Error`] says beyond its status.
#[derive(Clone, Debug, Default)]
pub struct Detail {
    /// The whole sentence.
    pub message: String,
    /// The name of the offending thing: a model, a property, a parameter, a file.
    pub name: String,
    /// Byte offset in the input, 0 where there is none.
    pub offset: u64,
    /// Line in the input, from 1; 0 where there is none.
    pub line: u32,
    /// Column in the input in bytes, from 1; 0 where there is none.
    pub column: u32,
}

/// The result of a call that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with a whole sentence about a named thing.
    pub fn new(status: Status, name: impl Into<String>, message: impl Into<String>) -> Self {
        Error {
            status,
            detail: Some(Box::new(Detail { message: message.into(), name: name.into(), ..Detail::default() })),
        }
    }

    /// The same error with the place it was found at: byte offset, line and column from 1.
    pub fn at(mut self, offset: u64, line: u32, column: u32) -> Self {
        let status = self.status;
        let detail = self
            .detail
            .get_or_insert_with(|| Box::new(Detail { message: status.text().to_owned(), ..Detail::default() }));
        (detail.offset, detail.line, detail.column) = (offset, line, column);
        self
    }

    /// The status code.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The sentence; the status's own where the error has no detail.
    pub fn message(&self) -> &str {
        self.detail.as_ref().map_or(self.status.text(), |detail| &detail.message)
    }

    /// The detail, if there is any.
    pub fn detail(&self) -> Option<&Detail> {
        self.detail.as_deref()
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Error { status, detail: None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Error {}
