// A program that measures nothing: what is linked for the board alone.
#include "board.h"

int main(void) {
    MEASURE("empty", );
}
