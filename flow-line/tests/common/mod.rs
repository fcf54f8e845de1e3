//! A board without a cable: lines go in, answers come out.
#![allow(dead_code, reason = "each test takes what it needs")]

use flow_line::{
    ANSWER, Answer, Assembler, Memory, Needs, REQUEST, Received, Request, Responder, open_frame, write_frame, write_row,
};
use flow_nostd::{Flow, SensorState};

flow_nostd::include_flow!(mod example = "../../../spec/example.flow");
flow_nostd::include_flow!(mod calibrated = "../../../spec/calibrated.flow");
flow_nostd::include_flow!(mod ranges = "../../../spec/golden/windows-ranges.flow");
flow_nostd::include_flow!(mod machine = "../../../firmware/detect/machine.flow");

pub static EXAMPLE: &[u8] = example::BYTES;
pub static CALIBRATED: &[u8] = calibrated::BYTES;
/// Windows of four rows of two channels, of which the first gives -1.5 to 2.5, the second at most 3.
pub static RANGES: &[u8] = ranges::BYTES;
pub static MACHINE: &[u8] = machine::BYTES;

/// Bytes of the longest line.
pub const LONGEST: usize = 400;

pub struct Board {
    pub responder: Responder<'static>,
    assembler: Assembler<LONGEST>,
}

impl Board {
    pub fn new(bytes: &'static [u8]) -> Self {
        let flow = Flow::new(bytes).unwrap();
        let needs = Needs::of(&flow).unwrap();
        let memory = Memory {
            scratch: vec![0.0; needs.scratch].leak(),
            window: vec![0.0; needs.window].leak(),
            values: vec![0.0; needs.values].leak(),
            sensors: vec![SensorState::default(); needs.sensors].leak(),
        };
        let responder = Responder::new(flow, memory, LONGEST).unwrap();
        Board { responder, assembler: Assembler::new(REQUEST) }
    }

    /// Number and answer of the last line among these bytes that has one.
    pub fn raw(&mut self, bytes: &[u8]) -> Option<(u16, Answer<'static>)> {
        let mut answered = None;
        for &byte in bytes {
            if let Some(received) = self.assembler.push(byte) {
                let mut line = String::new();
                self.responder.answer(received, &mut line).unwrap();
                answered = Some(read(&line));
            }
        }
        answered
    }

    pub fn ask(&mut self, number: u16, request: Request) -> Answer<'static> {
        let mut line = String::new();
        request.write(&mut line, number).unwrap();
        self.numbered(number, &line)
    }

    pub fn row(&mut self, number: u16, row: &[f32]) -> Answer<'static> {
        let mut line = String::new();
        write_row(&mut line, number, row.iter().copied()).unwrap();
        assert_eq!(line.len(), flow_line::row_length(row.len()) + 1);
        self.numbered(number, &line)
    }

    pub fn framed(&mut self, number: u16, words: &str) -> (u16, Answer<'static>) {
        let mut line = String::new();
        write_frame(&mut line, REQUEST, number, |out| out.write_str(words)).unwrap();
        self.raw(line.as_bytes()).unwrap()
    }

    pub fn boot(&self) -> Answer<'static> {
        let mut line = String::new();
        self.responder.boot(&mut line).unwrap();
        read(&line).1
    }

    fn numbered(&mut self, number: u16, line: &str) -> Answer<'static> {
        let (answered, answer) = self.raw(line.as_bytes()).unwrap();
        assert_eq!(answered, number);
        answer
    }
}

/// Reads an answer's line as a host does.
pub fn read(line: &str) -> (u16, Answer<'static>) {
    let mut assembler = Assembler::<LONGEST>::new(ANSWER);
    let mut received = None;
    for byte in line.bytes() {
        if let Some(Received::Line(line)) = assembler.push(byte) {
            let frame = open_frame(ANSWER, line).unwrap();
            received = Some((frame.number, Answer::read(&frame).unwrap().with_engine(|text| text.to_owned().leak())));
        }
    }
    received.unwrap()
}
