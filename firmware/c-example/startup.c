/* What a Cortex-M4F does before main: the vector table, the memory of variables, the FPU. */
#include <stdint.h>

extern uint32_t data_from[], data_start[], data_end[], zeros_start[], zeros_end[], stack_top[];

int main(void);

__attribute__((noreturn)) void reset(void) {
    /* Coprocessors 10 and 11, the FPU, for everybody. */
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20;
    __asm__ volatile("dsb\n isb" ::: "memory");
    const uint32_t *from = data_from;
    for (uint32_t *to = data_start; to < data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = zeros_start; to < zeros_end; to++) {
        *to = 0;
    }
    main();
    for (;;) {
    }
}

__attribute__((noreturn)) static void fault(void) {
    for (;;) {
    }
}

/* The stack's top, then what is called. */
struct vectors {
    uint32_t *stack_top;
    void (*handlers[15])(void);
};

__attribute__((used, section(".vectors"))) static const struct vectors vectors = {
    stack_top, {reset, fault, fault, fault, fault, fault, 0, 0, 0, 0, fault, fault, 0, fault, fault},
};
