/* Output and the end of the program, by way of the debugger or emulator. */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stdbool.h>
#include <stdint.h>

/* Arm's semihosting, https://github.com/ARM-software/abi-aa/blob/main/semihosting/semihosting.rst: an operation, a word that
 * says with what, and what comes of it. */
static inline uintptr_t semihosting(uint32_t operation, uintptr_t argument) {
    register uintptr_t r0 __asm__("r0") = operation;
    register uintptr_t r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

/* Prints a string on the host's standard output. */
static inline void print(const char *text) {
    static uintptr_t output; /* 0: not opened yet. */
    if (output == 0) {
        const uintptr_t console[3] = {(uintptr_t)":tt", 4 /* to write */, 3 /* letters of the name */};
        output = semihosting(0x01, (uintptr_t)console);
    }
    uintptr_t length = 0;
    while (text[length] != 0) {
        length++;
    }
    const uintptr_t what[3] = {output, (uintptr_t)text, length};
    semihosting(0x05, (uintptr_t)what);
}

/* Prints eight hexadecimal digits. */
static inline void print_hex(uint32_t value) {
    char text[9] = {0};
    for (int i = 7; i >= 0; i--, value >>= 4) {
        text[i] = "0123456789abcdef"[value & 15];
    }
    print(text);
}

/* Ends the program. */
static inline void __attribute__((noreturn)) leave(bool success) {
    const uint32_t reason[2] = {0x20026 /* the program ended by itself */, success ? 0 : 1};
    semihosting(0x20, (uintptr_t)reason);
    for (;;) {
    }
}

#endif
