//! A frozen flow on the Nucleo-F401RE, which answers rows in the line protocol of `spec/line-protocol.md`.
//!
//! **Wiring**: none but the USB cable. The board's ST-Link is a serial port of the host, and its other end is USART2 of the
//! chip: PA2 sends, PA3 receives.
//!
//! **Flash**, in this folder, with the flow `pump.flow`; without `FLOW_FILE` it is the small one of `firmware/detect`:
//!
//! ```sh
//! rustup target add thumbv7em-none-eabihf
//! cargo install --locked probe-rs-tools
//! FLOW_FILE=$PWD/pump.flow cargo build --release
//! probe-rs download --chip STM32F401RETx target/thumbv7em-none-eabihf/release/nucleo-f401re
//! probe-rs reset --chip STM32F401RETx
//! ```
//!
//! **Check**: `flow-export board pump.flow --port /dev/ttyACM0 --data rows.csv`.
//!
//! For the Nucleo-F446RE: `--no-default-features --features f446`, and the chip `STM32F446RETx`.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use stm32f4xx_hal::{pac, prelude::*, rcc, serial};

#[entry]
fn main() -> ! {
    let device = pac::Peripherals::take().expect("nobody has taken them");
    // The oscillator within the chip, so it does not matter whether the ST-Link's clock is wired to it.
    let mut rcc = device.RCC.freeze(rcc::Config::hsi().sysclk(84.MHz()));
    let pins = device.GPIOA.split(&mut rcc);
    let settings = serial::Config::default().baudrate(115_200.bps());
    let port = device.USART2.serial((pins.pa2, pins.pa3), settings, &mut rcc).expect("a rate that the clock allows");
    let (mut tx, mut rx) = port.split();
    let read = || {
        loop {
            // A byte that came damaged, or too late, is left out: the line's checksum tells.
            if let Ok(byte) = nb::block!(rx.read()) {
                return byte;
            }
        }
    };
    answer::serve(read, &mut tx)
}
