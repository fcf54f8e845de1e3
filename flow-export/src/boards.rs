//! Common boards: what they have of flash and RAM, which core runs at which clock, and from where that is known.
//!
//! Sizes and clocks are those of the makers' data sheets and board pages, which each entry names; `note` says what of them a
//! flow cannot have, or has to wait for. Cycles for an instruction are no fact of a data sheet: they are estimates from the
//! cores' instruction timings, for code and weights that lie where they are read without waiting.

use crate::cost::InstructionSet;
use flow_table::did_you_mean;

/// A kind of core.
#[derive(Debug, PartialEq)]
pub struct Core {
    /// Its name.
    pub name: &'static str,
    /// What the engine is compiled to.
    pub set: InstructionSet,
    /// Whether the costs of that set are fitted to the counts of an emulated core that executes the same code, and not nearly
    /// the same.
    pub counted: bool,
    /// Clock cycles for an instruction of the engine, an estimate.
    pub cycles: f64,
    /// Where that estimate comes from.
    pub why: &'static str,
}

/// A board.
#[derive(Debug, PartialEq)]
pub struct Board {
    /// Its name on the command line.
    pub name: &'static str,
    /// The name that its maker gives it, and its chip.
    pub title: &'static str,
    /// Its core, one of them where there are several.
    pub core: &'static Core,
    /// The core's clock, the highest that the chip is specified for unless `note` says otherwise.
    pub mhz: u32,
    /// KiB of flash that hold a program.
    pub flash_kib: u32,
    /// KiB of RAM in one piece that a program has.
    pub ram_kib: u32,
    /// Where the figures are from.
    pub source: &'static str,
    /// What is to be known besides: waiting for flash, RAM in pieces.
    pub note: &'static str,
}

impl Board {
    /// Bytes of flash.
    pub fn flash(&self) -> u64 {
        1024 * u64::from(self.flash_kib)
    }

    /// Bytes of RAM.
    pub fn ram(&self) -> u64 {
        1024 * u64::from(self.ram_kib)
    }

    /// Milliseconds that so many instructions take, an estimate.
    pub fn milliseconds(&self, instructions: u64) -> f64 {
        instructions as f64 * self.core.cycles / (1e3 * f64::from(self.mhz))
    }
}

/// The board of that name.
///
/// # Errors
/// Where there is none; names those that are near, or all.
pub fn find(name: &str) -> Result<&'static Board, String> {
    let wanted = name.to_lowercase();
    if let Some(board) = BOARDS.iter().find(|board| board.name == wanted) {
        return Ok(board);
    }
    let names = || BOARDS.iter().map(|board| board.name);
    // A part of a name, as in `f401re`, or one that is mistyped.
    let near: Vec<&str> = match names().filter(|known| known.contains(&wanted)).collect::<Vec<_>>() {
        parts if parts.is_empty() || wanted.len() < 2 => did_you_mean(&wanted, names()).into_iter().collect(),
        parts => parts,
    };
    let hint = if near.is_empty() { String::new() } else { format!(", did you mean {}?", near.join(" or ")) };
    Err(format!("no board {name:?}{hint}; there are {}", names().collect::<Vec<_>>().join(", ")))
}

const M0: Core = Core {
    name: "Cortex-M0",
    set: InstructionSet::Armv6M,
    counted: true,
    cycles: 1.6,
    why: "Arm's technical reference manual, instruction timing: a load or store 2 cycles, a branch that is taken 3, others 1",
};
const M0_PLUS: Core = Core {
    name: "Cortex-M0+",
    set: InstructionSet::Armv6M,
    counted: true,
    cycles: 1.4,
    why: "Arm's technical reference manual, instruction timing: a load or store 2 cycles, a branch that is taken 2, others 1",
};
const M3: Core = Core {
    name: "Cortex-M3",
    set: InstructionSet::Armv7M,
    counted: true,
    cycles: 1.5,
    why: "Arm's technical reference manual, instruction timing: a load 2 cycles, a branch that is taken 2 to 4, a long \
          multiplication 3 to 5, others 1",
};
const M4F: Core = Core {
    name: "Cortex-M4F",
    set: InstructionSet::Armv7EM,
    counted: true,
    cycles: 1.6,
    why: "Arm's technical reference manual, FPU timing: of eight multiply-accumulates one load of eight weights takes 9 \
          cycles, the 16 others 1 each; divisions and roots 14",
};
const M7: Core = Core {
    name: "Cortex-M7",
    set: InstructionSet::Armv7EM,
    counted: true,
    cycles: 1.0,
    why: "up to two instructions a cycle, which sums that wait for one another do not reach; from caches or tightly coupled \
          memory",
};
const M33: Core = Core {
    name: "Cortex-M33",
    set: InstructionSet::Armv8M,
    counted: true,
    cycles: 1.5,
    why: "taken as a Cortex-M4F's, a little less for branches",
};
const HAZARD3: Core = Core {
    name: "Hazard3",
    set: InstructionSet::Rv32imac,
    counted: true,
    cycles: 1.3,
    why: "three stages, one instruction a cycle, a cycle more for a branch that is taken and for a load that is used at once",
};
const BUMBLEBEE: Core = Core {
    name: "Bumblebee",
    set: InstructionSet::Rv32imac,
    counted: true,
    cycles: 1.4,
    why: "two stages, taken as other small RISC-V cores, multiplications a little slower",
};
const ESP_IMC: Core = Core {
    name: "RV32IMC",
    set: InstructionSet::Rv32imac,
    counted: false,
    cycles: 1.4,
    why: "four stages, one instruction a cycle, more for a branch that is taken and for a load that is used at once",
};
const ESP_IMAC: Core = Core { name: "RV32IMAC", counted: true, ..ESP_IMC };
const V4F: Core = Core {
    name: "QingKe V4F",
    set: InstructionSet::Rv32imafc,
    counted: true,
    cycles: 1.6,
    why: "two stages; taken as a Cortex-M4F's for want of published timings",
};

