//! Reading Arrow IPC: the stream, and the file, which is a stream between two marks with a directory at its end.
//!
//! Messages are taken from the stream here, because their headers claim how long they are and how long their compressed
//! buffers become: no memory is taken for a claim that the bytes which are there cannot keep.

use crate::builder::Builder;
use crate::error::TableError;
use crate::record_batch::{self, Batches};
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::{MessageHeader, RecordBatch, root_as_message};
use std::io::Read;

/// The mark of a file.
const MARK: &[u8] = b"ARROW1";
/// Most bytes that follow the mark of a file before its first message.
const MOST_FILLING: usize = 1024;
/// No message's description is longer.
const MOST_HEADER: u64 = 64 * 1024 * 1024;
/// No byte of compressed data becomes more bytes than this.
const MOST_EXPANSION: u64 = 32 * 1024;

/// Adds the rows of an Arrow stream or file to a table.
pub(crate) fn read(mut input: impl Read, path: &str, table: &mut Builder<'_>) -> Result<(), TableError> {
    let damaged = |message: String| TableError::Damaged { path: path.into(), format: "Arrow IPC data", message };
    let mut first = exactly(&mut input, 8).map_err(damaged)?;
    let file = first.starts_with(MARK);
    if file {
        // The mark is filled up with zeros, by some writers to more than eight bytes.
        first = vec![0; 4];
        for _ in 0..MOST_FILLING / 4 {
            if first != [0; 4] {
                break;
            }
            first = exactly(&mut input, 4).map_err(damaged)?;
        }
    }
    let mut input = first.as_slice().chain(input);
    let mut decoder = StreamDecoder::new();
    let mut batches = Batches::new(path, table);
    let ended = loop {
        let message = match message(&mut input).map_err(damaged)? {
            Next::Message(message) => message,
            Next::End => break true,
            Next::Nothing => break false,
        };
        let mut message = Buffer::from_vec(message);
        while !message.is_empty() {
            let batch = decoder.decode(&mut message).map_err(|e| damaged(e.to_string()))?;
            if let (Some(batch), Some(schema)) = (batch, decoder.schema()) {
                let names = record_batch::names(&schema);
                let places: Vec<usize> = (0..names.len()).filter(|&j| !batches.ignores(&names[j])).collect();
                let batch = batch.project(&places).map_err(|e| damaged(e.to_string()))?;
                batches.add(&names, &batch, &places)?;
            }
        }
    };
    if file {
        let mut tail = Vec::new();
        let whole = ended && input.read_to_end(&mut tail).is_ok() && tail.ends_with(MARK);
        if !whole {
            return Err(damaged("its end is missing".into()));
        }
    }
    batches.finish()
}

/// What comes next in a stream.
enum Next {
    /// A message with its length before it and its body behind it.
    Message(Vec<u8>),
    /// The mark of the end.
    End,
    /// No byte more.
    Nothing,
}

fn message(input: &mut impl Read) -> Result<Next, String> {
    let mut message = Vec::new();
    input.take(4).read_to_end(&mut message).map_err(|e| e.to_string())?;
    if message.is_empty() {
        return Ok(Next::Nothing);
    }
    if message == [0xff; 4] {
        message.extend(exactly(input, 4)?);
    }
    let Some(length) = message.last_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes)) else {
        return Err("it ends within a message".into());
    };
    if length == 0 {
        return Ok(Next::End);
    }
    if u64::from(length) > MOST_HEADER {
        return Err(format!("a message's description of {length} bytes"));
    }
    let header = exactly(input, length.into())?;
    let described = root_as_message(&header).map_err(|e| format!("a message that cannot be understood: {e}"))?;
    let body = u64::try_from(described.bodyLength()).map_err(|_| "a message of negative length".to_owned())?;
    let body = exactly(input, body)?;
    let batch = match described.header_type() {
        MessageHeader::RecordBatch => described.header_as_record_batch(),
        MessageHeader::DictionaryBatch => described.header_as_dictionary_batch().and_then(|d| d.data()),
        _ => None,
    };
    if let Some(batch) = batch {
        check_claims(&batch, &body)?;
    }
    message.extend(&header);
    message.extend(body);
    Ok(Next::Message(message))
}

/// Checks that a batch's buffers lie in its body, and that the compressed ones do not claim to become longer than they
/// can.
fn check_claims(batch: &RecordBatch<'_>, body: &[u8]) -> Result<(), String> {
    for buffer in batch.buffers().iter().flatten() {
        let part = || {
            let (start, length) = (usize::try_from(buffer.offset()).ok()?, usize::try_from(buffer.length()).ok()?);
            body.get(start..start.checked_add(length)?)
        };
        let part = part().ok_or("a buffer beyond its message")?;
        let claim = part.first_chunk::<8>().map_or(0, |bytes| i64::from_le_bytes(*bytes));
        let most = (part.len() as u64).saturating_mul(MOST_EXPANSION);
        if batch.compression().is_some() && u64::try_from(claim).is_ok_and(|claim| claim > most) {
            return Err(format!("{} compressed bytes that claim to be {claim}", part.len()));
        }
    }
    Ok(())
}

/// The next bytes of a stream; memory is taken as they come.
fn exactly(input: &mut impl Read, length: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    input.take(length).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    match bytes.len() as u64 == length {
        true => Ok(bytes),
        false => Err(format!("it ends after {} of {length} bytes of a part", bytes.len())),
    }
}
