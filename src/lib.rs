//! modelreg keeps track of which models belong to which owners in which tenants.
//!
//! The product is the C library; `include/modelreg.h` is its reference. The Rust crate is the same registry
//! without the C layer.

#[cfg(not(panic = "unwind"))]
compile_error!("modelreg turns its own panics into a status, which needs panic = \"unwind\" in every profile");

pub mod capi;
pub mod core;
pub mod error;
pub mod loader;
pub mod schema;
