/* A firmware that watches a machine: the log-density of each reading, and whether it is an alarm.
 *
 * It prints bits, in hexadecimal digits, for a test to compare: of the log-density, and of ln_p. Runs on an emulated
 * Cortex-M4F: make run. */
#include "flow.h"
#include "monitor.h"
#include "semihosting.h"

/* What flow-export emit-c has written. */
#ifndef MODEL_FILE
#define MODEL_FILE "model.h"
#endif
#include MODEL_FILE

/* The readings: static const float rows[][ROWS_COLUMNS]. A driver's, in a firmware. */
#ifndef ROWS_FILE
#define ROWS_FILE "rows.h"
#endif
#include ROWS_FILE
_Static_assert(ROWS_COLUMNS == MODEL_COLUMNS, "the rows are those of another model: give your own with ROWS=");

/* All memory is the program's. */
static float scratch[MODEL_SCRATCH];
static FlowModel flow;

static void stop_at(const char *what, FlowError error) {
    if (error != FLOW_ERROR_OK) {
        print(what);
        print(": ");
        print(flow_error_text(error));
        print("\n");
        leave(false);
    }
}

static void print_bits(float x) {
    union {
        float x;
        uint32_t bits;
    } both = {x};
    print_hex(both.bits);
}

int main(void) {
    static const char *const names[MODEL_COLUMNS] = MODEL_COLUMN_NAMES;
    stop_at("the model", flow_open(&flow, model, sizeof model, scratch, MODEL_SCRATCH));
    stop_at("self-test", flow_self_test(&flow));
    stop_at("the monitor", monitor_start(&flow));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        float log_prob;
        FlowVerdict verdict;
        int32_t column;
        stop_at("a reading", flow_log_prob(&flow, rows[i], MODEL_COLUMNS, NULL, 0, &log_prob));
        stop_at("a verdict", monitor_take(rows[i], &verdict, &column));
        print_bits(log_prob);
        print(" ");
        print_bits(verdict.ln_p);
        if (verdict.alarm) {
            print(" ALARM");
            if (column >= 0) {
                print(" ");
                print(names[column]);
            }
        }
        print("\n");
    }
    leave(true);
}
