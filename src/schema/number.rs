//! Numbers of any size, compared by value without ever becoming a float.

/// A number as its sign, its digits without outer zeros, and the place of the decimal point.
///
/// The value is `0.<integer><fraction>` times ten to the power of `point`; zero has no digits, no sign and point 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decimal<'a> {
    negative: bool,
    integer: &'a str,
    fraction: &'a str,
    point: i64,
}

impl<'a> Decimal<'a> {
    /// `None` where the exponent itself is beyond 64 bits: such a number is compared as it is written.
    pub(crate) fn new(lexeme: &'a str) -> Option<Self> {
        let (negative, rest) = match lexeme.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, lexeme),
        };
        let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
        let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut integer = integer.trim_start_matches('0');
        let mut fraction = fraction.trim_end_matches('0');
        let point = if integer.is_empty() {
            let digits = fraction.trim_start_matches('0');
            let skipped = fraction.len() - digits.len();
            fraction = digits;
            -i64::try_from(skipped).ok()?
        } else {
            i64::try_from(integer.len()).ok()?
        };
        if fraction.is_empty() {
            integer = integer.trim_end_matches('0');
        }
        if integer.is_empty() && fraction.is_empty() {
            return Some(Decimal { negative: false, integer, fraction, point: 0 });
        }
        let point = exponent.parse::<i64>().ok()?.checked_add(point)?;
        Some(Decimal { negative, integer, fraction, point })
    }

    pub(crate) fn is_negative(&self) -> bool {
        self.negative
    }

    pub(crate) fn point(&self) -> i64 {
        self.point
    }

    pub(crate) fn digits(&self) -> [&'a str; 2] {
        [self.integer, self.fraction]
    }
}

/// Whether two numbers have the same value: `1`, `1.0` and `10e-1` are one number, as they are in JavaScript.
pub(crate) fn same_number(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    match (Decimal::new(a), Decimal::new(b)) {
        (Some(a), Some(b)) => {
            a.negative == b.negative
                && a.point == b.point
                && a.integer.len() + a.fraction.len() == b.integer.len() + b.fraction.len()
                && a.integer.bytes().chain(a.fraction.bytes()).eq(b.integer.bytes().chain(b.fraction.bytes()))
        }
        _ => false,
    }
}

/// A number's text as JavaScript would print it, where that is the plain decimal notation; else as it is written.
pub(crate) fn plain_text(lexeme: &str) -> String {
    match lexeme.parse::<f64>() {
        Ok(0.0) => "0".to_owned(),
        Ok(value) if (1e-6..1e21).contains(&value.abs()) => value.to_string(),
        _ => lexeme.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_however_written() {
        for (a, b) in [
            ("1", "1.0"),
            ("1", "10e-1"),
            ("100", "1E+2"),
            ("0.5", "5e-1"),
            ("0.0050", "5e-3"),
            ("-0", "0"),
            ("0e9", "0.000"),
            ("18446744073709551616", "18446744073709551616.0"),
            ("1e400", "10e399"),
        ] {
            assert!(same_number(a, b), "{a} and {b}");
        }
    }

    #[test]
    fn different_values() {
        for (a, b) in [
            ("1", "-1"),
            ("1", "10"),
            ("0.5", "0.05"),
            ("18446744073709551616", "18446744073709551617"),
            ("1e400", "1e401"),
            ("1e99999999999999999999", "1e99999999999999999998"),
        ] {
            assert!(!same_number(a, b), "{a} and {b}");
        }
    }

    #[test]
    fn plain_texts() {
        for (lexeme, text) in
            [("3306", "3306"), ("27017.0", "27017"), ("1e3", "1000"), ("-0.0", "0"), ("1e400", "1e400"), ("0.5", "0.5")]
        {
            assert_eq!(plain_text(lexeme), text);
        }
    }
}
