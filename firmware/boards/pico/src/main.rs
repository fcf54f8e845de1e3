//! A frozen flow on the Raspberry Pi Pico, which answers rows in the line protocol of `spec/line-protocol.md`.
//!
//! **Wiring**: a USB-serial adapter of 3.3 V, or a Raspberry Pi Debug Probe. The board's GP0 (pin 1) sends: to the adapter's
//! RX. Its GP1 (pin 2) receives: from the adapter's TX. Ground to ground (pin 3). The Pico's own USB is for power and for
//! flashing only.
//!
//! **Flash**, in this folder, with the flow `pump.flow`; without `FLOW_FILE` it is the small one of `firmware/detect`. Hold
//! BOOTSEL while the Pico is plugged in, then:
//!
//! ```sh
//! rustup target add thumbv6m-none-eabi
//! cargo install --locked elf2uf2-rs
//! FLOW_FILE=$PWD/pump.flow cargo build --release
//! elf2uf2-rs -d target/thumbv6m-none-eabi/release/pico
//! ```
//!
//! With a debug probe, without BOOTSEL: `probe-rs download --chip RP2040 target/thumbv6m-none-eabi/release/pico`, then
//! `probe-rs reset --chip RP2040`.
//!
//! **Check**: `flow-export board pump.flow --port /dev/ttyUSB0 --data rows.csv`; a Debug Probe is `/dev/ttyACM0`.
//!
//! **Floats**: this core has no FPU. The boot ROM has float routines, and rp2040-hal puts them in the place of those that
//! come with Rust, unless its feature `disable-intrinsics` is on, as it is here: they take subnormal numbers for zero, so
//! not all bits would be those of the host (`docs/equal-bits.md`).
#![no_std]
#![no_main]

use rp2040_hal::clocks::{Clock, init_clocks_and_plls};
use rp2040_hal::fugit::RateExtU32;
use rp2040_hal::uart::{DataBits, StopBits, UartConfig, UartPeripheral};
use rp2040_hal::{Sio, Watchdog, gpio, pac};

/// What the chip's boot ROM loads and runs first: it sets up the flash, a W25Q080 or one that understands the same.
// SAFETY: memory.x keeps the section for just this, in the place where the boot ROM looks for it; no other item is in it.
#[allow(unsafe_code)]
#[unsafe(link_section = ".boot2")]
#[used]
static BOOT2: [u8; 256] = rp2040_boot2::BOOT_LOADER_W25Q080;

/// The Pico's crystal, Hz.
const CRYSTAL: u32 = 12_000_000;

#[rp2040_hal::entry]
fn main() -> ! {
    let mut device = pac::Peripherals::take().expect("nobody has taken them");
    let mut watchdog = Watchdog::new(device.WATCHDOG);
    let clocks = init_clocks_and_plls(
        CRYSTAL,
        device.XOSC,
        device.CLOCKS,
        device.PLL_SYS,
        device.PLL_USB,
        &mut device.RESETS,
        &mut watchdog,
    )
    .expect("clocks that the crystal allows");
    let sio = Sio::new(device.SIO);
    let pins = gpio::Pins::new(device.IO_BANK0, device.PADS_BANK0, sio.gpio_bank0, &mut device.RESETS);
    let pins = (pins.gpio0.into_function(), pins.gpio1.into_function());
    let settings = UartConfig::new(115_200.Hz(), DataBits::Eight, None, StopBits::One);
    let port = UartPeripheral::new(device.UART0, pins, &mut device.RESETS)
        .enable(settings, clocks.peripheral_clock.freq())
        .expect("a rate that the clock allows");
    let (rx, mut tx) = port.split();
    let read = || {
        let mut byte = [0];
        // A byte that came damaged, or too late, is left out: the line's checksum tells.
        while rx.read_full_blocking(&mut byte).is_err() {}
        let [byte] = byte;
        byte
    };
    answer::serve(read, &mut tx)
}
