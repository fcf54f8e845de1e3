//! A frozen file with further sections that a reader may skip.

use crate::freeze::seal;
use flow_nostd::layout::{CHANNELS, HEADER_LENGTH, Header, MASSES, SECTION_ALIGN, SectionEntry};
use flow_nostd::{Flow, Tag};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, IntoBytes};

/// The first minor version of the format that has a section which is added.
fn minor(tag: Tag) -> u16 {
    match tag {
        MASSES => 6,
        CHANNELS => 5,
        _ => 4,
    }
}

/// The file of `flow`, without a signature, with `sections` behind the others, in place of those of the same tags.
/// Everything else stays as it is, but the model id, which is that of the new file.
///
/// # Panics
/// If the file becomes longer than 4 GiB.
pub fn with_sections(flow: &Flow, file: &[u8], sections: &[(Tag, Vec<u8>)]) -> Vec<u8> {
    let mut header: Header = *flow.header();
    let old = <[SectionEntry]>::ref_from_prefix_with_elems(&file[HEADER_LENGTH..], header.sections.get().into());
    let old = old.expect("a flow's file holds its section table").0;
    let kept = old.iter().filter(|entry| sections.iter().all(|(tag, _)| tag.0 != entry.tag));
    let kept = kept.map(|entry| {
        let data = &file[entry.offset.get() as usize..][..entry.length.get() as usize];
        (entry.tag, entry.flags, data)
    });
    let added = sections.iter().map(|(tag, data)| (tag.0, U32::ZERO, data.as_slice()));
    let all: Vec<_> = kept.chain(added).collect();

    let mut out = vec![0; HEADER_LENGTH + all.len() * size_of::<SectionEntry>()];
    let mut entries = Vec::new();
    for &(tag, flags, data) in &all {
        let [offset, length] = [out.len(), data.len()].map(|n| U32::new(u32::try_from(n).expect("below 4 GiB")));
        entries.push(SectionEntry { tag, flags, offset, length });
        out.extend_from_slice(data);
        out.resize(out.len().next_multiple_of(SECTION_ALIGN as usize), 0);
    }
    out[HEADER_LENGTH..][..size_of_val(&entries[..])].copy_from_slice(entries.as_bytes());
    let minor = sections.iter().map(|(tag, _)| minor(*tag)).max().unwrap_or(0);
    header.minor = U16::new(header.minor.get().max(minor));
    header.sections = U16::new(u16::try_from(all.len()).expect("few sections"));
    header.total_length = U32::new(u32::try_from(out.len()).expect("below 4 GiB"));
    seal(header, &mut out);
    out
}
