//! Every public function of flow-line, a board's side and a host's.

use crate::opaque;
use core::fmt::{Result, Write};
use core::hint::black_box;
use flow_line::{
    ANSWER, Answer, Assembler, Memory, Needs, REQUEST, Received, Request, Responder, open_frame, write_frame, write_row,
};
use flow_nostd::{Flow, SensorState};

/// A port of which the compiler does not know whether it takes what is written.
struct Uart;

impl Write for Uart {
    fn write_str(&mut self, text: &str) -> Result {
        black_box(text);
        black_box(Ok(()))
    }
}

/// A line of which the compiler knows nothing.
fn line() -> Received<'static> {
    black_box(if black_box(true) { Received::Line(opaque::file()) } else { Received::TooLong })
}

#[inline(never)]
pub fn speak(flow: Flow) {
    black_box((flow_line::PROTOCOL, flow_line::STATUS, flow_line::row_length(black_box(0))));
    let _ = black_box(Needs::of(&flow));
    let mut sensors = black_box([SensorState::default(); 4]);
    let memory = Memory {
        scratch: opaque::values(),
        window: opaque::values(),
        values: opaque::values(),
        sensors: black_box(&mut sensors),
    };
    match black_box(Responder::new(flow, memory, black_box(0))) {
        Ok(mut responder) => {
            let _ = black_box(Responder::boot(&responder, &mut Uart));
            let _ = black_box(Responder::answer(&mut responder, line(), &mut Uart));
            black_box(Responder::respond(&mut responder, Request::Hello));
            black_box(Responder::row(&mut responder, opaque::values().iter().copied()));
        }
        Err(unfit) => {
            let _ = black_box(write!(Uart, "{unfit}"));
        }
    }
    let mut assembler = black_box(Assembler::<16>::new(REQUEST));
    black_box(Assembler::push(&mut assembler, black_box(0)));
    Assembler::clear(&mut assembler);
    if let Some(frame) = black_box(open_frame(black_box(ANSWER), opaque::file())) {
        if let Some(request) = black_box(Request::read(&frame)) {
            let _ = black_box(Request::write(&request, &mut Uart, black_box(0)));
        }
        if let Some(answer) = black_box(Answer::read(&frame)).map(|answer| answer.with_engine(|_| black_box(""))) {
            let _ = black_box(Answer::write(&answer, &mut Uart, black_box(0)));
        }
    }
    let _ = black_box(write_frame(&mut Uart, REQUEST, black_box(0), |out| out.write_str(black_box(""))));
    let _ = black_box(write_row(&mut Uart, black_box(0), opaque::values().iter().copied()));
}
