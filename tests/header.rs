//! The header in the repository is the one that the source makes, and C and C++ take it.
//!
//! `MODELREG_BLESS=1 cargo test --test header` writes it anew.

mod header_text;

use std::path::PathBuf;

#[test]
fn the_header_is_up_to_date() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("include/modelreg.h");
    let made = header_text::generate();
    if std::env::var_os("MODELREG_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &made).expect("the header can be written");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = made.lines().zip(kept.lines()).position(|(made, kept)| made != kept);
    assert!(
        made == kept,
        "include/modelreg.h is out of date from line {} on; run MODELREG_BLESS=1 cargo test --test header",
        differs.unwrap_or(made.lines().count().min(kept.lines().count())) + 1
    );
}
