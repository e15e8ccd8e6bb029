//! Short texts in two words.

/// The most bytes that a short text has.
pub const MOST: usize = 16;

/// The first eight bytes of a text and the last eight, or the first four with the last four, twice: all there are, and with the
/// length they tell the text. One of fewer than four bytes is filled up with zeros. `None` for one that is not short.
///
/// One branch on the length, which comes in any order: a branch that is foretold wrong takes as long as all the rest.
#[inline(always)]
pub fn pack(text: &[u8]) -> Option<[u64; 2]> {
    if text.len() > MOST {
        return None;
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return Some([u64::from_le_bytes(*first), u64::from_le_bytes(*last)]);
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return Some([u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32; 2]);
    }
    Some([text.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0])
}

/// The text of this length that [`pack`] made two words of, and bytes of no meaning behind it.
pub fn unpack([first, last]: [u64; 2], length: usize) -> [u8; MOST] {
    let mut text = [0; MOST];
    text[..8].copy_from_slice(&first.to_le_bytes());
    match length {
        0..4 => {}
        4..8 => text.copy_within(4..8, length - 4),
        _ => text[length.min(MOST) - 8..][..8].copy_from_slice(&last.to_le_bytes()),
    }
    text
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_told_by_two_words_and_its_length() {
        for length in 0..=MOST {
            let text: Vec<u8> = (1..=length as u8).map(|byte| byte * 13).collect();
            let words = pack(&text).expect("a short text");
            assert_eq!(unpack(words, length)[..length], text[..], "{length} bytes");
            for at in 0..length {
                let mut other = text.clone();
                other[at] ^= 0x80;
                assert_ne!(pack(&other), Some(words), "{length} bytes, another one at {at}");
            }
        }
        assert_eq!(pack(&[b'a'; MOST + 1]), None);
    }
}
