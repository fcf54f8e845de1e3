//! The header of an NPY array: what its numbers are, their order and their shape.
//!
//! NumPy writes it as a Python dictionary of three known keys. Nothing else is understood here.

use std::io::Read;

/// No header of an array of numbers is longer.
const LONGEST: usize = 64 * 1024;

/// The header of an array.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Header {
    pub(crate) number: Number,
    /// Column after column, rather than row after row.
    pub(crate) fortran: bool,
    pub(crate) shape: Vec<u64>,
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Number {
    form: Form,
    size: usize,
    big_endian: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Bool,
    Signed,
    Unsigned,
    Float,
    /// A time: so many to a microsecond, or so many microseconds.
    Time {
        divide: i64,
        multiply: i64,
    },
}

/// A cell of an array.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    Number(f64),
    /// Microseconds since 1970; `None` is "not a time".
    Time(Option<i64>),
}

impl Header {
    /// Reads the header from the start of an array.
    pub(crate) fn read(input: &mut impl Read) -> Result<Header, String> {
        let mut start = [0; 8];
        input.read_exact(&mut start).map_err(|_| "it ends within its header")?;
        let length = match start {
            [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _] => {
                let mut length = [0; 2];
                input.read_exact(&mut length).map(|()| usize::from(u16::from_le_bytes(length)))
            }
            [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _] => {
                let mut length = [0; 4];
                input.read_exact(&mut length).map(|()| u32::from_le_bytes(length) as usize)
            }
            [0x93, b'N', b'U', b'M', b'P', b'Y', version, _] => return Err(format!("version {version} is not known")),
            _ => return Err("it does not begin like an array".into()),
        };
        let length = length.map_err(|_| "it ends within its header")?;
        if length > LONGEST {
            return Err(format!("a header of {length} bytes"));
        }
        let mut text = vec![0; length];
        input.read_exact(&mut text).map_err(|_| "it ends within its header")?;
        let text = String::from_utf8(text).map_err(|_| "its header is no text")?;
        Header::parse(&text)
    }

    fn parse(text: &str) -> Result<Header, String> {
        let value = |key: &str| {
            let rest = text.split_once(&format!("'{key}':")).map(|(_, rest)| rest.trim_start());
            rest.ok_or_else(|| format!("its header does not state {key}"))
        };
        let descr = value("descr")?;
        if descr.starts_with('[') {
            return Err("it is a structured array; write its fields as columns of an NPZ file: \
                        np.savez(path, **{name: a[name] for name in a.dtype.names})"
                .into());
        }
        let descr = descr.strip_prefix('\'').and_then(|rest| rest.split_once('\'')).ok_or("its type is not stated")?.0;
        let fortran = match value("fortran_order")? {
            rest if rest.starts_with("False") => false,
            rest if rest.starts_with("True") => true,
            _ => return Err("its order is not stated".into()),
        };
        let shape = value("shape")?.strip_prefix('(').and_then(|rest| rest.split_once(')')).ok_or("it has no shape")?.0;
        let shape = shape.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| part.parse::<u64>());
        let shape = shape.collect::<Result<Vec<_>, _>>().map_err(|_| "its shape is not one of whole numbers")?;
        Ok(Header { number: Number::parse(descr)?, fortran, shape })
    }
}

impl Number {
    fn parse(descr: &str) -> Result<Number, String> {
        let other = || {
            let what = match descr.trim_start_matches(['<', '>', '|', '=']).chars().next() {
                Some('O') => ", Python objects",
                Some('U' | 'S' | 'a') => ", text",
                Some('c') => ", complex numbers",
                Some('V') => ", raw bytes",
                _ => "",
            };
            format!("its type is {descr:?}{what}; expected numbers, as of a.astype(np.float32)")
        };
        let (big_endian, rest) = match descr.split_at_checked(1).ok_or_else(other)? {
            (">", rest) => (true, rest),
            ("<" | "|", rest) => (false, rest),
            _ => return Err(other()),
        };
        let time = |divide, multiply| Number { form: Form::Time { divide, multiply }, size: 8, big_endian };
        let (form, size) = match rest {
            "b1" => (Form::Bool, 1),
            "i1" => (Form::Signed, 1),
            "i2" => (Form::Signed, 2),
            "i4" => (Form::Signed, 4),
            "i8" => (Form::Signed, 8),
            "u1" => (Form::Unsigned, 1),
            "u2" => (Form::Unsigned, 2),
            "u4" => (Form::Unsigned, 4),
            "u8" => (Form::Unsigned, 8),
            "f2" => (Form::Float, 2),
            "f4" => (Form::Float, 4),
            "f8" => (Form::Float, 8),
            "M8[ns]" => return Ok(time(1000, 1)),
            "M8[us]" => return Ok(time(1, 1)),
            "M8[ms]" => return Ok(time(1, 1000)),
            "M8[s]" => return Ok(time(1, 1_000_000)),
            "M8[m]" => return Ok(time(1, 60_000_000)),
            "M8[h]" => return Ok(time(1, 3_600_000_000)),
            "M8[D]" => return Ok(time(1, 86_400_000_000)),
            _ => return Err(other()),
        };
        Ok(Number { form, size, big_endian })
    }

