//! Anything may come over a cable: bytes at random, and lines that noise has hit. Nothing panics, every line has one answer,
//! and no damaged line is ever taken for a row.

mod common;

use common::{Board, CALIBRATED, read};
use flow_line::{ANSWER, Answer, Assembler, REQUEST, Received, Refusal, open_frame, write_row};
use proptest::prelude::*;

/// How many lines were answered, and rows that the board took.
fn feed(board: &mut Board, bytes: &[u8]) -> (usize, u32) {
    let mut assembler = Assembler::<{ common::LONGEST }>::new(REQUEST);
    let (mut answers, mut rows) = (0, 0);
    for &byte in bytes {
        let Some(received) = assembler.push(byte) else { continue };
        let mut line = String::new();
        board.responder.answer(received, &mut line).unwrap();
        let (number, answer) = read(&line);
        match answer {
            Answer::Row { count, .. } => rows = count,
            Answer::Error(Refusal::Checksum | Refusal::Long { .. }) => assert_eq!(number, 0),
            _ => {}
        }
        answers += 1;
    }
    (answers, rows)
}

/// Bytes that look like the protocol more often than not.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => proptest::sample::select(b"><* \n\r0123456789abcdef".to_vec()).prop_map(|byte| vec![byte]),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
        1 => proptest::sample::select(vec!["hello", "row ", "test", "reset ", ">0001 hello*2b1e3a2a\n"])
            .prop_map(|word| word.as_bytes().to_vec()),
    ];
    proptest::collection::vec(piece, 0..600).prop_map(|pieces| pieces.concat())
}

#[test]
fn the_end_of_a_line_is_not_counted() {
    let received = |bytes: &[u8]| {
        let mut assembler = Assembler::<4>::new(REQUEST);
        let lines = bytes.iter().filter_map(|&byte| match assembler.push(byte)? {
            Received::Line(line) => Some(line.to_vec()),
            Received::TooLong => Some(b"too long".to_vec()),
        });
        lines.collect::<Vec<_>>()
    };
    assert_eq!(received(b">123\n>123\r\n>12\r\n"), [&b">123"[..], b">123", b">12"]);
    // A carriage return that does not end the line is a byte as any other, and only one is passed over.
    assert_eq!(received(b">123\r4\n>123\r\r\n>12\r\r\n>1\r\r\n"), [&b"too long"[..], b"too long", b">12\r", b">1\r"]);
    assert_eq!(received(b">123\r>12\r\n"), [b">12"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered_and_none_is_a_row(bytes in bytes()) {
        let mut board = Board::new(CALIBRATED);
        let (answers, rows) = feed(&mut board, &bytes);
        prop_assert!(answers <= bytes.iter().filter(|&&byte| byte == b'\n').count());
        prop_assert_eq!(rows, 0);
        // Whatever came, the next line is understood.
        let after = board.row(1, &[1.25, 3.0, 17.0, -30.0]);
        prop_assert!(matches!(after, Answer::Row { count: 1, .. }), "{:?}", after);
    }

    #[test]
    fn a_row_that_noise_has_hit_is_not_taken_for_another(
        row in proptest::array::uniform4(any::<u32>()),
        hits in proptest::collection::vec((0usize..55, 1u8..), 1..4),
    ) {
        let mut line = String::new();
        write_row(&mut line, 1, row.map(f32::from_bits)).unwrap();
        let mut hit = line.clone().into_bytes();
        for (place, change) in hits {
            hit[place] ^= change;
        }
        prop_assume!(hit != line.as_bytes());
        let mut board = Board::new(CALIBRATED);
        let (_, rows) = feed(&mut board, &hit);
        prop_assert_eq!(rows, 0);
    }

    #[test]
    fn any_answer_is_read_or_refused(words in "[a-z0-9 _*.-]{0,80}") {
        let mut line = String::new();
        flow_line::write_frame(&mut line, ANSWER, 7, |out| out.write_str(&words)).unwrap();
        let mut assembler = Assembler::<200>::new(ANSWER);
        for byte in line.bytes() {
            if let Some(Received::Line(line)) = assembler.push(byte) {
                let frame = open_frame(ANSWER, line).unwrap();
                prop_assert_eq!(frame.words, words.as_bytes());
                let _ = Answer::read(&frame);
            }
        }
    }
}
