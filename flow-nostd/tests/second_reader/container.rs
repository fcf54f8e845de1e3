//! The header and the sections: `spec/format.md`, "Header" and "Section table".

use super::bytes::{Rule, crc32, rule, u16_at, u32_at, zero};

/// The minor version of the specification that this reader was written from.
const MINOR: u16 = 6;
/// Sections that a file must have.
const NEEDED: [&[u8; 4]; 7] = [b"COLS", b"TAIL", b"LAYR", b"DENS", b"INDX", b"BASE", b"WGHT"];
/// Sections that it has where they hold a record.
const WHERE_USED: [&[u8; 4]; 2] = [b"ATOM", b"CIRC"];
/// Sections that it may have.
const OPTIONAL: [&[u8; 4]; 8] = [b"NAME", b"PROB", b"CALB", b"SENS", b"REFS", b"MASS", b"WIND", b"CHAN"];

/// A file whose header and section table keep the rules.
pub struct Container<'a> {
    /// The whole file without a signature.
    pub file: &'a [u8],
    sections: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Container<'a> {
    /// Opens a file, a signature behind it allowed.
    pub fn open(slice: &'a [u8]) -> Rule<Self> {
        let file = header(slice)?;
        let mut sections: Vec<(&[u8], &[u8])> = Vec::new();
        let count = usize::from(u16_at(file, 58));
        rule(file.len() >= 128 + 16 * count, || format!("58: no room for a table of {count} sections"))?;
        let mut end = 128 + 16 * count;
        for at in (128..128 + 16 * count).step_by(16) {
            let tag = &file[at..at + 4];
            let [flags, offset, length] = [4, 8, 12].map(|field| u32_at(file, at + field));
            let (offset, length) = (offset as usize, length as usize);
            rule(flags <= 1, || format!("{at}: flags {flags}"))?;
            rule(offset == end.next_multiple_of(16), || format!("{at}: lies at {offset}, not behind {end}"))?;
            rule(offset + length <= file.len(), || format!("{at}: ends behind the file"))?;
            rule(zero(file, end, offset), || format!("{end}: not zero between sections"))?;
            end = offset + length;
            let known = NEEDED.iter().chain(&WHERE_USED).chain(&OPTIONAL).any(|known| *known == tag);
            rule(known || flags == 0, || format!("{at}: an unknown critical section"))?;
            rule(!known || sections.iter().all(|(other, _)| *other != tag), || format!("{at}: a second {tag:?}"))?;
            let empty = length == 0 && WHERE_USED.iter().any(|one| *one == tag);
            rule(!empty, || format!("{at}: there, and without a record"))?;
            sections.push((tag, &file[offset..end]));
        }
        rule(end.next_multiple_of(16) == file.len(), || format!("{end}: something behind the last section"))?;
        rule(zero(file, end, file.len()), || format!("{end}: not zero behind the last section"))?;
        let container = Container { file, sections };
        for tag in NEEDED {
            rule(container.find(tag).is_some(), || format!("no section {tag:?}"))?;
        }
        Ok(container)
    }

    fn find(&self, tag: &[u8; 4]) -> Option<&'a [u8]> {
        self.sections.iter().find(|(other, _)| other == tag).map(|(_, data)| *data)
    }

    /// Whether a section is there.
    pub fn has(&self, tag: &[u8; 4]) -> bool {
        self.find(tag).is_some()
    }

    /// A section's bytes; none where it is absent.
    pub fn section(&self, tag: &[u8; 4]) -> &'a [u8] {
        self.find(tag).unwrap_or_default()
    }

    /// A section's records of this many bytes; `count` of them where it is said.
    pub fn records(&self, tag: &[u8; 4], size: usize, count: Option<usize>) -> Rule<Vec<&'a [u8]>> {
        let data = self.section(tag);
        let count = count.unwrap_or(data.len() / size);
        rule(data.len() == count * size, || format!("{tag:?}: {} bytes, not {count} records", data.len()))?;
        Ok(data.chunks(size).collect())
    }

    /// The header's number of two bytes at an offset.
    pub fn count(&self, at: usize) -> usize {
        u16_at(self.file, at).into()
    }
}

/// The file without a signature, its header checked.
fn header(slice: &[u8]) -> Rule<&[u8]> {
    rule(slice.len() >= 128, || format!("{} bytes are less than a header", slice.len()))?;
    rule(slice[..8] == *b"\x89FLOW\r\n\x1a", || "0: another magic".into())?;
    rule(u16_at(slice, 8) == 1, || "8: another major version".into())?;
    rule(u32_at(slice, 12) == 128, || "12: another length of the header".into())?;
    rule(u32_at(slice, 124) == crc32(&slice[..124]), || "124: the header's check sum".into())?;
    rule(u32_at(slice, 20) == 0, || "20: a critical flag".into())?;
    rule(u16_at(slice, 60) == 0, || "60: another type of weights".into())?;
    let [columns, dim, context] = [48, 50, 52].map(|at| u32::from(u16_at(slice, at)));
    rule((1..=columns).contains(&dim), || "50: dim".into())?;
    rule(columns + context <= 65_535, || "52: too many columns".into())?;
    let reserved = zero(slice, 62, 64) && zero(slice, 76, 120);
    rule(reserved || u16_at(slice, 10) > MINOR, || "62 or 76: not zero".into())?;
    let total = u32_at(slice, 16) as usize;
    rule(total >= 128, || "16: shorter than a header".into())?;
    rule(slice.len() == total || slice.len() == total + 64, || "16: another length".into())?;
    let file = &slice[..total];
    rule(u32_at(file, 120) == crc32(&file[128..]), || "120: the body's check sum".into())?;
    Ok(file)
}