    /// Bytes of a number.
    pub(crate) fn size(self) -> usize {
        self.size
    }

    /// Whether it is a time.
    pub(crate) fn is_time(self) -> bool {
        matches!(self.form, Form::Time { .. })
    }

    /// The number in `bytes`, of which there are [`Number::size`].
    pub(crate) fn value(self, bytes: &[u8]) -> Value {
        let mut raw = [0; 8];
        for (to, from) in raw.iter_mut().zip(bytes) {
            *to = *from;
        }
        if self.big_endian {
            raw[..self.size].reverse();
        }
        let unsigned = u64::from_le_bytes(raw);
        let shift = 64 - 8 * self.size as u32;
        let signed = (unsigned << shift) as i64 >> shift;
        Value::Number(match (self.form, self.size) {
            (Form::Bool, _) => f64::from(u8::from(unsigned != 0)),
            (Form::Signed, _) => signed as f64,
            (Form::Unsigned, _) => unsigned as f64,
            (Form::Float, 2) => half::f16::from_bits(unsigned as u16).to_f64(),
            (Form::Float, 4) => f32::from_bits(unsigned as u32).into(),
            (Form::Float, _) => f64::from_bits(unsigned),
            (Form::Time { divide, multiply }, _) => {
                let time = Some(signed).filter(|t| *t != i64::MIN);
                return Value::Time(time.and_then(|t| t.div_euclid(divide).checked_mul(multiply)));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(descr: &str) -> Number {
        Number::parse(descr).unwrap()
    }

    #[test]
    fn headers_as_numpy_writes_them() {
        let header = Header::parse("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }    \n").unwrap();
        assert_eq!(header, Header { number: number("<f8"), fortran: false, shape: vec![3, 2] });
        assert_eq!(Header::parse("{'descr': '|b1', 'fortran_order': True, 'shape': (5,), }").unwrap().shape, [5]);
        assert_eq!(Header::parse("{'descr': '|b1', 'fortran_order': True, 'shape': (), }").unwrap().shape, []);
        for (text, expected) in [
            ("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", "Python objects; expected numbers"),
            ("{'descr': '<U8', 'fortran_order': False, 'shape': (3,), }", "text"),
            ("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (3,), }", "structured array"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (-3,), }", "whole numbers"),
            ("{'descr': '<f8', 'shape': (3,), }", "does not state fortran_order"),
        ] {
            assert!(Header::parse(text).unwrap_err().contains(expected), "{text}");
        }
    }

    #[test]
    fn numbers_of_either_order() {
        let of = |descr: &str, bytes: &[u8]| number(descr).value(bytes);
        assert_eq!(of("<i2", &[0xfe, 0xff]), Value::Number(-2.0));
        assert_eq!(of(">i2", &[0xff, 0xfe]), Value::Number(-2.0));
        assert_eq!(of("<u8", &[0xff; 8]), Value::Number(u64::MAX as f64));
        assert_eq!(of(">f4", &1.5f32.to_be_bytes()), Value::Number(1.5));
        assert_eq!(of("<f8", &(-0.1f64).to_le_bytes()), Value::Number(-0.1));
        assert_eq!(of("<f2", &[0x00, 0x3e]), Value::Number(1.5));
        assert_eq!(of("|b1", &[1]), Value::Number(1.0));
        assert_eq!(of("<M8[ns]", &1_500_000i64.to_le_bytes()), Value::Time(Some(1500)));
        assert_eq!(of("<M8[s]", &i64::MIN.to_le_bytes()), Value::Time(None));
    }
}
