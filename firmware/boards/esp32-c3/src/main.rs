//! A frozen flow on an ESP32-C3, which answers rows in the line protocol of `spec/line-protocol.md`.
//!
//! **Wiring**: none but the USB cable, where the board has a USB-serial converter (ESP32-C3-DevKitM-1 and -DevKitC-02): it is
//! wired to UART 0, GPIO21 sends and GPIO20 receives. Boards with nothing but the chip's own USB need an adapter of 3.3 V at
//! these two pins, crosswise, and ground.
//!
//! **Flash**, in this folder, with the flow `pump.flow`; without `FLOW_FILE` it is the small one of `firmware/detect`:
//!
//! ```sh
//! rustup target add riscv32imc-unknown-none-elf
//! cargo install --locked espflash
//! FLOW_FILE=$PWD/pump.flow cargo build --release
//! espflash flash --chip esp32c3 target/riscv32imc-unknown-none-elf/release/esp32-c3
//! ```
//!
//! **Check**: `flow-export board pump.flow --port /dev/ttyUSB0 --data rows.csv`. What the boot ROM and the boot loader say
//! on the same port before the program starts is passed over.
#![no_std]
#![no_main]

use esp_hal::uart::{Config, Uart};

// What the boot loader looks for in a program.
esp_bootloader_esp_idf::esp_app_desc!();

#[esp_hal::main]
fn main() -> ! {
    let device = esp_hal::init(esp_hal::Config::default());
    let settings = Config::default().with_baudrate(115_200);
    let port = Uart::new(device.UART0, settings).expect("a rate that the clock allows");
    let (mut rx, mut tx) = port.with_rx(device.GPIO20).with_tx(device.GPIO21).split();
    let read = || {
        loop {
            let mut byte = [0];
            // A byte that came damaged, or too late, is left out: the line's checksum tells.
            if let Ok(1) = rx.read(&mut byte) {
                let [byte] = byte;
                return byte;
            }
        }
    };
    answer::serve(read, &mut tx)
}
