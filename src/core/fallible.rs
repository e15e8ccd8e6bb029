//! Memory that may be refused, for boxes and texts whose number or size the host chooses; and what is written to such
//! texts.

use std::fmt;

/// A box of a value; `None` where there is no memory.
pub fn boxed<T>(value: T) -> Option<Box<T>> {
    let mut one = Vec::new();
    one.try_reserve_exact(1).ok()?;
    one.push(value);
    let pointer = Box::into_raw(one.into_boxed_slice());
    // SAFETY: the slice has one value, so a box of that value has the same layout.
    Some(unsafe { Box::from_raw(pointer.cast()) })
}

/// A copy of the beginning of a text, at most `limit` bytes cut at a character's boundary; `None` where there is no
/// memory.
pub fn beginning(text: &str, limit: usize) -> Option<String> {
    let mut copy = String::new();
    let end = text.floor_char_boundary(limit.min(text.len()));
    copy.try_reserve_exact(end).ok()?;
    copy.push_str(&text[..end]);
    Some(copy)
}

/// A text that is written to, and fails where there is no memory.
#[derive(Default)]
pub struct Text(pub String);

impl fmt::Write for Text {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        self.0.try_reserve(more.len()).map_err(|_| fmt::Error)?;
        self.0.push_str(more);
        Ok(())
    }
}

/// A number of things, with the word for one of them.
pub struct Many(pub u64, pub &'static str);

impl fmt::Display for Many {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.0, self.1, if self.0 == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_holds_its_value_and_a_text_is_cut_between_characters() {
        assert_eq!(boxed([1_u64, 2, 3]).as_deref(), Some(&[1, 2, 3]));
        assert_eq!(boxed("text".to_owned()).map(|text| *text), Some("text".to_owned()));
        assert!(boxed(()).is_some());
        assert_eq!(beginning("aé", 2).as_deref(), Some("a"));
        assert_eq!(beginning("aé", 9).as_deref(), Some("aé"));
    }
}