/// Flash of STM32 parts with an accelerator.
const ART: &str =
    "flash has wait states at this clock; ST's accelerator hides most of them for code, fewer for weights";
/// Serial flash behind a cache.
const XIP: &str = "the program lies in serial flash behind a cache: weights that are not in the cache are waited for, and a \
                   flow that is larger than it takes up to several times as long; copied into RAM it does not";

/// The boards, by maker.
#[rustfmt::skip]
pub const BOARDS: [Board; 23] = [
    Board { name: "nucleo-f401re", title: "ST Nucleo-F401RE (STM32F401RE)", core: &M4F, mhz: 84, flash_kib: 512, ram_kib: 96, source: "ST data sheet STM32F401xD/xE (DS10086)", note: ART },
    Board { name: "black-pill-f411ce", title: "WeAct Black Pill (STM32F411CE)", core: &M4F, mhz: 100, flash_kib: 512, ram_kib: 128, source: "ST data sheet STM32F411xC/xE (DS10314)", note: ART },
    Board { name: "nucleo-f446re", title: "ST Nucleo-F446RE (STM32F446RE)", core: &M4F, mhz: 180, flash_kib: 512, ram_kib: 128, source: "ST data sheet STM32F446xC/E (DS10693)", note: ART },
    Board { name: "nucleo-l432kc", title: "ST Nucleo-L432KC (STM32L432KC)", core: &M4F, mhz: 80, flash_kib: 256, ram_kib: 64, source: "ST data sheet STM32L432KB/KC (DS11451)", note: ART },
    Board { name: "nucleo-l476rg", title: "ST Nucleo-L476RG (STM32L476RG)", core: &M4F, mhz: 80, flash_kib: 1024, ram_kib: 96, source: "ST data sheet STM32L476xx (DS10198)", note: "128 KiB of RAM in two pieces, the larger counted; flash has wait states at this clock, which ST's accelerator hides for the most part" },
    Board { name: "nucleo-g071rb", title: "ST Nucleo-G071RB (STM32G071RB)", core: &M0_PLUS, mhz: 64, flash_kib: 128, ram_kib: 36, source: "ST data sheet STM32G071x8/xB (DS12232)", note: "with the RAM's parity check 32 KiB; flash has two wait states at this clock, in part hidden by prefetching and a small cache" },
    Board { name: "nucleo-h743zi", title: "ST Nucleo-H743ZI (STM32H743ZI)", core: &M7, mhz: 480, flash_kib: 2048, ram_kib: 512, source: "ST data sheet STM32H742xI/G STM32H743xI/G (DS12110)", note: "1 MiB of RAM in several pieces, the largest counted; 400 MHz for the older revision of the chip; with the caches on" },
    Board { name: "blue-pill-f103c8", title: "Blue Pill (STM32F103C8)", core: &M3, mhz: 72, flash_kib: 64, ram_kib: 20, source: "ST data sheet STM32F103x8/xB (DS5319)", note: "flash has two wait states at this clock, in part hidden by prefetching" },
    Board { name: "pico", title: "Raspberry Pi Pico (RP2040)", core: &M0_PLUS, mhz: 125, flash_kib: 2048, ram_kib: 256, source: "RP2040 and Raspberry Pi Pico data sheets", note: XIP },
    Board { name: "pico-2", title: "Raspberry Pi Pico 2 (RP2350, Arm cores)", core: &M33, mhz: 150, flash_kib: 4096, ram_kib: 512, source: "RP2350 and Raspberry Pi Pico 2 data sheets", note: XIP },
    Board { name: "pico-2-riscv", title: "Raspberry Pi Pico 2 (RP2350, RISC-V cores)", core: &HAZARD3, mhz: 150, flash_kib: 4096, ram_kib: 512, source: "RP2350 and Raspberry Pi Pico 2 data sheets", note: XIP },
    Board { name: "nrf52840-dk", title: "Nordic nRF52840-DK (nRF52840)", core: &M4F, mhz: 64, flash_kib: 1024, ram_kib: 256, source: "Nordic nRF52840 product specification", note: "flash has wait states, for code hidden by its cache where that is switched on; Nordic's radio stack takes flash and RAM of its own" },
    Board { name: "microbit-v1", title: "BBC micro:bit v1 (nRF51822)", core: &M0, mhz: 16, flash_kib: 256, ram_kib: 16, source: "Nordic nRF51822 product specification, micro:bit hardware page", note: "" },
    Board { name: "microbit-v2", title: "BBC micro:bit v2 (nRF52833)", core: &M4F, mhz: 64, flash_kib: 512, ram_kib: 128, source: "Nordic nRF52833 product specification, micro:bit hardware page", note: "flash has wait states, for code hidden by its cache where that is switched on" },
    Board { name: "arduino-uno-r4", title: "Arduino Uno R4 Minima, WiFi (RA4M1)", core: &M4F, mhz: 48, flash_kib: 256, ram_kib: 32, source: "Renesas RA4M1 data sheet, Arduino Uno R4 data sheet", note: "Arduino's boot loader takes 16 KiB of the flash" },
    Board { name: "arduino-zero", title: "Arduino Zero (ATSAMD21G18)", core: &M0_PLUS, mhz: 48, flash_kib: 256, ram_kib: 32, source: "Microchip SAM D21 family data sheet (DS40001882)", note: "Arduino's boot loader takes 8 KiB of the flash; flash has a wait state at this clock" },
    Board { name: "metro-m4", title: "Adafruit Metro M4 (ATSAMD51J19)", core: &M4F, mhz: 120, flash_kib: 512, ram_kib: 192, source: "Microchip SAM D5x/E5x family data sheet (DS60001507)", note: "the boot loader takes 16 KiB of the flash; flash has wait states at this clock, behind a cache of 4 KiB" },
    Board { name: "teensy-4.1", title: "PJRC Teensy 4.1 (i.MX RT1062)", core: &M7, mhz: 600, flash_kib: 7936, ram_kib: 512, source: "NXP i.MX RT1060 data sheet, PJRC's board page", note: "1 MiB of RAM in two pieces, the tightly coupled one counted; weights are read from serial flash through the data cache" },
    Board { name: "esp32-c3", title: "Espressif ESP32-C3-DevKitM-1 (ESP32-C3)", core: &ESP_IMC, mhz: 160, flash_kib: 4096, ram_kib: 320, source: "Espressif ESP32-C3 data sheet and technical reference manual", note: XIP },
    Board { name: "esp32-c6", title: "Espressif ESP32-C6-DevKitC-1 (ESP32-C6)", core: &ESP_IMAC, mhz: 160, flash_kib: 8192, ram_kib: 512, source: "Espressif ESP32-C6 data sheet", note: XIP },
    Board { name: "longan-nano", title: "Sipeed Longan Nano (GD32VF103CB)", core: &BUMBLEBEE, mhz: 108, flash_kib: 128, ram_kib: 32, source: "GigaDevice GD32VF103 data sheet", note: "boards with the GD32VF103C8 have 64 KiB of flash and 20 KiB of RAM" },
    Board { name: "ch32v307-evt", title: "WCH CH32V307V-EVT (CH32V307VC)", core: &V4F, mhz: 144, flash_kib: 256, ram_kib: 64, source: "WCH CH32V20x/30x data sheet (CH32V307DS0)", note: "flash and RAM can be divided otherwise; these 256 KiB are read without waiting" },
    Board { name: "nrf5340-dk", title: "Nordic nRF5340-DK (nRF5340, application core)", core: &M33, mhz: 128, flash_kib: 1024, ram_kib: 512, source: "Nordic nRF5340 product specification", note: "flash has wait states at this clock, behind a cache" },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_near_ones_told() {
        for board in &BOARDS {
            assert_eq!(find(board.name).unwrap(), board);
            assert_eq!(find(&board.name.to_uppercase()).unwrap(), board);
            assert_eq!(BOARDS.iter().filter(|other| other.name == board.name).count(), 1, "{}", board.name);
        }
        let message = |name: &str| find(name).unwrap_err();
        assert!(message("f401re").contains("did you mean nucleo-f401re?"), "{}", message("f401re"));
        assert!(message("nucleo-f401er").contains("did you mean nucleo-f401re?"), "{}", message("nucleo-f401er"));
        assert!(
            message("pdp-11").starts_with("no board \"pdp-11\"; there are nucleo-f401re, "),
            "{}",
            message("pdp-11")
        );
    }

    #[test]
    fn what_is_said_of_boards_can_be() {
        for Board { name, core, mhz, flash_kib, ram_kib, source, .. } in &BOARDS {
            assert!((8..=1000).contains(mhz) && ram_kib < flash_kib && !source.is_empty(), "{name}");
            assert!((1.0..=2.0).contains(&core.cycles) && !core.why.is_empty(), "{name}");
        }
    }
}
