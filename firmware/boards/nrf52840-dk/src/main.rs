//! A frozen flow on the nRF52840 DK, which answers rows in the line protocol of `spec/line-protocol.md`: as an async task of
//! Embassy, beside which others may run.
//!
//! **Wiring**: none but the USB cable, at the connector of the debugger (J2). It is a serial port of the host, and its other
//! end is UARTE 0 of the chip: P0.06 sends, P0.08 receives.
//!
//! **Flash**, in this folder, with the flow `pump.flow`; without `FLOW_FILE` it is the small one of `firmware/detect`:
//!
//! ```sh
//! rustup target add thumbv7em-none-eabihf
//! cargo install --locked probe-rs-tools
//! FLOW_FILE=$PWD/pump.flow cargo build --release
//! probe-rs download --chip nRF52840_xxAA target/thumbv7em-none-eabihf/release/nrf52840-dk
//! probe-rs reset --chip nRF52840_xxAA
//! ```
//!
//! **Check**: `flow-export board pump.flow --port /dev/ttyACM0 --data rows.csv`; where the debugger has two ports, it is the
//! first or the second.
//!
//! While a row is judged no other task runs, because that does not wait for anything; what must not wait for it belongs in
//! an executor of a higher interrupt.
#![no_std]
#![no_main]

use answer::{ANSWER, Answers};
use embassy_executor::Spawner;
use embassy_nrf::buffered_uarte::{BufferedUarte, InterruptHandler};
use embassy_nrf::{bind_interrupts, peripherals, uarte};
use heapless::String;
use static_cell::ConstStaticCell;

bind_interrupts!(struct Interrupts {
    UARTE0 => InterruptHandler<peripherals::UARTE0>;
});

/// What comes in while the task is at work, and what is on its way out.
static RECEIVED: ConstStaticCell<[u8; 256]> = ConstStaticCell::new([0; 256]);
static SENT: ConstStaticCell<[u8; ANSWER]> = ConstStaticCell::new([0; ANSWER]);

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let device = embassy_nrf::init(Default::default());
    let mut settings = uarte::Config::default();
    settings.baudrate = uarte::Baudrate::Baud115200;
    let port = BufferedUarte::new(
        device.UARTE0,
        device.TIMER0,
        device.PPI_CH0,
        device.PPI_CH1,
        device.PPI_GROUP0,
        device.P0_08,
        device.P0_06,
        Interrupts,
        settings,
        RECEIVED.take(),
        SENT.take(),
    );
    spawner.spawn(answer_rows(port).expect("it runs once"));
}

/// Answers for ever.
#[embassy_executor::task]
async fn answer_rows(mut port: BufferedUarte<'static>) {
    let mut said = String::<ANSWER>::new();
    let mut started = Answers::start(&mut said);
    send(&mut port, said.as_bytes()).await;
    let Some(answers) = &mut started else { return };
    let mut bytes = [0; 64];
    loop {
        // Bytes that came damaged, or too late, are left out: the line's checksum tells.
        let received = port.read(&mut bytes).await.unwrap_or(0);
        for byte in bytes.iter().take(received) {
            said.clear();
            answers.take(*byte, &mut said);
            send(&mut port, said.as_bytes()).await;
        }
    }
}

/// Hands on all of it, as soon as there is room for it.
async fn send(port: &mut BufferedUarte<'static>, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // A host that misses an answer asks again.
        let Ok(sent) = port.write(bytes).await else { return };
        bytes = bytes.get(sent..).unwrap_or_default();
    }
}
